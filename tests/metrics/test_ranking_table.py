"""The table of recommenders: intervals by user, differences on the same users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from multimodal_study.errors import InputError
from multimodal_study.metrics.bootstrap import Resampling
from multimodal_study.metrics.ranking import TopN, evaluate
from multimodal_study.metrics.ranking_table import ranking_table

DRAWS = Resampling(replicates=400)


def _found(noise: float) -> TopN:
    random = np.random.default_rng(0)
    liked = random.random((200, 40)) < 0.2
    scores = liked + noise * random.normal(size=liked.shape)
    seen = csr_matrix(~liked & (random.random(liked.shape) < 0.1))
    return evaluate(lambda users: scores[users], seen, csr_matrix(liked), depth=10)


def test_intervals_and_differences_agree_with_the_normal_approximation() -> None:
    good, bad = _found(0.5), _found(1.0)
    table = ranking_table({"bad": bad, "good": good}, "good", DRAWS)
    rows: Any = table[table["metric"] == "ndcg"].set_index("recommender").to_dict("index")
    assert rows["good"]["value"] == pytest.approx(good.ndcg.mean())
    half = 1.96 * good.ndcg.std() / np.sqrt(200)
    assert rows["good"]["high"] - rows["good"]["value"] == pytest.approx(half, rel=0.25)
    apart = bad.ndcg - good.ndcg
    assert rows["bad"]["difference"] == pytest.approx(apart.mean())
    half = 1.96 * apart.std() / np.sqrt(200)
    found = rows["bad"]["difference_high"] - rows["bad"]["difference_low"]
    assert found == pytest.approx(2 * half, rel=0.25)
    assert np.isnan([rows["good"]["difference"], rows["good"]["difference_low"]]).all()


def test_a_recommender_equals_itself_on_every_resample() -> None:
    found = _found(0.7)
    table = ranking_table({"one": found, "same": found}, "one", DRAWS)
    same = table[(table["recommender"] == "same") & (table["metric"] != "coverage")]
    assert (same[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)


def test_what_cannot_be_paired_is_refused() -> None:
    found = _found(0.7)
    with pytest.raises(InputError, match="nobody"):
        ranking_table({"one": found}, "nobody", DRAWS)
    with pytest.raises(InputError, match="different users"):
        ranking_table({"one": found, "other": replace(found, users=found.users + 1)}, "one", DRAWS)
