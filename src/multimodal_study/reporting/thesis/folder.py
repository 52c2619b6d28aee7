"""All files of the thesis folder: chapters and the figures that they name."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from multimodal_study.reporting.figures import history_figure, leaderboard_figure
from multimodal_study.reporting.retrieval import retrieval_figure
from multimodal_study.reporting.shown import Said
from multimodal_study.reporting.thesis.chapters import methodology, results
from multimodal_study.reporting.thesis.document import latex, markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Entry = Mapping[str, Any]


def thesis(
    entries: Sequence[Entry],
    studies: Mapping[str, Mapping[str, Any]] | None = None,
    over_all: Mapping[str, Said] | None = None,
) -> dict[str, str | bytes]:
    """Relative file name to contents: two chapters, each as ``.md`` and ``.tex``, and PDFs."""
    told = [entry for entry in entries if entry.get("schema")]
    drawn: dict[str, tuple[Figure, str]] = {}
    for entry in told:
        drawn |= _figures(entry)
    captions = {file: words for file, (_, words) in drawn.items()}
    chapters = {
        "methodology": methodology(told),
        "results": results(told, studies or {}, captions, over_all or {}),
    }
    files: dict[str, str | bytes] = {
        f"{name}.{suffix}": render(blocks)
        for name, blocks in chapters.items()
        for suffix, render in (("md", markdown), ("tex", latex))
    }
    return files | {file: pdf(figure) for file, (figure, _) in drawn.items()}


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF with letters as letters, the same bytes for figures made alike."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(stream, format="pdf", metadata={"CreationDate": None})
    return stream.getvalue()


def _figures(entry: Entry) -> dict[str, tuple[Figure, str]]:
    """Figures of one dataset by file, with their captions."""
    dataset, split = str(entry["dataset"]), entry["split"]
    confidence = float(entry["evaluation"].get("confidence", 0.95))
    baselines = list(entry["evaluation"].get("baselines", []))
    best, simple = (entry[key] or {} for key in ("best", "strongest_baseline"))
    found = {
        f"figures/{dataset}-leaderboard.pdf": (
            leaderboard_figure(
                pd.DataFrame(entry["leaderboard"]),
                entry["decides"],
                baselines=baselines,
                strongest=simple.get("paradigm"),
                chosen=best.get("paradigm"),
                confidence=confidence,
            ),
            f"{dataset}: principal metrics on {split} with {confidence:.0%} intervals; the dashed"
            " line is the strongest simple baseline.",
        )
    }
    if entry["histories"]:
        tables = {
            name: pd.DataFrame(curve).astype("float64")
            for name, curve in entry["histories"].items()
        }
        words = f"{dataset}: loss by epoch, a line per seed; the diamond is the epoch that is kept."
        found[f"figures/{dataset}-training.pdf"] = (history_figure(tables), words)
    if entry["retrieval"]:
        searched = entry["retrieval"]
        spaces = {
            name: {"space": space, "pair": searched["pair"], "rows": [True]}
            for name, space in searched["spaces"].items()
        }
        board = pd.DataFrame(searched["rows"])
        words = f"{dataset}: recall at 1 and 10 on {split}; the dashed line is chance."
        figure = retrieval_figure(board, spaces, confidence=confidence)
        found[f"figures/{dataset}-retrieval.pdf"] = (figure, words)
    return found
