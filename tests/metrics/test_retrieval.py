from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimodal_study.metrics.bootstrap import Resampling, paired_difference, replicates
from multimodal_study.metrics.retrieval import (
    by_chance,
    combine_median,
    directions,
    median_statistics,
    reciprocal,
    retrieval_metrics,
    within,
)
from multimodal_study.metrics.retrieval_table import columns, ranks_panels, ranks_table
from multimodal_study.metrics.search import Candidates, Positives, Standing, standings
from multimodal_study.metrics.statistics import totals

PAIR = ("image", "text")


def entities(n, seed=0, *, grid=False):
    """Two views with duplicates; on a grid every similarity is a small integer over one length."""
    random = np.random.default_rng(seed)
    if grid:
        # Rows of +1 and -1: all have the same length, so that many cosines are exactly equal.
        first, second = (random.choice([-1.0, 1.0], (n, 4)).astype(np.float32) for _ in range(2))
    else:
        second = random.standard_normal((n, 8)).astype(np.float32)
        first = second + random.standard_normal((n, 8)).astype(np.float32)
    keys = (random.integers(0, max(2, 2 * n // 3), n), random.integers(0, max(2, n // 2), n))
    return first, second, keys


def plain(first, second, keys, *, one_to_one):
    """Above, tied and hits from the whole matrix, query by query."""
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    rows = []
    for query, line in enumerate(unit[0].astype(np.float64) @ unit[1].astype(np.float64).T):
        same = (keys[0] == keys[0][query]) | (keys[1] == keys[1][query])
        positive = np.arange(len(line)) == query if one_to_one else same
        best = line[positive].max()
        level = np.abs(line - best) < 1e-6
        rows.append(((line > best + 1e-6).sum(), level.sum(), (level & positive).sum()))
    return np.array(rows).T


def counts(standing):
    return np.array([standing.above, standing.tied, standing.hits])


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("n", [1, 2, 57])
def test_standings_equal_a_plain_evaluation_with_duplicates_and_ties(n, grid):
    given_ = entities(n, grid=grid)
    for variant, found in enumerate(standings(*given_)):
        expected = plain(*given_, one_to_one=bool(variant))
        np.testing.assert_array_equal(counts(found), expected)


def test_ranks_without_ties_equal_a_full_sort():
    first, second, keys = entities(40)
    found = standings(first, second, keys)[0]
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    for query, ranked in enumerate(order):
        good = (keys[0][ranked] == keys[0][query]) | (keys[1][ranked] == keys[1][query])
        rank = int(np.flatnonzero(good)[0]) + 1
        assert found.above[query] + 1 == rank
        assert within(found, rank)[query] == 1.0
        assert within(found, rank - 1)[query] == 0.0


@given(st.integers(1, 40), st.floats(1e-6, 0.01), st.booleans(), st.integers(0, 5))
@settings(max_examples=40)
def test_no_block_size_changes_a_standing(n, memory_mb, grid, seed):
    given_ = entities(n, seed, grid=grid)
    for whole, blocked in zip(
        standings(*given_), standings(*given_, memory_mb=memory_mb), strict=True
    ):
        np.testing.assert_array_equal(counts(whole), counts(blocked))


@pytest.mark.parametrize("grid", [False, True])
def test_the_order_of_the_gallery_changes_nothing(grid):
    first, second, keys = entities(60, grid=grid)
    order = np.random.default_rng(1).permutation(60)
    moved = standings(first[order], second[order], (keys[0][order], keys[1][order]))
    for before, after in zip(standings(first, second, keys), moved, strict=True):
        np.testing.assert_array_equal(counts(before)[:, order], counts(after))
        np.testing.assert_array_equal(before.positives[order], after.positives)


def test_positives_are_counted_once_however_many_keys_agree():
    keys = (np.array([7, 7, 1, 2]), np.array([5, 5, 5, 9]))
    positives = Positives(keys)
    assert positives.number().tolist() == [3, 3, 3, 1]
    rows, found = positives.of(0, 4)
    assert sorted(zip(rows.tolist(), found.tolist(), strict=True)) == [
        *((row, column) for row in range(3) for column in range(3)),
        (3, 3),
    ]


def queries_of(first, second, keys):
    found = {}
    for direction, views in zip(directions(PAIR), ((first, second), (second, first)), strict=True):
        found[direction], found[direction + "_one_to_one"] = standings(*views, keys)
    return found


@pytest.mark.parametrize("constant", [0.0, 1.0, -3.5])
def test_constant_embeddings_score_exactly_chance(constant):
    _, _, keys = entities(70)
    same = np.full((70, 5), constant, dtype=np.float32)
    queries = queries_of(same, same, keys)
    for metric in retrieval_metrics(PAIR).values():
        assert metric.value(queries) == pytest.approx(metric.value(by_chance(queries)), rel=1e-12)


def test_identical_views_are_found_at_rank_one():
    first, _, _ = entities(50)
    keys = (np.arange(50), np.arange(50))
    for name, metric in retrieval_metrics(PAIR).items():
        assert metric.value(queries_of(first, first, keys)) == 1.0, name


def test_a_duplicate_text_caps_the_one_to_one_score_alone():
    first = np.eye(4, dtype=np.float32)
    second = first[[0, 0, 2, 3]]
    queries = queries_of(first[[0, 0, 2, 3]], second, (np.arange(4), np.array([0, 0, 2, 3])))
    metrics = retrieval_metrics(PAIR)
    assert metrics["recall_at_1_image_to_text"].value(queries) == 1.0
    # Two of four queries have two equally similar items, one of which is theirs.
    assert metrics["recall_at_1_image_to_text_one_to_one"].value(queries) == pytest.approx(0.75)
    assert metrics["mrr_image_to_text_one_to_one"].value(queries) == pytest.approx(0.875)


@given(st.integers(0, 6), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60)
def test_closed_forms_equal_the_enumeration_of_all_orders(above, tied, hits):
    from itertools import combinations

    hits = min(hits, tied)
    ranks = np.array([above + min(c) + 1 for c in combinations(range(tied), hits)])
    array = [np.array([value]) for value in (above, tied, hits, hits)]
    standing = Standing(*array, gallery=above + tied)
    for depth in range(above + tied + 2):
        assert within(standing, depth)[0] == pytest.approx((ranks <= depth).mean(), abs=1e-12)
    assert reciprocal(standing)[0] == pytest.approx((1.0 / ranks).mean())


def test_chance_agrees_with_random_embeddings():
    _, _, keys = entities(50)
    metrics = retrieval_metrics(PAIR)
    random = np.random.default_rng(3)
    found = []
    for _ in range(40):
        views = random.standard_normal((2, 50, 6))
        found.append(queries_of(*views, keys))
    for name, metric in metrics.items():
        values = np.array([metric.value(queries) for queries in found])
        expected = metric.value(by_chance(found[0]))
        slack = 4 * values.std() / np.sqrt(len(values))
        # A median of a sample is biased by less than one rank.
        assert abs(values.mean() - expected) < slack + ("median" in name), name


def test_the_median_is_exact_where_it_matters_and_close_beyond():
    random = np.random.default_rng(0)
    for largest, tolerance in ((60, 0.0), (5000, 0.03)):
        ranks = random.integers(1, largest + 1, 201)
        ones = np.ones(201, dtype=np.int64)
        standing = Standing(ranks - 1, ones, ones, ones, 6000)
        found = float(combine_median(totals(median_statistics(standing))))
        assert found == pytest.approx(np.median(ranks), rel=tolerance, abs=0)


def test_candidates_go_first_and_the_rest_keeps_its_order():
    first, second, keys = entities(30)
    random = np.random.default_rng(5)
    positions = np.stack([random.permutation(30)[:6] for _ in range(30)])
    scores = random.integers(0, 3, (30, 6)).astype(np.float32)
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    similar = (unit[0] @ unit[1].T).astype(np.float64)
    # Candidates above every cosine, by score.
    np.put_along_axis(similar, positions, 10.0 + scores.astype(np.float64), axis=1)
    for variant, found in enumerate(
        standings(first, second, keys, candidates=Candidates(positions, scores), memory_mb=1e-3)
    ):
        for query, line in enumerate(similar):
            same = (keys[0] == keys[0][query]) | (keys[1] == keys[1][query])
            positive = np.arange(30) == query if variant else same
            best = line[positive].max()
            level = np.abs(line - best) < 1e-6
            expected = [(line > best + 1e-6).sum(), level.sum(), (level & positive).sum()]
            assert counts(found)[:, query].tolist() == expected


def test_perfect_scores_for_all_items_give_perfect_ranks():
    first, second, keys = entities(20)
    everything = np.tile(np.arange(20), (20, 1))
    perfect = Candidates(everything, np.eye(20, dtype=np.float32))
    assert (standings(first, second, keys, candidates=perfect)[1].above == 0).all()


@pytest.mark.parametrize(
    ("positions", "scores", "message"),
    [
        ([[0, 0], [1, 0]], [[1, 2], [1, 2]], "occurs twice"),
        ([[0, 2], [1, 0]], [[1, 2], [1, 2]], "leave the gallery"),
        ([[0, 1], [1, 0]], [[1, np.nan], [1, 2]], "finite"),
        ([[0, 1]], [[1, 2]], "expected"),
    ],
)
def test_candidates_that_do_not_fit_are_refused(positions, scores, message):
    first, second, keys = entities(2)
    wrong = Candidates(np.array(positions), np.array(scores, dtype=np.float32))
    with pytest.raises(ValueError, match=message):
        standings(first, second, keys, candidates=wrong)


def test_a_nan_is_refused():
    first, second, keys = entities(5)
    first[2, 1] = np.nan
    with pytest.raises(ValueError, match="1 embeddings have a NaN"):
        standings(first, second, keys)


def test_the_ranks_table_gives_the_metrics_back_and_pairs():
    import pandas as pd

    first, second, keys = entities(40)
    examples = pd.DataFrame(
        {
            "example_id": [f"e{i:02}" for i in range(40)],
            "split": "test",
            "cluster": [f"c{i // 2}" for i in range(40)],
        }
    )
    queries = queries_of(first, second, keys)
    worse = queries_of(first[::-1].copy(), second, keys)
    good, bad = (ranks_table(examples, 1, each, PAIR) for each in (queries, worse))
    assert list(good.columns) == columns(PAIR)
    panels = [ranks_panels(each, PAIR)["test"] for each in (good.sample(frac=1), bad)]
    metrics = retrieval_metrics(PAIR)
    for name, metric in metrics.items():
        assert metric.value(panels[0].rows[0]) == pytest.approx(metric.value(queries)), name
    resampling = Resampling(replicates=200)
    drawn = replicates(panels[0], metrics, resampling)
    assert all(np.isfinite(values).all() for values in drawn.values())
    found = paired_difference(*panels, metrics, resampling)
    assert found["mrr_image_to_text"].low > 0
    assert found["median_rank_image_to_text"].high < 0
    with pytest.raises(ValueError, match="lack the columns"):
        ranks_panels(good.drop(columns="gallery"), PAIR)
