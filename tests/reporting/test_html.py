from dataclasses import asdict, replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from metrics.tables import TASKS, predictions
from multimodal_study.metrics.registry import METRICS, metrics_for
from multimodal_study.pipelines.evaluation.nodes import (
    contributions,
    costs,
    evaluate,
    leaderboard,
)
from multimodal_study.pipelines.evaluation.significance import significance
from multimodal_study.reporting.figures import (
    calibration_figure,
    history_figure,
    leaderboard_figure,
    regression_figure,
)
from multimodal_study.reporting.html import (
    DataRecord,
    Picture,
    Results,
    Settings,
    dataset_report,
    dataset_summary,
    in_sentence,
    number,
)
from multimodal_study.reporting.pictures import pictures

HOSTILE = "<script>alert('x')</script>"
SETTINGS = {"bootstrap": 100, "baselines": ["tfidf"]}
COMPARISONS = [{"what": "Adding metadata", "with": "early", "without": "text_only"}]
RUN = pd.DataFrame(
    {"seed": 1, "epoch": [0, 1], "train_loss": [1.0, 0.5], "validation_loss": [0.9, 1.1]}
)
PAGES = {"index.html", "paradigms/index.html", "ledger.html", "lambda.html", "methods.html"}
PAGES |= {"limitations.html"}
VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Fails on tags that do not nest; remembers tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", params=["binary", "ordinal"])
def study(request):
    kind = request.param
    same = predictions(kind, skill=2.0)
    tables = {"tfidf": predictions(kind, seeds=(42,)), "text_only": same, "early": same}
    task = asdict(TASKS[kind])
    metrics = {name: evaluate(table, task, SETTINGS) for name, table in tables.items()}
    fits = {name: pd.DataFrame({"seed": [42], "fit_seconds": [1.5]}) for name in tables}
    results = Results(
        metrics,
        leaderboard(metrics, SETTINGS),
        contributions(tables, metrics, SETTINGS, COMPARISONS),
        costs(fits),
    )
    tested = significance(tables, metrics, {**SETTINGS, "permutations": 100})
    return kind, tables, replace(results, significance=tested)


def record():
    good = {"path": HOSTILE, "role": "reviews", "sha256": "ab" * 32}
    counts = {"rows_read": 12, "kept": 9, "duplicates": 2, "quarantined": 1}
    return DataRecord(
        ingest={
            "source": HOSTILE,
            "files": [good | counts, good | counts | {"kept": 8}],
            "reasons": {HOSTILE: 1},
        },
        split={
            "strategy": "official",
            "rows": {"train": 5, "validation": 2, "test": 2},
            "clusters": {"train": 5, "validation": 2, "test": 2},
            "digests": dict.fromkeys(("train", "validation", "test"), "feed"),
        },
        quarantine=pd.DataFrame({"file": ["a"], "line": [3], "value": [HOSTILE]}),
    )


def test_page_is_whole_and_says_what_it_must(study):
    kind, tables, results = study
    decides = TASKS[kind].decides
    drawn = pictures(
        results.leaderboard,
        results.metrics_by_paradigm,
        tables,
        {"early": RUN},
        SETTINGS,
    )
    assert len(drawn) == 3
    drawn[0] = replace(drawn[0], alt=HOSTILE + '"')
    settings = Settings(SETTINGS, {"seed": 42, "trainer": {"note": HOSTILE}})
    html = dataset_report("amazon", results, record(), drawn, settings)
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "form", "object"}
    assert ("html", {"lang": "en"}) in page.tags
    for tag, attributes in page.tags:
        address = attributes.get("src") or attributes.get("href") or "#content"
        assert address.startswith(("data:image/svg+xml;base64,", "#")) or address in PAGES
        assert tag != "img" or attributes["alt"]
        assert tag != "th" or attributes["scope"] in {"row", "col"}
    assert sum(tag == "table" for tag, _ in page.tags) == sum(
        tag == "caption" for tag, _ in page.tags
    )
    label = in_sentence(METRICS[decides].label)
    differ = (results.significance["p_holm"] < 0.05).sum()
    assert f"Of 3 pairs, {differ} differ measurably in {label} after Holm's" in page.text
    assert "corrected by Holm over the 3 pairs" in page.text
    assert (
        f"Adding metadata (early against text_only) changes {label} (test) by +0.000"
        " [0.000, 0.000]: no measurable contribution ." in page.text
    )
    for metric in metrics_for(kind).values():
        assert metric.definition in page.text
    for expected in ("best on validation", "strongest baseline", "trainer.note", "feed"):
        assert expected in page.text
    assert page.text.count("alert('x')") >= 4
    # The second file lost a row.
    assert sum(a.get("class") == "alarm" for _, a in page.tags) == 1


