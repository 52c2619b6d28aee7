import numpy as np
import pytest

from multimodal_study.metrics.common_space import MAPS, Pairs, fit_common_space
from multimodal_study.metrics.retrieval import reciprocal
from multimodal_study.metrics.search import standings


def linear(n, seed=0, *, noise=0.0, widths=(12, 5)):
    """The second view is a linear function of the first, shifted and scaled."""
    mix = np.random.default_rng(99).standard_normal(widths)
    random = np.random.default_rng(seed)
    first = random.standard_normal((n, widths[0])) * np.geomspace(1, 50, widths[0]) + 3.0
    second = (first / np.geomspace(1, 50, widths[0])) @ mix
    return first, second + noise * random.standard_normal(second.shape) - 7.0


def pairs(first, second):
    return Pairs(first, second, (np.arange(len(first)), np.arange(len(first))))


def score(space, given):
    views = space.first(given.first), space.second(given.second)
    return float(reciprocal(standings(*views, given.keys)[0]).mean())


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("widths", [(12, 5), (5, 12)])
def test_a_linear_relation_is_recovered(kind, widths):
    train, validation, test = (linear(200, seed, widths=widths) for seed in range(3))
    space = fit_common_space(train, pairs(*validation), kind=kind, strengths=[1e-6, 10.0])
    assert score(space, pairs(*test)) > 0.95
    assert space.choice["regularisation"] == 1e-6


def test_ridge_equals_the_library():
    from sklearn.linear_model import Ridge

    train, validation = linear(150, 0, noise=1.0), linear(40, 1, noise=1.0)
    space = fit_common_space(train, pairs(*validation), strengths=[0.3])
    source, target = (0, 1) if space.choice["towards"] == 1 else (1, 0)
    views = (space.first, space.second)
    standard = [(t - t.mean(0)) / t.std(0) for t in train]
    library = Ridge(alpha=0.3 * 150, fit_intercept=False).fit(standard[source], standard[target])
    np.testing.assert_allclose(views[source].projection, library.coef_.T, rtol=1e-6, atol=1e-9)
    assert views[target].projection is None


def test_canonical_variates_have_the_correlations_of_the_library():
    from sklearn.cross_decomposition import CCA

    train, validation = linear(300, 0, noise=3.0), linear(50, 1, noise=3.0)
    space = fit_common_space(train, pairs(*validation), kind="cca", strengths=[1e-9])
    ours = (space.first(train[0]), space.second(train[1]))
    theirs = CCA(n_components=5, max_iter=5000, tol=1e-10).fit(*train).transform(*train)

    def correlations(views):
        both = zip(views[0].T, views[1].T, strict=True)
        return np.sort([abs(np.corrcoef(x, y)[0, 1]) for x, y in both])

    np.testing.assert_allclose(correlations(ours), correlations(theirs), atol=1e-3)


def test_validation_chooses_and_says_so():
    train, validation = linear(100, 0, noise=4.0), linear(60, 1, noise=4.0)
    strengths = [1e-4, 0.1, 10.0]
    best = fit_common_space(train, pairs(*validation), strengths=strengths)
    alone = [
        fit_common_space(train, pairs(*validation), strengths=[one]).choice["validation_mrr"]
        for one in strengths
    ]
    assert best.choice["validation_mrr"] == pytest.approx(max(alone))


def test_a_constant_column_is_harmless():
    train, validation = linear(100), linear(40, 1)
    for each in (train[0], validation[0]):
        each[:, 3] = 5.0
    space = fit_common_space(train, pairs(*validation))
    assert np.isfinite(space.first(validation[0])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pca"}, "evaluation.retrieval.map is 'pca'"),
        ({"strengths": []}, "evaluation.retrieval.regularisation"),
        ({"strengths": [0.0]}, "expected numbers above 0"),
    ],
)
def test_wrong_options_are_refused(options, message):
    train = linear(20)
    with pytest.raises(ValueError, match=message):
        fit_common_space(train, pairs(*train), **options)
