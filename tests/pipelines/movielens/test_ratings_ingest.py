"""Reading releases: every layout, every kind of damage, and counts that add up."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from releases import FILMS, T, read, write_csv, zipped

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.ingest import ingest
from multimodal_study.pipelines.movielens.locate import locate
from multimodal_study.pipelines.movielens.sources import sample
from multimodal_study.pipelines.movielens.split import split

GOOD = [f"{u},{m},{2.5 + m / 2},{T + u}" for u in range(1, 11) for m in (1, 2, 3)]
ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared/data/movielens"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="MovieLens latest-small is not in ../shared/data/movielens"
)


def _adds_up(summary: dict) -> None:  # type: ignore[type-arg]
    for file in summary["files"]:
        parts = file["kept"] + file["duplicates"] + file["quarantined"]
        assert file["rows_read"] == parts, file


def test_each_bad_line_is_quarantined_with_its_number_and_reason(tmp_path: Path) -> None:
    bad = {
        32: ("1,2,7,1000000000", "rating_out_of_scale"),
        33: ("1,2,3.3,1000000000", "rating_out_of_scale"),
        34: ("1,2,nan,1000000000", "bad_rating"),
        35: ("1,2,good,1000000000", "bad_rating"),
        36: ("0,2,3.0,1000000000", "bad_user"),
        37: ("1,99999999999,3.0,1000000000", "bad_movie"),
        38: ("1,2,3.0", "wrong_field_count"),
        39: ("1,2,3.0,1000000000,5", "wrong_field_count"),
        40: ("1,2,3.0,1000000000,5,6", "wrong_field_count"),
        41: ("1,2,3.0,964", "bad_time"),
        42: ("1,2,3.0,99999999999", "bad_time"),
        43: ("1,2,3.\xff,1000000000", "not_utf8"),
        44: ("1,-2,3.0,1000000000", "bad_movie"),
        45: ("1.5,2,3.0,1000000000", "bad_user"),
    }
    folder = write_csv(tmp_path / "r", [*GOOD, *(line for line, _ in bad.values()), "", ""])
    ratings, _, _, quarantine, summary = read(
        "ml-25m", folder, tmp_path / "s", max_quarantined_share=0.5
    )
    found = {row["line"]: row["reason"] for row in quarantine.iter_rows(named=True)}
    assert found == {line: reason for line, (_, reason) in bad.items()}
    assert set(quarantine["file"]) == {"ratings.csv"}
    assert quarantine.filter(pl.col("line") == 32)["value"].item() == "1 | 2 | 7 | 1000000000"
    assert ratings.height == len(GOOD)
    assert summary["ratings"]["blank_lines"] == 2
    _adds_up(summary)


def test_too_many_bad_rows_stop_the_run_and_show_where(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "r", [*GOOD[:5], *["1,1,7,1000000000"] * 2])
    with pytest.raises(InputError, match=r"2 of 7 rows.*ratings\.csv:7 rating_out_of_scale"):
        read("ml-25m", folder, tmp_path / "s")


def test_of_two_ratings_of_a_pair_the_later_stays(tmp_path: Path) -> None:
    lines = [
        *GOOD,
        f"1,1,0.5,{T + 900}",  # later: replaces the first line
        f"1,2,0.5,{T - 900}",  # earlier: gives way though it comes last
        f"2,1,3.0,{T + 2}",  # same time, same rating: the later line stays
    ]
    ratings, *_, summary = read("ml-25m", write_csv(tmp_path / "r", lines), tmp_path / "s")
    of = {(u, m): r for u, m, r in ratings.select("user_id", "movie_id", "rating").iter_rows()}
    assert of[1, 1] == 0.5 and of[1, 2] == 3.5 and of[2, 1] == 3.0
    counts = summary["ratings"]
    assert (counts["duplicates"], counts["duplicates_with_other_rating"]) == (3, 2)
    assert ratings.height == len(GOOD)
    _adds_up(summary)


def test_ratings_keep_the_order_of_their_lines(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [GOOD[row] for row in rng.permutation(len(GOOD))]
    ratings, *_ = read("ml-25m", write_csv(tmp_path / "r", [*lines, GOOD[0]]), tmp_path / "s")
    kept = [line for line in lines if line != GOOD[0]] + [GOOD[0]]
    assert [f"{u},{m}" for u, m in ratings.select("user_id", "movie_id").iter_rows()] == [
        ",".join(line.split(",")[:2]) for line in kept
    ]


def test_titles_years_genres_and_links_are_read(tmp_path: Path) -> None:
    films = [*FILMS, "4,Untitled,(no genres listed)", "5,Series (2006\u20132007) ,Drama"]
    _, movies, users, _, summary = read(
        "ml-25m", write_csv(tmp_path / "r", GOOD, films=films), tmp_path / "s"
    )
    rows = {row["movie_id"]: row for row in movies.iter_rows(named=True)}
    assert (rows[2]["title"], rows[2]["year"]) == ("Matrix, The", 1999)
    assert rows[3]["title"] == "Amélie"
    assert (rows[4]["title"], rows[4]["year"], rows[4]["genres"]) == ("Untitled", None, "")
    assert rows[5]["year"] == 2006
    assert (rows[1]["imdb_id"], rows[1]["tmdb_id"]) == (114709, 862)
    assert rows[2]["tmdb_id"] is None and rows[3]["imdb_id"] is None
    assert users["user_id"].to_list() == list(range(1, 11))
    _adds_up(summary)


def test_a_rated_film_without_a_description_is_kept_and_counted(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "r", [*GOOD, f"1,77,3.0,{T}"])
    _, movies, _, _, summary = read("ml-25m", folder, tmp_path / "s")
    assert summary["movies_undescribed"] == 1
    assert movies.row(by_predicate=pl.col("movie_id") == 77, named=True)["title"] is None
    assert movies["movie_id"].is_sorted()


def test_a_missing_column_and_a_column_in_another_place(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "r", GOOD)
    whole = (folder / "ratings.csv").read_text().splitlines()
    turned = [",".join(line.split(",")[::-1]) for line in whole]
    (folder / "ratings.csv").write_text("\r\n".join(turned), encoding="utf-8-sig")
    ratings, *_ = read("ml-25m", folder, tmp_path / "s")
    assert ratings.height == len(GOOD) and ratings["rating"][0] == 3.0
    (folder / "ratings.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in whole))
    with pytest.raises(InputError, match=r"lacks the column timestamp.*another release"):
        read("ml-25m", folder, tmp_path / "s")
    shutil.copy(folder / "links.csv", folder / "movies.csv")
    (folder / "ratings.csv").write_text("\n".join(whole))
    with pytest.raises(InputError, match=r"movies\.csv lacks the column title, genres"):
        read("ml-25m", folder, tmp_path / "s")


def test_films_in_the_wrong_encoding_stop_the_run(tmp_path: Path) -> None:
    films = [f"{n},Amélie {n} (2001),Drama" for n in range(1, 9)]
    folder = write_csv(tmp_path / "r", GOOD, films=films)
    text = (folder / "movies.csv").read_text(encoding="utf-8")
    (folder / "movies.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"movies.*not_utf8"):
        read("ml-25m", folder, tmp_path / "s")


def test_double_colons_and_latin_1(tmp_path: Path) -> None:
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    lines = [line.replace(",", "::").replace(".0", "") for line in GOOD if not line.count(".5")]
    bad = ["1::2::3", "1:2::3::4", "1::2::3.5::1000000000", "1::2::3::1000000000::9"]
    (folder / "ratings.dat").write_text("\n".join([*lines, *bad]))
    (folder / "movies.dat").write_bytes("1::Amélie (2001)::Comedy|Drama\n".encode("latin-1"))
    ratings, movies, _, quarantine, summary = read(
        "ml-1m", folder, tmp_path / "s", max_quarantined_share=0.9
    )
    assert ratings.height == len(lines)
    assert movies["title"][0] == "Amélie"
    reasons = dict(zip(quarantine["line"], quarantine["reason"], strict=True))
    n = len(lines)
    assert reasons == {
        n + 1: "wrong_field_count",
        n + 2: "wrong_field_count",
        n + 3: "rating_out_of_scale",
        n + 4: "wrong_field_count",
    }
    _adds_up(summary)


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "r", GOOD)
    archive = zipped(folder, tmp_path / "ml-25m.zip")
    one, movies, *_, summary = read("ml-25m", folder, tmp_path / "s1")
    two, same, *_, packed = read("ml-25m", archive, tmp_path / "s2")
    assert one.equals(two) and movies.equals(same)
    assert packed["ratings"] == summary["ratings"]


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "ml-25m/..\\evil.csv", "C:/x"])
def test_a_zip_that_reaches_outside_is_refused(tmp_path: Path, name: str) -> None:
    archive = zipped(write_csv(tmp_path / "r", GOOD), tmp_path / "z.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, "x")
    with pytest.raises(InputError, match="leaves the folder"):
        read("ml-25m", archive, tmp_path / "s")
    assert not list(tmp_path.rglob("evil.csv"))


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    archive = zipped(write_csv(tmp_path / "r", GOOD), tmp_path / "z.zip")
    link = zipfile.ZipInfo("ml-25m/tags.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="symbolic link"):
        read("ml-25m", archive, tmp_path / "s")


def test_a_truncated_zip_and_a_page_saved_as_zip(tmp_path: Path) -> None:
    archive = zipped(write_csv(tmp_path / "r", GOOD), tmp_path / "z.zip")
    data = archive.read_bytes()
    for broken in (data[: len(data) // 2], b"<html>not found</html>"):
        archive.write_bytes(broken)
        with pytest.raises(InputError, match="no whole zip archive"):
            read("ml-25m", archive, tmp_path / "s")


def test_a_zip_with_a_flipped_byte_is_damaged(tmp_path: Path) -> None:
    archive = zipped(write_csv(tmp_path / "r", GOOD * 1), tmp_path / "z.zip")
    data = bytearray(archive.read_bytes())
    start = data.find(b"ratings.csv") + len("ratings.csv") + 8
    data[start] ^= 0xFF
    archive.write_bytes(bytes(data))
    with pytest.raises(InputError, match="damaged"):
        read("ml-25m", archive, tmp_path / "s")


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    for options, message in (
        ({"source": "ml-30m"}, "expected one of"),
        ({"source": "ml-25m"}, r"path is empty.*ml-25m\.zip"),
        ({"source": "ml-25m", "path": str(tmp_path / "no")}, "does not exist"),
        ({"source": "ml-25m", "path": str(tmp_path / "r")}, r"lacks ratings\.csv, movies\.csv"),
    ):
        with pytest.raises(InputError, match=message):
            locate(options)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "r", GOOD)
    outside = shutil.move(folder / "ratings.csv", tmp_path / "elsewhere.csv")
    (folder / "ratings.csv").symlink_to(outside)
    with pytest.raises(InputError, match="leads outside"):
        locate({"source": "ml-25m", "path": str(folder)})


def test_the_sample_is_unpickled_only_after_its_digest_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / sample.FILE).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.setattr(sample, "folder", lambda: tmp_path)
    with pytest.raises(InputError, match="not unpickled"):
        sample.read()


@needs_real
@pytest.mark.parametrize(
    ("source", "path", "ratings", "films"),
    [("ml-latest-small", REAL, 100_836, 9_742), ("ml-100k", REAL / "ml-100k", 100_000, 1_682)],
)
def test_real_releases_are_read_whole(
    tmp_path: Path, source: str, path: Path, ratings: int, films: int
) -> None:
    frame, movies, *_, summary = read(source, path, tmp_path)
    assert (frame.height, movies.height) == (ratings, films)
    assert summary["ratings"]["quarantined"] == summary["ratings"]["duplicates"] == 0
    _adds_up(summary)


PUBLISHED = {
    "random": (
        [80_003, 10_000, 10_001],
        "b3ce0ea428e8fa14b334968c60d8761180c9442173d1ab8aaaeab26d535dd7bd",
        0.033797,
    ),
    "user_last20": (
        [69_449, 10_299, 20_256],
        "e76cafe136708d690e31bee1d6ec442b3a7da7da5101abe3e61fd67694c9dfcf",
        0.085999,
    ),
    "global_time": (
        [80_003, 10_000, 10_001],
        "31e43ad6e313e48c4cdcc90d288745e0434141c4d432a726fad320e001b5ffa6",
        0.229977,
    ),
    "cold_movie": (
        [80_000, 10_002, 10_002],
        "c11e963683792308722eae12725c7898b7ec204caeffe7914ae827d82840a039",
        1.0,
    ),
    "cold_user": (
        [79_843, 10_128, 10_033],
        "a370d82c9c34b7b8edc18cfa3193e903a251b470606212b1010cc0ad5c0231bb",
        0.033589,
    ),
}


def test_the_sample_has_the_published_splits(tmp_path: Path) -> None:
    options = {"source": "sample", "scratch": str(tmp_path)}
    ratings, movies, users, _, summary = ingest(locate(options), options)
    assert (summary["ratings"]["kept"], movies.height, users.height) == (100_004, 9_066, 671)
    for strategy, (rows, digest, unseen) in PUBLISHED.items():
        table, said = split(ratings, movies.lazy(), users.lazy(), {"strategy": strategy}, seed=42)
        assert list(said["rows"].values()) == rows
        assert said["digests"]["test"] == digest
        assert said["test_share_of_unseen_movie"] == pytest.approx(unseen, abs=1e-5)
        assert table["split"].value_counts().height == 3
        assert table["movie"].max() == 9_065 and table["user"].max() == 670
    with pytest.raises(InputError, match="expected one of"):
        split(ratings, movies.lazy(), users.lazy(), {"strategy": "temporal"}, seed=42)
    with pytest.raises(InputError, match="run ingest again"):
        split(ratings, movies.head(5).lazy(), users.lazy(), {}, seed=42)
