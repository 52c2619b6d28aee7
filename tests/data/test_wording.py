from __future__ import annotations

import html
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.data.wording import clean, normal_form

TEXTS = st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs",))), min_size=1)


def form(text: str) -> str:
    return str(normal_form(pl.Series([text]))[0])


@given(TEXTS)
def test_clean_decodes_as_html_does(texts: list[str]) -> None:
    marked = [f"{text.replace('&', ' ').replace('<', ' ')}&#34;&amp;&eacute;" for text in texts]
    expected = [html.unescape(text) for text in marked]
    assert clean(pl.Series(marked)).to_list() == expected


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("a<br />b<BR>c", "a\nb\nc"),
        ("AT&T; and R&D", "AT&T; and R&D"),
        ("&amp;#34;", "&#34;"),
        ("&#x27;x&#39;", "'x'"),
        ("<b>bold</b>", "<b>bold</b>"),
        (None, None),
    ],
)
def test_clean_leaves_the_rest(raw: str | None, cleaned: str | None) -> None:
    assert clean(pl.Series([raw, "plain"], dtype=pl.String)).to_list() == [cleaned, "plain"]


@given(TEXTS)
def test_normal_form_knows_no_case_white_space_or_punctuation(texts: list[str]) -> None:
    for text in texts:
        assert form(f"Ab {text} c") == form(f"  aB\t{text} ,C!")
        assert form(f"a {text}") == form(unicodedata.normalize("NFKC", f"a {text}"))


def test_texts_without_words_stay_apart() -> None:
    assert form("!!!") != form("???")
    assert form("\U0001f44d") != form("\U0001f44e")
    assert form("caf\u00e9") == form("cafe\u0301") != form("cafe")
