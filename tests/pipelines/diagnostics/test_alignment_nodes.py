from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from multimodal_study.contract import Modality
from multimodal_study.metrics.alignment import linear_cka, modality_gap
from multimodal_study.pipelines.diagnostics.alignment import ALIGNMENT, SEPARATE, SHARED, alignment

SETTINGS = {"bootstrap": 100}


@pytest.fixture
def features(tiny_features):
    made = tiny_features(n=200)
    picture = Modality("picture", "review", "image", 6, "image", "normal", "test")
    keys = [f"k{i}" for i in range(200)]
    return replace(
        made,
        arrays={**made.arrays, "picture": made.arrays["text"]},
        present={**made.present, "picture": np.ones(200, dtype=bool)},
        modalities={**made.modalities, "picture": picture},
        examples=made.examples.assign(image_key=keys, text_key=keys),
        pair=("image", "text"),
    )


def metrics(value):
    row = {"metric": "accuracy", "split": "test", "value": value}
    return {"task": {"decides": "accuracy"}, "rows": [row]}


def study(features):
    random = np.random.default_rng(0)
    rows = np.arange(200)
    base = random.normal(size=(200, 8)).astype(np.float32)
    near = base + random.normal(0, 0.1, (200, 8)).astype(np.float32)
    far = random.normal(size=(200, 5)).astype(np.float32)
    embeddings = {
        "aligned": {"rows": rows, "0/image": base, "0/text": near, "0/joint": base},
        "apart": {"rows": rows, "0/image": base, "0/text": far, "0/joint": base},
        "blind": {"rows": rows, "0/text": far, "0/joint": base},
    }
    abilities = {"aligned": ["retrieval"], "apart": [], "blind": []}
    configs = {name: {"capabilities": own} for name, own in abilities.items()}
    recall = {"metric": "recall_at_10_image_to_text", "split": "test", "value": 0.75}
    retrieval = {"aligned": {"rows": [recall]}, "apart": {"rows": []}}
    scores = {name: metrics(k / 10) for k, name in enumerate(embeddings)}
    return alignment(features, embeddings, configs, retrieval, scores, SETTINGS), base, near, far


def test_every_paradigm_that_embeds_both_is_measured_on_test(features):
    found, base, near, far = study(features)
    assert list(found.columns) == ALIGNMENT
    rows = found.set_index("paradigm")
    assert list(rows.index) == ["aligned", "apart"]
    test = np.sort(features.rows("test"))
    assert set(rows["items"]) == {len(test)}
    assert rows.loc["aligned", "cka"] == pytest.approx(linear_cka(base[test], near[test]), abs=1e-5)
    assert rows.loc["apart", "cka"] == pytest.approx(linear_cka(base[test], far[test]), abs=1e-5)
    assert rows.loc["aligned", "gap"] == pytest.approx(modality_gap(base[test], near[test]))
    assert rows.loc["aligned", "cka_low"] > rows.loc["aligned", "cka_shuffled"]
    assert (rows["cka_low"] <= rows["cka"]).all() and (rows["cka"] <= rows["cka_high"]).all()


def test_spaces_that_are_not_shared_have_no_distances(features):
    rows = study(features)[0].set_index("paradigm")
    assert rows["space"].tolist() == [SHARED, SEPARATE]
    assert rows.loc["apart", ["gap", "alignment", "uniformity_first"]].isna().all()
    assert rows.loc["aligned", "alignment"] < 0.1


def test_recall_and_task_stand_beside(features):
    rows = study(features)[0].set_index("paradigm")
    assert rows.loc["aligned", "recall_at_10_first"] == 0.75
    assert rows["task"].tolist() == [0.0, 0.1]


def test_features_without_a_pair_are_refused(tiny_features):
    with pytest.raises(ValueError, match="pair"):
        alignment(tiny_features(), {}, {}, {}, {}, SETTINGS)
