"""Chapters say the same in Markdown and LaTeX, and nothing in them can break out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.reporting.thesis.document import (
    Heading,
    Items,
    Paragraph,
    Table,
    latex,
    markdown,
    tex,
)
from multimodal_study.reporting.thesis.folder import thesis
from reporting.entries import HOSTILE, answer, entry, row

RETRIEVAL: dict[str, Any] = {
    "pair": ["image", "text"],
    "spaces": {"early": "shared"},
    "rows": [
        row(name, 0.3, f"recall_at_{depth}_{way}")
        for way in ("image_to_text", "text_to_image")
        for depth in (1, 10)
        for name in ("early", "chance")
    ],
}


@pytest.fixture(scope="module")
def files() -> dict[str, str | bytes]:
    return thesis([entry("amazon"), entry("fashion", retrieval=RETRIEVAL)])


def text(files: dict[str, str | bytes], name: str) -> str:
    found = files[name]
    assert isinstance(found, str)
    return found


def test_the_folder_has_chapters_in_both_forms_and_vector_figures(
    files: dict[str, str | bytes],
) -> None:
    chapters = {f"{name}.{end}" for name in ("methodology", "results") for end in ("md", "tex")}
    figures = {
        "figures/amazon-leaderboard.pdf",
        "figures/amazon-training.pdf",
        "figures/fashion-leaderboard.pdf",
        "figures/fashion-training.pdf",
        "figures/fashion-retrieval.pdf",
    }
    assert set(files) == chapters | figures
    assert all(bytes(files[name]).startswith(b"%PDF") for name in figures)  # type: ignore[arg-type]
    named = set(re.findall(r"\\includegraphics\[[^]]*\]\{([^}]*)\}", text(files, "results.tex")))
    assert named == figures
    assert set(re.findall(r"\]\((figures/[^)]*)\)", text(files, "results.md"))) == figures


def test_every_number_of_the_leaderboard_stands_in_both(files: dict[str, str | bytes]) -> None:
    for one in entry()["leaderboard"]:
        value = f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
        assert value in text(files, "results.tex")
        assert value.replace("[", r"\[").replace("]", r"\]") in text(files, "results.md")


def test_every_chapter_says_where_its_numbers_come_from(files: dict[str, str | bytes]) -> None:
    for name in ("methodology.md", "results.md", "methodology.tex", "results.tex"):
        said = text(files, name)
        for trace in ("r2", "m2", "feed" * 16, "abc", "42, 43"):
            assert trace in said, (name, trace)
    assert "kedro run --env smoke --pipelines=amazon_all" in text(files, "results.md")


def test_sentences_follow_their_tests() -> None:
    noisy = entry(answers=[answer("fusion", "early", "text_only", -0.1, 0.2)])
    clear = entry(answers=[answer("fusion", "early", "text_only", 0.1, 0.2)])
    said = "Fusion: early against text\\_only: accuracy"
    for made, verdict in ((noisy, "within noise"), (clear, "a measurable gain")):
        line = next(x for x in str(thesis([made])["results.tex"]).splitlines() if said in x)
        assert verdict in line


def test_latex_is_balanced_and_uses_booktabs(files: dict[str, str | bytes]) -> None:
    for name in ("methodology.tex", "results.tex"):
        said = text(files, name)
        begun = re.findall(r"\\begin\{(\w+)\}", said)
        assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", said))
        plain = re.sub(r"\\[{}]", "", said)
        assert plain.count("{") == plain.count("}")
        for rule in ("toprule", "midrule", "bottomrule"):
            assert said.count(f"\\{rule}") == begun.count("tabular")


@given(st.text())
def test_no_sign_of_latex_survives(words: str) -> None:
    made = tex(words.replace("`", ""))
    bare = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|ldots)\{\}", "", made
    )
    bare = re.sub(r"\\[&%$#_{}]", "", bare)
    assert not set(bare) & set("\\&%$#_{}~^<>")


def test_markup_stays_text_in_both() -> None:
    hostile = f"a_b & {HOSTILE} | 5 % `code_x`"
    blocks = [Heading(hostile), Paragraph(hostile), Items([hostile])]
    table = Table(hostile, "t", ["a", "b"], [[hostile, "1"]], numbers=1)
    made = markdown([*blocks, table])
    assert r"\<script\>" in made
    assert "<script>" not in made
    assert r"\|" in made
    assert "`code_x`" in made
    made = latex([*blocks, table])
    assert r"\texttt{code\_x}" in made
    assert r"a\_b \& \textless{}script" in made
    assert r"5 \%" in made
