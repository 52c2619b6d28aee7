"""The sheet of traversals and the table of disentanglement, on a few rendered garments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from multimodal_study.errors import InputError
from multimodal_study.metrics.bootstrap import Resampling
from multimodal_study.pipelines.fashion import nodes
from multimodal_study.pipelines.fashion.featurise import featurise
from multimodal_study.pipelines.latents.factors import COLUMNS, disentanglement
from multimodal_study.pipelines.latents.traversals import FACTORS, traversals

BASE = Path(__file__).parents[3] / "conf/base"
RESAMPLING = Resampling(100, seed=1)


def shipped(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BASE / f"parameters_{name}.yml").read_text())[name]
    return found


@pytest.fixture(scope="module")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("garments"))
        given = {"source": "rendered", "rendered": {"n": 150, "size": 48, "workers": 1}}
        rendered = nodes.render(given, 1)
        files = nodes.locate(rendered, given)
        items, _, summary = nodes.ingest(files, given, 1)
        fractions = {"validation": 0.3, "test": 0.3}
        splits, said = nodes.split(
            items, {"strategy": "random", "fractions": fractions}, summary, 1
        )
        task = {"name": None, "min_class_rows": 2, "decides": None}
        table, _ = nodes.enrich(items, splits, task, {}, summary)
        options = {"image": False, "regions": False, "text": None, "tokens": None}
        options["words"] = {"max_features": 60}
        features = featurise(table, files, task, options, {}, summary, said)
        yield features, table, items, files, rendered


def look(garments: Any, folder: Path, **changes: Any) -> Any:
    features, table, items, files, rendered = garments
    options = {**shipped("interpretation")["traversals"], "size": 16, **changes}
    own = options.pop("mvae")
    parameters = {**shipped("mvae"), **own, "picture_channels": 4}
    parameters.pop("trainer")
    shared = yaml.safe_load((BASE / "parameters.yml").read_text())["trainer"]
    budget = {**shared, "max_epochs": 2, "checkpoints": str(folder / "checkpoints")}
    sources = (files, rendered)
    return traversals(features, table, items, sources, parameters, options, budget, RESAMPLING, 1)


def test_the_sheet_shows_latents_by_their_divergence(garments: Any, tmp_path: Path) -> None:
    figure, found = look(garments, tmp_path, positions=3, latents=2)
    assert list(found.columns) == FACTORS
    assert found["nats"].is_monotonic_decreasing
    assert set(found["latent"]) == set(
        range(shipped("interpretation")["traversals"]["mvae"]["latent_dim"])
    )
    # Validation names one factor a latent; test says how large the share is, with an interval.
    assert (found.groupby("latent")["named"].sum() == 1).all()
    named = found[found["named"] & found["share"].notna()]
    assert (named["low"] <= named["share"]).all() and (named["share"] <= named["high"]).all()
    rows = len(figure.axes) // 4
    assert 1 <= rows <= 2 and len(figure.axes) == rows * 4
    labels = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert labels[0] == f"z{found['latent'].iloc[0]}\n{found['nats'].iloc[0]:.1f} nats"


def test_without_known_factors_there_is_a_sheet_and_no_row(garments: Any, tmp_path: Path) -> None:
    features, table, items, files, _ = garments
    figure, found = look((features, table, items, files, {}), tmp_path, positions=2)
    assert found.empty and list(found.columns) == FACTORS and figure.axes


def test_what_is_out_of_range_is_named(garments: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"interpretation\.traversals\.positions is 1"):
        look(garments, tmp_path, positions=1)


def test_codes_that_are_factors_beat_random_ones(garments: Any) -> None:
    features, _, items, _, rendered = garments
    names = ["category", "colour", "pattern", "background", "pose", "light"]
    values = items.set_index("item_id").loc[features.examples["example_id"], names]
    codes = np.stack([pd.factorize(values[name])[0] for name in names], axis=1)
    rows = np.arange(len(codes))
    seen = {"rows": rows, "1/joint": codes.astype(np.float32), "1/image": codes}
    dense = dense_features(features)
    carriers = {name: rendered["carriers"][name] for name in names}
    options = {"bootstrap": 100}
    found = disentanglement(dense, items, carriers, {"known": seen}, options, RESAMPLING)
    assert list(found.columns) == COLUMNS
    assert list(found["representation"]) == ["known", "principal components", "random"]
    known, chance = found.iloc[0], found.iloc[-1]
    assert known["factors"] == len(names) and known["fits"] == 1
    for score in ("mig", "sap", "disentanglement", "completeness", "informativeness"):
        assert known[f"{score}_low"] > chance[f"{score}_high"], score
    for other, given in ((dense, {}), (replace(dense, pair=None), carriers)):
        nothing = disentanglement(other, items, given, {"known": seen}, options, RESAMPLING)
        assert nothing.empty and list(nothing.columns) == COLUMNS
    with pytest.raises(InputError, match="bootstrap is 5"):
        disentanglement(dense, items, carriers, {"known": seen}, {"bootstrap": 5}, RESAMPLING)


def dense_features(features: Any) -> Any:
    """The same examples with vectors of noise, of which there are components."""
    from multimodal_study.contract import Modality

    noise = np.random.default_rng(0).normal(size=(features.arrays["words"].shape[0], 8))
    modality = Modality("image", "item", "image", 8, "image", "normal", "noise")
    there = {"image": np.ones(len(noise), dtype=bool)}
    return replace(
        features,
        arrays={"image": noise},
        present=there,
        modalities={"image": modality},
        pair=("image", "text"),
    )
