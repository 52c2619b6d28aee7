"""Pages and chapters from the tables of the study, free of Kedro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multimodal_study.reporting.html import DataRecord, Results
    from multimodal_study.reporting.shown import Shown

Lazy = Mapping[str, Callable[[], Any]]
"""By folder, what loads a file of it."""
Cells = Mapping[str, Mapping[str, Any]]
"""Kind of output to its values by paradigm."""


def gallery(figures: Mapping[str, Any], words: Mapping[str, Shown]) -> dict[str, bytes]:
    """Files beside the pages for all figures that were handed over, by name."""
    from multimodal_study.reporting.shown import picture_files

    return picture_files(figures, words)


def plot_leaderboard(
    leaderboard: Any, metrics: Mapping[str, Mapping[str, Any]], evaluation: dict[str, Any]
) -> Any:
    """The leaderboard as an interactive figure."""
    from multimodal_study.metrics.selection import best
    from multimodal_study.reporting.interactive import leaderboard_plot

    baselines = list(evaluation.get("baselines", []))
    return leaderboard_plot(leaderboard, baselines=baselines, chosen=best(metrics))


def plot_latent(points: Any) -> Any:
    """The map of joint representations as an interactive figure."""
    from multimodal_study.reporting.interactive import latent_plot

    return latent_plot(points)


def write_report(  # noqa: PLR0917
    dataset: str,
    given: Mapping[str, Any],
    cells: Cells,
    tables: Mapping[str, str],
    evaluation: dict[str, Any],
    parameters: dict[str, Any],
) -> str:
    """The page of one dataset as HTML; ``tables``: names of handed-over ones, with their words."""
    from multimodal_study.reporting import html
    from multimodal_study.reporting.interactive import plots_of
    from multimodal_study.reporting.pictures import pictures
    from multimodal_study.reporting.shown import drawn

    return html.dataset_report(
        dataset,
        _results(given, cells),
        _record(given, tables, quoted=html.EXAMPLES),
        pictures(
            given["leaderboard"],
            cells["metrics"],
            cells["predictions"],
            cells["history"],
            evaluation,
        ),
        html.Settings(evaluation, parameters, given["run_record"]),
        drawn(dataset, given.get("report_pictures", {})),
        plots_of(given),
    )


def write_summary(
    dataset: str,
    given: Mapping[str, Any],
    cells: Cells,
    evaluation: dict[str, Any],
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """What the pages over all datasets know of this one."""
    from multimodal_study.reporting.entry import study_entry
    from multimodal_study.reporting.html import Settings
    from multimodal_study.reporting.shown import drawn

    return study_entry(
        dataset,
        _results(given, cells),
        _record(given, {}),
        cells["record"],
        cells["history"],
        given,
        Settings(evaluation, parameters, given["run_record"]),
        drawn(dataset, given.get("report_pictures", {})),
    )


def write_site(found: Mapping[str, Lazy]) -> dict[str, Any]:
    """All pages over datasets.

    Args:
        found: What lies there, each by name: ``evaluated_datasets`` (what :func:`write_summary`
            made), ``lambda_studies`` and ``lambda_points`` by dataset, ``reproductions``, and
            ``study_tables`` and ``study_pictures`` over all datasets.

    Returns:
        ``index``, ``ledger``, ``methods``, ``limitations`` and ``lambda``, each a page;
        ``paradigms``, pages by file name; ``assets``, what pages with plots load; and ``thesis``,
        chapters and figures by file name.
    """
    from multimodal_study.reporting import site
    from multimodal_study.reporting.captions import STUDY
    from multimodal_study.reporting.interactive import assets
    from multimodal_study.reporting.paradigm_pages import paradigm_pages
    from multimodal_study.reporting.shown import Said
    from multimodal_study.reporting.thesis.folder import thesis

    entries = list(_loaded(found["evaluated_datasets"]).values())
    studies = _loaded(found["lambda_studies"])
    made = (load() for name, load in found["reproductions"].items() if "mvae" in name)
    tables = _loaded(found["study_tables"])
    said = {name: Said(words, tables[name]) for name, words in STUDY.items() if name in tables}
    return {
        "index": site.overview(entries, studies, said, _loaded(found["study_pictures"])),
        "ledger": site.metric_ledger(entries, next(made, None)),
        "methods": site.methods(entries),
        "limitations": site.limitations(entries),
        "lambda": write_lambda(found["lambda_studies"], found["lambda_points"]),
        "paradigms": paradigm_pages(entries),
        "assets": assets(),
        "thesis": thesis(entries, studies, said),
    }


def _loaded(found: Lazy) -> dict[str, Any]:
    return {name: found[name]() for name in sorted(found)}


def write_lambda(studies: Lazy, tables: Lazy) -> str:
    """The page on the weight of the task, of every dataset that has its study."""
    from multimodal_study.reporting import site

    both: Sequence[str] = sorted(set(studies) & set(tables))
    return site.weight_study(
        {name: studies[name]() for name in both}, {name: tables[name]() for name in both}
    )


def _results(given: Mapping[str, Any], cells: Cells) -> Results:
    from multimodal_study.reporting.html import Results

    return Results(
        cells["metrics"],
        given["leaderboard"],
        given["contributions"],
        given["costs"],
        cells["retrieval"],
        given["significance"],
    )


def _record(
    given: Mapping[str, Any], tables: Mapping[str, str], *, quoted: int | None = None
) -> DataRecord:
    from multimodal_study.reporting.html import DataRecord
    from multimodal_study.reporting.shown import Said

    quarantine = None
    if quoted is not None:
        quarantine = given["quarantine"].head(quoted).collect().to_pandas()
    own = {name: Said(words, given[name]) for name, words in tables.items()}
    return DataRecord(given["ingest_summary"], given["split_summary"], quarantine, own)
