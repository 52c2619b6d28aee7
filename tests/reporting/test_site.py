"""Pages over all datasets: whole, escaped, linked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pandas as pd
import pytest

from multimodal_study.errors import InputError
from multimodal_study.metrics.registry import METRICS
from multimodal_study.pipeline_registry import FITS
from multimodal_study.reporting import site
from multimodal_study.reporting.architecture import diagram, stages
from multimodal_study.reporting.known import paradigm_facts, published, source_facts
from multimodal_study.reporting.paradigm_pages import paradigm_pages
from multimodal_study.reporting.prose import docstring, prose
from multimodal_study.reporting.shown import Said, Shown, command_of, drawn, picture_files
from reporting.entries import HOSTILE, card, cell, entry
from reporting.pages import Page

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def study() -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    rows = [
        {"lambda": lam, "beta": 1.0, "seed": 42, "split": split, "metric": metric, "value": value}
        for lam, value in (("0.0", 0.6), ("0.5", 0.8), ("inf", 0.7))
        for split in ("validation", "test")
        for metric in ("accuracy", "elbo")
    ]
    summary = {
        "recommended": {"lambda": 0.5, "beta": 1.0},
        "decides": "accuracy",
        "rule": "highest",
        "answer": {
            "against_vae_alone": {
                "difference": 0.2,
                "low": 0.1,
                "high": 0.3,
                "verdict": "a measurable gain",
                "split": "test",
            }
        },
    }
    return {"fashion": summary}, {"fashion": pd.DataFrame(rows)}


def pages() -> dict[str, str]:
    entries = [entry("amazon"), entry("fashion")]
    studies, tables = study()
    said = {
        "study.ranks": Said("Mean ranks.", pd.DataFrame({"paradigm": [HOSTILE], "rank": [1.5]}))
    }
    made = {
        "index.html": site.overview(entries, studies, said),
        "ledger.html": site.metric_ledger(entries),
        "methods.html": site.methods(entries),
        "limitations.html": site.limitations(entries),
        "lambda.html": site.weight_study(studies, tables),
    }
    return made | {f"paradigms/{name}": text for name, text in paradigm_pages(entries).items()}


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_page_is_whole_and_shows_markup_from_data_as_text(made: dict[str, str]) -> None:
    shown = 0
    for name, text in made.items():
        page = Page(text)
        assert not {"script", "iframe", "form", "object", "link"} & {tag for tag, _ in page.tags}
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("main")) == len(page.all("h1")) == 1
        assert all(one["alt"] for one in page.all("img"))
        assert len(page.all("table")) == len(page.all("caption"))
        assert all(one.get("scope") for one in page.all("th")), name
        shown += page.text.count("alert('x')")
    assert shown > 5


def test_no_internal_link_is_dead(made: dict[str, str]) -> None:
    there = {*made, "amazon.html", "fashion.html"}
    for name, text in made.items():
        page = Page(text)
        ids = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
        for link in page.all("a"):
            address = unquote(str(link["href"]))
            file, _, part = address.partition("#")
            target = urljoin(name, file) if file else name
            assert target in there, (name, address)
            if part and target in made:
                other = (
                    ids
                    if target == name
                    else set(part for part in [part] if f'id="{part}"' in made[target])
                )
                assert part in other, (name, address)


def test_nothing_is_loaded_from_elsewhere(made: dict[str, str]) -> None:
    for text in made.values():
        for tag, attributes in Page(text).tags:
            for key in ("src", "href", "srcset", "action", "data"):
                value = attributes.get(key) or ""
                assert not value.startswith(("http:", "https:", "//")), (tag, value)
        assert "url(" not in text
        assert "@import" not in text


def test_the_overview_answers_for_every_dataset_with_its_command(made: dict[str, str]) -> None:
    page = Page(made["index.html"])
    assert page.text.count("early is best on validation") == 2
    assert page.text.count("within noise: the interval contains zero") == 2
    command = (
        "kedro run --env smoke --pipelines=amazon_all --to-outputs=amazon.answers --params seed=1"
    )
    assert command in page.text
    assert "Mean ranks." in page.text
    assert "No dataset has been evaluated yet" in Page(site.overview([])).text


def test_an_entry_of_an_earlier_version_is_listed_and_named() -> None:
    old = {
        key: value
        for key, value in entry("amazon").items()
        if key in {"dataset", "source", "task", "kind", "label", "split", "best"}
    }
    text = Page(site.overview([old | {"strongest_baseline": None}, entry()])).text
    assert "kedro run --pipelines=amazon_all" in text
    assert text.count("early is best on validation") == 1


def test_the_ledger_has_every_metric_and_refuses_to_compare_what_is_unlike() -> None:
    found = {"log p(x1)": -233.5}
    reproduction = {
        "measured": found,
        "standard_error": {"log p(x1)": 0.75},
        "seed": 42,
        "test_rows": 10000,
    }
    page = Page(site.metric_ledger([entry()], reproduction))
    for metric in METRICS.values():
        assert metric.name in page.text
    for word in ("recall_capped", "hits / positives", "any hit", "per_class", "per class"):
        assert word in page.text
    assert "-233.50 (standard error 0.75), seed 42" in page.text
    assert "-0.965" in page.text
    like = [row for row in published() if row["like"]]
    assert all("reproduction" in row["ours"] for row in like)


def test_every_placed_paradigm_and_source_is_known() -> None:
    for dataset, placed in FITS.items():
        for name in placed:
            facts = paradigm_facts(name)
            assert facts["source"], name
            assert docstring(facts["code"]), name
        assert source_facts(dataset, "?")["licence"] == "not recorded"
    assert source_facts("fashion", "rendered")["licence"].startswith("MIT")


def test_the_diagram_has_a_box_for_each_part_and_counts_all_it_keeps() -> None:
    tensors, modalities = cell()["tensors"], card()["modalities"]
    inputs, encoders, body, heads, decoders = stages(tensors, modalities)
    assert [box.name for box in inputs] == [box.name for box in encoders] == ["image", "text"]
    assert encoders[0].lines[0] == "20 to 8"
    assert [box.name for box in (*body, *heads)] == ["network", "head"]
    assert decoders == []
    counted = sum(box.numbers for box in (*encoders, *body, *heads))
    assert counted == 8 * 20 + 8 * 12 + 8 * 16 + 2 * 8
    page = Page(str(diagram(tensors, modalities, HOSTILE)))
    assert len(page.all("rect")) == 6
    assert page.all("svg")[0]["role"] == "img"
    assert HOSTILE in str(page.all("svg")[0]["aria-label"])
    assert diagram({}, modalities, "none") == ""


def test_decoders_stand_apart_and_small_parts_together() -> None:
    tensors = {f"part{i}.weight": [2, i + 1] for i in range(9)} | {
        "vae.observer.decoders.text.0.weight": [12, 4]
    }
    _, _, body, _, decoders = stages(tensors, card()["modalities"])
    assert [box.name for box in decoders] == ["text"]
    assert len(body) == 6
    assert body[-1].name == "4 smaller parts"


def test_prose_escapes_and_keeps_code_and_lists() -> None:
    text = str(
        prose(f"One ``x < y`` {HOSTILE}\n\n- first :mod:`a.b`\n  more\n- second\n\n    code <b>")
    )
    assert "<code>x &lt; y</code>" in text
    assert "<script>" not in text
    assert text.count("<li>") == 2
    assert "<code>a.b</code>" in text
    assert "<pre>code &lt;b&gt;</pre>" in text


def test_figures_that_are_handed_over_stand_on_both_pages(tmp_path: Path) -> None:
    words = {"maps": Shown("Maps", "What was looked at.", HOSTILE, paradigm="early")}
    files = picture_files({"maps": {"a b.png": PNG, "c.png": lambda: PNG}}, words)
    assert set(files) == {"maps_a_b.png", "maps_c.png", "words.json"}
    found = drawn("fashion", files)
    assert [one.title for one in found] == ["Maps: a b", "Maps: c"]
    pictures = json.loads(json.dumps([vars(one) for one in found]))
    page = Page(paradigm_pages([entry(pictures=pictures)])["early.html"])
    sources = [one["src"] for one in page.all("img")]
    assert "../pictures/fashion/maps_c.png" in sources
    assert HOSTILE in [one["alt"] for one in page.all("img")]
    other = Page(paradigm_pages([entry(pictures=pictures)])["mvae.html"])
    assert not [one for one in other.all("img") if "pictures" in str(one["src"])]


def test_a_paradigm_has_all_its_numbers_and_none_of_others() -> None:
    page = Page(paradigm_pages([entry()])["early.html"])
    assert "0.800 [0.750, 0.850]" in page.text
    assert "0.600 [0.550, 0.650]" not in page.text
    assert "best on validation" in page.text
    other = Page(paradigm_pages([entry()])["mvae.html"])
    assert "measurably worse than the best on validation, early" in other.text
    tied = Page(paradigm_pages([entry()])["hybrid.html"])
    assert "within noise of the best, early" in tied.text


def test_what_is_no_picture_is_refused() -> None:
    words = {"maps": Shown("Maps", "Caption.", "Alt.")}
    with pytest.raises(InputError, match="neither PNG"):
        picture_files({"maps": b"nothing"}, words)
    with pytest.raises(InputError, match="expected a picture"):
        picture_files({"maps": 3}, words)
    with pytest.raises(InputError, match="no words"):
        picture_files({"other": PNG}, words)


def test_commands_repeat_how_the_run_was_started() -> None:
    run = {"environment": "smoke", "parameters": {"model.lambda": "0.5"}}
    assert command_of(run, "a_all", "a.b") == (
        "kedro run --env smoke --pipelines=a_all --to-outputs=a.b --params model.lambda=0.5"
    )
    assert command_of({}, "a_all") == "kedro run --pipelines=a_all"
