"""Every page opens from the file system, on a desktop and on a phone: no error, no request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import pandas as pd
import pytest

from browser import Browser, Visit, chromium
from multimodal_study.reporting.html import DataRecord, Settings, dataset_report
from multimodal_study.reporting.interactive import assets, latent_plot, leaderboard_plot, plots_of
from multimodal_study.reporting.shown import Said, Shown, drawn, picture_files
from reporting.entries import HOSTILE
from reporting.test_html import one_cell
from reporting.test_site import pages

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason="no Chromium on this machine (chromium, google-chrome): pages not opened",
)
DESKTOP, PHONE = 1280, 390
DOT = b"""<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">
<rect width="9" height="9"/></svg>"""


def dataset_page() -> tuple[str, dict[str, bytes]]:
    results = one_cell()
    points = pd.DataFrame(
        {
            "paradigm": HOSTILE,
            "projection": ["PCA", "t-SNE"] * 6,
            "example_id": [f"e{k}{HOSTILE}" for k in range(12)],
            "label": [HOSTILE, "b", "b"] * 4,
            "x": range(12),
            "y": range(12),
        }
    )
    figures = {
        "leaderboard_plot": leaderboard_plot(results.leaderboard, chosen="early"),
        "latent_plot": latent_plot(points),
    }
    wide = pd.DataFrame({f"a rather long column {k}": [HOSTILE, "text"] for k in range(12)})
    files = picture_files({"map": DOT}, {"map": Shown("Map", "A caption.", "A dot.")})
    data = DataRecord(
        quarantine=pd.DataFrame({"review": [HOSTILE]}),
        tables={"reviews": Said(f"Reviews. {HOSTILE} " + "A long caption goes on. " * 12, wide)},
    )
    page = dataset_report(
        "fashion", results, data, [], Settings({}), drawn("fashion", files), plots_of(figures)
    )
    return page, files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    page, pictures = dataset_page()
    files: dict[str, str | bytes] = {**pages(), "fashion.html": page, "amazon.html": page}
    files |= {f"assets/{name}": text for name, text in assets().items()}
    files |= {f"pictures/fashion/{name}": contents for name, contents in pictures.items()}
    for name, contents in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(contents.encode() if isinstance(contents, str) else contents)
    return root


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def chosen(root: Path) -> list[Path]:
    """Every page once; of the paradigms' pages, which share a template, three."""
    own = sorted(root.glob("*.html"))
    inner = [root / "paradigms" / f"{name}.html" for name in ("index", "early", "tfidf")]
    return [*own, *inner]


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_pages_open_without_an_error_or_an_outside_request(
    browser: Browser, folder: Path, width: int
) -> None:
    for page in chosen(folder):
        seen = browser.visit(page.as_uri(), width)
        where = f"{page.name} at {width}"
        assert seen.errors == [], where
        outside(seen, folder, where)
        assert seen.facts["width"] <= seen.facts["view"], where
        assert seen.facts["clipped"] == [], where
        assert seen.facts["broken"] == [], where
        assert seen.facts["overlapped"] == [], where
        if seen.facts["plots"]:
            assert seen.facts["drawn"], where


def outside(seen: Visit, folder: Path, where: str) -> None:
    for address in seen.requests:
        parts = urlparse(address)
        assert parts.scheme in {"file", "data", "blob"}, (where, address)
        if parts.scheme == "file":
            path = Path(unquote(parts.path))
            assert path.is_relative_to(folder), (where, address)
            assert path.is_file(), (where, address)


def test_markup_in_data_is_read_as_text_and_never_run(browser: Browser, folder: Path) -> None:
    seen = browser.visit((folder / "fashion.html").as_uri(), DESKTOP)
    assert seen.facts["plots"] == 2
    assert "<script>alert('x')</script>" in seen.facts["text"]
    assert seen.errors == []


def test_a_broken_page_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text(
        "<!doctype html><title>x</title><a class=skip></a><img src='http://example.invalid/x.png'>"
        "<p style='width:2000px'>wide</p><script>undefined_name()</script>"
    )
    seen = browser.visit(page.as_uri(), PHONE)
    assert any("undefined_name" in error for error in seen.errors)
    with pytest.raises(AssertionError, match=r"example\.invalid"):
        outside(seen, tmp_path, "broken")
    assert seen.facts["clipped"] == ["wide"]
