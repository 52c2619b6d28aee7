"""Joins, texts, pictures and the table of coverage: nothing invented, everything counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens import enrich as step
from multimodal_study.pipelines.movielens.enrichment import (
    cards,
    coverage,
    knowledge,
    posters,
    texts,
    tmdb_cache,
)
from multimodal_study.pipelines.movielens.enrichment.titles import alternatives, key, natural
from multimodal_study.pipelines.movielens.sources import RELEASES, films, sample
from multimodal_study.storage.secret import Secret, SecretDataset

REAL = Path(__file__).parents[4] / "shared/data/movielens"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="MovieLens latest-small is not in ../shared/data/movielens"
)


@pytest.fixture(scope="module")
def known() -> list[dict[str, Any]]:
    return knowledge.records(knowledge.database())


def film(number: int, title: str | None, year: int | None, imdb: int | None = None) -> Any:
    return {"movie_id": number, "title": title, "year": year, "imdb_id": imdb}


def record(title: str, year: int, imdb: str = "") -> Any:
    return {"title": title, "year": year, "imdb": imdb}


def test_titles() -> None:
    assert natural("Matrix, The") == "The Matrix"
    assert natural("Cage aux Folles, La") == "La Cage aux Folles"
    assert natural("I, Robot") == "I, Robot"
    both = alternatives("City of Lost Children, The (Cité des enfants perdus, La)")
    assert both == ["The City of Lost Children", "La Cité des enfants perdus"]
    assert alternatives("Seven (a.k.a. Se7en)") == ["Seven", "Se7en"]
    assert alternatives("Femme Nikita, La (Nikita)") == ["La Femme Nikita", "Nikita"]
    assert alternatives("(500) Days of Summer") == ["(500) Days of Summer"]
    assert key("The Matrix") == key("Matrix") == "matrix"
    assert key("Amélie & Zoë's") == "amelie and zoes"
    assert key("Smilla's Sense of Snøw") == "smillas sense of snow"
    assert key("A") == "a" and key("The The") == "the"


def test_the_same_year_goes_before_one_year_off_and_a_tie_is_refused() -> None:
    records = [
        record("Heat", 1995),
        record("Heat", 1996),
        record("Emma", 1996),
        record("Emma", 1994),
    ]
    found, how = knowledge.match([film(1, "Heat", 1995), film(2, "Emma", 1995)], records)
    assert found == {1: 0}
    assert how == {"by_title_and_year": 1, "refused_ambiguous": 1}


def test_two_films_of_one_record_are_both_refused() -> None:
    found, how = knowledge.match(
        [film(1, "Emma", 1996), film(2, "Emma", 1996), film(3, None, 1996), film(4, "X", None)],
        [record("Emma", 1996)],
    )
    assert found == {}
    assert how == {"refused_two_films_one_record": 2, "no_title_or_year": 2}


def test_an_imdb_id_decides_alone() -> None:
    records = [record("Heat", 1995, "tt0000001"), record("Other", 1950, "tt0000002")]
    found, how = knowledge.match([film(1, "Heat", 1995, 2), film(2, "Heat", 1995, 3)], records)
    assert found == {1: 1} and how == {"by_imdb_id": 1, "not_found": 1}


def test_names_are_split_outside_brackets() -> None:
    raw = 'Jo Ann (novel: "A, B"), Li Wei (screenplay, story), Jo Ann'
    assert knowledge.names_of(raw) == "Jo Ann|Li Wei"
    assert knowledge.names_of("A (unclosed, B") == "A"
    assert knowledge.names_of(None) is None and knowledge.names_of("") is None


def test_the_database_covers_what_was_measured(known: list[dict[str, Any]]) -> None:
    assert len(known) == 12_569
    assert sum(row["consensus"] is not None for row in known) > 5_000
    assert not any(row[name] in ("", "N/A") for row in known for name in knowledge.NAMES)


def test_facts_cover_the_sample_as_documented(known: list[dict[str, Any]]) -> None:
    ratings, described = sample.read()
    rows = [
        film(number, title, None if year is None else int(year))
        for number, title, year, _ in described.iter_rows()
    ]
    found, how = knowledge.match(rows, known)
    share = ratings["movieId"].is_in(list(found)).mean()
    assert len(found) / len(rows) == pytest.approx(0.733, abs=0.0005)
    assert share == pytest.approx(0.912, abs=0.0005)
    assert how["refused_ambiguous"] == 3 and how["refused_two_films_one_record"] == 12


def test_another_release_of_the_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "DIGEST", "0" * 64)
    with pytest.raises(InputError, match="another release"):
        knowledge.database()


@needs_real
def test_joins_by_title_agree_with_those_by_imdb_id(known: list[dict[str, Any]]) -> None:
    movies = films.read_movies(REAL / "movies.csv", RELEASES["ml-latest-small"]).rows
    links = {row["movie_id"]: row["imdb_id"] for row in films.read_links(REAL / "links.csv").rows}
    by_id, _ = knowledge.match([{**m, "imdb_id": links[m["movie_id"]]} for m in movies], known)
    by_title, _ = knowledge.match([{**m, "imdb_id": None} for m in movies], known)
    right = sum(by_id.get(number) == place for number, place in by_title.items())
    assert right / len(by_title) > 0.995
    assert right / len(by_id) > 0.97


def test_a_synopsis_says_what_is_known_and_no_more() -> None:
    bare = {"title": "Matrix, The", "year": 1999, "genres": "Action|Sci-Fi"}
    assert texts.compose(bare, consensus=True) == "The Matrix (1999) is an Action and Sci-Fi film."
    full = bare | {
        "director": "Lana W|Lilly W", "cast": "K R|C M|L F", "writer": None, "country": "USA",
        "consensus": "Stylish.",
    }  # fmt: skip
    said = "directed by Lana W and Lilly W, starring K R, C M and L F, made in USA."
    assert said in (texts.compose(full, consensus=False) or "")
    assert "Stylish" not in (texts.compose(full, consensus=False) or "")
    assert (texts.compose(full, consensus=True) or "").endswith(" Stylish.")
    assert texts.compose({"title": None}, consensus=True) is None
    assert (
        texts.compose({"title": "X", "year": None, "genres": ""}, consensus=False) == "X is a film."
    )


def test_the_first_source_that_has_a_text_is_used(tmp_path: Path) -> None:
    for number, text in ((10, "From TMDB."), (11, None)):
        path = tmdb_cache.film_path(tmp_path, number)
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f'{{"status": "found", "overview": {f"{chr(34)}{text}{chr(34)}" if text else "null"}}}'
        )
    rows = [
        {"movie_id": n, "title": "T", "year": 2000, "genres": "", "tmdb_id": t}
        for n, t in ((1, None), (2, 10), (3, 11), (4, 99))
    ]
    found = texts.choose(
        rows, ["plots", "tmdb", "composed"], {1: "A plot."}, tmp_path, consensus=False
    )
    assert [source for _, source in found] == ["plots", "tmdb", "composed", "composed"]
    alone = texts.choose(rows, ["plots"], {1: "A plot."}, None, consensus=False)
    assert alone == [("A plot.", "plots"), (None, None), (None, None), (None, None)]
    with pytest.raises(InputError, match="expected some of"):
        texts.choose(rows, ["wikipedia"], {}, None, consensus=False)


def test_plots_are_read_with_counts(tmp_path: Path) -> None:
    path = tmp_path / "plots.csv"
    path.write_text('movieId,plot\n1,"One &amp;\n two"\n1,Later\n2,\nx,Text\n', encoding="utf-8")
    plots, counts = texts.read_plots(path)
    assert plots == {1: "Later"}
    assert counts == {"rows_read": 4, "kept": 1, "duplicates": 1, "without_text": 1, "bad_id": 1}
    path.write_bytes("movieId,plot\n1,Café\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        texts.read_plots(path)
    path.write_text("id,plot\n")
    with pytest.raises(InputError, match="lacks the column movieId"):
        texts.read_plots(path)
    with pytest.raises(InputError, match="does not exist"):
        texts.read_plots(tmp_path / "no.csv")


def test_cards_depend_on_what_they_show(tmp_path: Path) -> None:
    def row(title: str, year: int | None = 1999, genres: str = "Drama") -> dict[str, Any]:
        return {"title": title, "year": year, "genres": genres}

    rows = [
        row("Matrix, The"),
        row("The Matrix"),
        row("Matrix, The", 2000),
        row("Matrix, The", 1999, "War"),
    ]
    paths = cards.render(rows, tmp_path / "a")
    assert len({path.name for path in paths}) == 3 and paths[0] == paths[1]
    again = cards.render(rows, tmp_path / "b")
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    pixels = [np.asarray(Image.open(path)) for path in paths]
    assert pixels[0].shape == (192, 128, 3)
    assert (pixels[0] != pixels[2]).any() and (pixels[0] != pixels[3]).any()


@pytest.mark.parametrize("title", ["X" * 300, "word " * 80, "雨月物語", "A\tB", "\u202eabc"])
def test_any_title_fits_on_a_card(title: str) -> None:
    assert cards.draw(title, None, "").size == cards.SIZE
    assert cards.draw(title, 1953, "|".join(cards.HUES) + "|New Genre").size == cards.SIZE


def test_posters_are_checked_and_bad_ones_counted(tmp_path: Path) -> None:
    folder = tmp_path / "posters"
    folder.mkdir()
    Image.new("RGB", (20, 30), (200, 0, 0)).save(folder / "1.jpg")
    (folder / "2.jpg").write_bytes(b"<html>")
    (folder / "3.png").write_bytes((folder / "1.jpg").read_bytes())
    outside = tmp_path / "secret.jpg"
    outside.write_bytes((folder / "1.jpg").read_bytes())
    (folder / "4.jpg").symlink_to(outside)
    (folder / "cover.jpg").write_bytes((folder / "1.jpg").read_bytes())
    rows = [
        {
            "movie_id": n,
            "title": "T" if n < 5 else None,
            "year": 2000,
            "genres": "",
            "tmdb_id": None,
        }
        for n in range(1, 6)
    ]
    chosen, refused = posters.choose(rows, ["folder"], folder, None, tmp_path / "cards")
    assert [p is not None for p in chosen] == [True, False, False, False, False]
    assert refused == {"not_an_image": 1, "outside_root": 1, "wrong_extension": 1}
    drawn, _ = posters.choose(rows, ["folder", "rendered"], folder, None, tmp_path / "cards")
    assert [p[1] if p else None for p in drawn] == ["folder", *["rendered"] * 3, None]
    (folder / "1.png").write_bytes(b"x")
    with pytest.raises(InputError, match="for film 1; remove one"):
        posters.folder_posters(folder)


def test_coverage_counts_films_and_ratings_and_marks_what_is_not_real() -> None:
    table = pl.DataFrame(
        {
            "movie_id": [1, 2, 3],
            "runtime": [90.0, None, 80.0],
            "imdb_rating": [None, 5.0, None],
            "genres": ["Drama", "", None],
            "text": ["a", "b", None],
            "text_source": ["plots", "composed", None],
            "poster_source": ["rendered", None, None],
        }
    )
    rows = coverage.coverage(table, pl.Series([10, 0, 30]), ("imdb_rating",)).set_index(
        ["what", "source"]
    )
    assert tuple(rows.loc[("runtime", ""), ["films", "ratings", "ratings_share"]]) == (2, 40, 1.0)
    assert rows.loc[("genres", ""), "films"] == 1
    assert "opinions" in rows.loc[("imdb_rating", ""), "note"]
    assert rows.loc[("text", "any"), "films"] == 2
    assert "not a real plot" in rows.loc[("text", "composed"), "note"]
    assert "not a real poster" in rows.loc[("poster", "rendered"), "note"]


def test_fetching_needs_ids_and_a_key() -> None:
    movies = pl.LazyFrame({"tmdb_id": pl.Series([None, None], dtype=pl.Int64)})
    assert step.fetch(movies, {"tmdb": {"fetch": False}}, Secret("")) == {"fetched": False}
    with pytest.raises(InputError, match=r"links\.csv"):
        step.fetch(movies, {"tmdb": {"fetch": True}}, Secret("x"))
    with pytest.raises(InputError, match="TMDB_API_KEY"):
        step.fetch(pl.LazyFrame({"tmdb_id": [1]}), {"tmdb": {"fetch": True}}, Secret(""))


def test_unknown_options_are_named() -> None:
    with pytest.raises(InputError, match="plotz"):
        step.locate_enrichment({"plotz": None})
    with pytest.raises(InputError, match="api_key"):
        step.locate_enrichment({"tmdb": {"api_key": "in the wrong place"}})


def test_a_secret_shows_itself_only_when_asked() -> None:
    import pickle

    dataset = SecretDataset(key="api_key", credentials={"api_key": "s3cret"})
    secret = dataset.load()
    assert secret.reveal() == "s3cret"
    assert "s3cret" not in repr(secret) + str(secret) + f"{secret}" + repr(dataset) + str(dataset)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    for credentials in (None, {}, {"api_key": None}):
        assert SecretDataset(key="api_key", credentials=credentials).load().reveal() == ""