def test_what_was_not_recorded_is_said(study):
    _, _, results = study
    empty = Results(
        results.metrics_by_paradigm,
        results.leaderboard,
        results.contributions.head(0),
        results.costs,
    )
    text = Page(dataset_report("amazon", empty, DataRecord(), [], Settings({}))).text
    assert "rows were read was not recorded" in text
    assert "split was not recorded" in text
    assert "No comparison was possible" in text
    assert "No simple baseline was run" in text


def test_the_strongest_baseline_of_a_summary_was_chosen_on_validation(study):
    _, _, results = study
    summary = dataset_summary("amazon", results.metrics_by_paradigm, SETTINGS)
    assert summary["strongest_baseline"]["paradigm"] == "tfidf"


def test_numbers():
    assert number(None) == number(float("nan")) == "\u2013"
    assert number(1234.5678, 1) == "1,234.6"
    assert in_sentence("Macro F1") == "macro F1"
    assert in_sentence("AUROC") == "AUROC"


def test_figures_refuse_what_they_cannot_draw(study):
    _, _, results = study
    with pytest.raises(ValueError, match="no row to draw"):
        leaderboard_figure(results.leaderboard.head(0), "accuracy")
    with pytest.raises(ValueError, match="no paradigm"):
        history_figure({"tfidf": pd.DataFrame(columns=["seed", "epoch"])})
    with pytest.raises(ValueError, match="needs them"):
        calibration_figure({"early": predictions("regression")})


def test_history_has_a_panel_per_trained_paradigm():
    figure = history_figure({"early": RUN, "late": RUN, "tfidf": RUN[["seed", "epoch"]]})
    assert [axis.get_title() for axis in figure.axes] == ["early", "late"]


def test_a_single_epoch_is_drawn_as_points() -> None:
    axis = history_figure({"early": RUN[RUN["epoch"] == 0]}).axes[0]
    assert list(axis.get_xticks()) == [0]
    assert {line.get_marker() for line in axis.lines} >= {".", "D"}


def test_a_figure_made_twice_is_the_same_page():
    def page():
        picture = Picture(history_figure({"early": RUN}), "Loss by epoch.", "Loss.")
        return dataset_report("amazon", one_cell(), DataRecord(), [picture], Settings({}))

    assert page() == page()


def test_a_regression_has_no_reliability_diagram():
    found = one_cell()
    tables = {"early": predictions("regression")}
    drawn = pictures(found.leaderboard, found.metrics_by_paradigm, tables, {}, SETTINGS)
    assert len(drawn) == 1


def one_cell():
    metrics = {"early": evaluate(predictions("regression"), asdict(TASKS["regression"]), SETTINGS)}
    fits = {"early": pd.DataFrame({"seed": [42], "fit_seconds": [1.5]})}
    return Results(metrics, leaderboard(metrics, SETTINGS), pd.DataFrame(), costs(fits))


def test_a_regression_is_drawn_against_its_target() -> None:
    table = predictions("regression")
    figure = regression_figure({"early": table, "late": table}, bins=5)
    drawn = figure.axes[0].collections[0].get_offsets()
    rows = table[table["split"] == "test"]
    assert 1 <= len(drawn) <= 5
    assert rows["target"].min() <= drawn[:, 1].min() <= drawn[:, 1].max() <= rows["target"].max()
    assert (drawn[:, 0][1:] >= drawn[:, 0][:-1]).all()
