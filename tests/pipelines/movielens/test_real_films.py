"""Real posters and plots, a few of them, from the files to the features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from releases import read

from multimodal_study.contract import Features
from multimodal_study.pipelines.movielens.enrich import enrich, locate_enrichment
from multimodal_study.pipelines.movielens.featurise import featurise
from multimodal_study.pipelines.movielens.split import split
from multimodal_study.storage.features import FeaturesDataset

REAL = Path(__file__).parents[4] / "shared/data/movielens"
pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="MovieLens latest-small is not in ../shared/data/movielens"
)
FILMS = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Features, Any, dict[str, Any]]:
    """Features, coverage and summary of the first films, one of them without its poster."""
    root = tmp_path_factory.mktemp("films")
    posters = root / "posters"
    posters.mkdir()
    ratings, movies, _, _, summary = read("ml-latest-small", REAL, root / "scratch")
    movies = movies.head(FILMS)
    for number in movies["movie_id"].to_list()[1:]:
        if (REAL / f"posters/{number}.jpg").is_file():
            (posters / f"{number}.jpg").write_bytes((REAL / f"posters/{number}.jpg").read_bytes())
    ratings = ratings.filter(pl.col("movie_id").is_in(movies["movie_id"].implode()))
    users = ratings.select(pl.col("user_id").unique().sort())
    options = {
        "knowledge": True, "texts": ["plots"], "pictures": ["folder"],
        "plots": str(REAL / "plots.csv"), "posters": str(posters), "cards": str(root / "cards"),
        "tmdb": {"cache": str(root / "tmdb")},
    }  # fmt: skip
    table, coverage, about = enrich(
        movies.lazy(), ratings.lazy(), options, locate_enrichment(options), {"fetched": False}
    )
    splits, split_summary = split(
        ratings.lazy(), movies.lazy(), users.lazy(), {"strategy": "random"}, 42
    )
    text = {"model": "all-MiniLM-L6-v2", "max_tokens": 24}
    features = featurise(
        ratings.lazy(), splits.lazy(), table, {},
        {"cache": str(root / "cache"), "text": text, "tokens": text, "words": {"min_df": 1},
         "graph": {"rank": 2, "iterations": 2, "regularisation": 5.0}},
        {"size": 64}, summary, split_summary, about, 42,
    )  # fmt: skip
    return features, coverage, about


def test_texts_and_pictures_are_there_where_they_are(made: Any) -> None:
    features, coverage, about = made
    assert features.pair == ("image", "text")
    assert {"image", "regions", "text", "tokens", "words", "people"} <= set(features.modalities)
    assert not features.present["image"][0] and features.present["text"][0]
    assert not features.arrays["image"][0].any()
    shown = features.present["image"]
    assert shown.sum() == about["pictures"]["folder"] >= 3
    assert len(np.unique(features.arrays["image"][shown], axis=0)) == shown.sum()
    assert features.arrays["regions"].dtype == np.float16
    assert (features.lengths["regions"][shown] == features.arrays["regions"].shape[1]).all()
    assert (features.lengths["tokens"] > 0).tolist() == features.present["tokens"].tolist()
    by = coverage.set_index(["what", "source"])
    assert by.loc[("poster", "folder"), "films"] == shown.sum()
    assert "folder" in features.modalities["image"].encoder


def test_equal_keys_are_the_same_film_here(made: Any) -> None:
    features, _, _ = made
    for origin in ("image_key", "text_key"):
        keys = features.examples.groupby("movie")[origin].nunique()
        assert (keys == 1).all()
        assert features.examples[origin].nunique() == features.examples["movie"].nunique()


def test_features_survive_the_catalogue(made: Any, tmp_path: Path) -> None:
    features, _, _ = made
    dataset = FeaturesDataset(filepath=str(tmp_path / "features"))
    dataset.save(features)
    again = dataset.load()
    assert set(again.arrays) == set(features.arrays) and again.pair == features.pair
    assert (again.arrays["regions"] == features.arrays["regions"]).all()
