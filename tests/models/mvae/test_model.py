"""The multimodal VAE on tensors: bounds, likelihoods, masks, extremes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from multimodal_study.models.mvae.likelihoods import make_likelihood
from multimodal_study.models.mvae.model import MultimodalVAE, Objective
from multimodal_study.models.mvae.objectives import Weights
from multimodal_study.models.mvae.posteriors import AGGREGATIONS
from multimodal_study.models.mvae.shared_draws import log_likelihoods

WIDTHS = {"image": 12, "text": 7, "label": 4}
MODELS = {"image": "bernoulli", "text": "normal", "label": "categorical"}
Z, H = 3, 16
VARIANTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    **{name: (name, 0, {}) for name in AGGREGATIONS},
    "poe private": ("poe", 2, {}),
    "moe private": ("moe", 2, {}),
    "mopoe private": ("mopoe", 2, {}),
    "poe one bound": ("poe", 0, {"subsets": None}),
    "poe random subsets": ("poe", 0, {"subsets": 2}),
    "moe iwae": ("moe", 0, {"estimator": "iwae", "samples": 3}),
    "moe dreg": ("moe", 0, {"estimator": "dreg", "samples": 3}),
    "moe iwae pooled": ("moe", 0, {"estimator": "iwae", "samples": 3, "pooled": True}),
    "moe private iwae": ("moe", 2, {"estimator": "iwae", "samples": 3}),
    "mopoe dreg": ("mopoe", 0, {"estimator": "dreg", "samples": 3}),
    "mopoe one component": ("mopoe", 0, {"one_component": True}),
    "mopoe private one component": ("mopoe", 2, {"one_component": True}),
}


def build(aggregation: Any, private: int = 0, names: tuple[str, ...] = tuple(WIDTHS)) -> Any:
    """Networks whose weights do not depend on which other modalities there are."""
    joint = aggregation == "joint"
    outputs = H if joint else 2 * (Z + private)
    encoders, decoders = {}, {}
    for number, name in enumerate(WIDTHS):
        torch.manual_seed(number)
        encoder = nn.Sequential(nn.Linear(WIDTHS[name], H), nn.Tanh(), nn.Linear(H, outputs))
        decoder = nn.Sequential(nn.Linear(Z + private, H), nn.Tanh(), nn.Linear(H, WIDTHS[name]))
        if name in names:
            encoders[name], decoders[name] = encoder, decoder
    return MultimodalVAE(
        encoders,
        decoders,
        {name: make_likelihood(MODELS[name], WIDTHS[name]) for name in names},
        latent_dim=Z,
        aggregation=aggregation,
        private_dim=private,
        joint=nn.Linear(H * len(names), 2 * Z) if joint else None,
        joint_width=H if joint else 0,
    )


def inputs(b: int = 6, scale: float = 1.0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        "image": torch.rand(b, 12, generator=generator),
        "text": scale * torch.randn(b, 7, generator=generator),
        "label": nn.functional.one_hot(torch.randint(4, (b,), generator=generator), 4).float(),
    }


def masks(b: int = 6) -> dict[str, Tensor]:
    pattern = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 0, 1]])
    return {name: pattern[:b, m].bool() for m, name in enumerate(WIDTHS)}


def masks_of(b: int) -> dict[str, Tensor]:
    return {name: mask.repeat(b // 6 + 1)[:b] for name, mask in masks().items()}


def objective_of(variant: str) -> Objective:
    return Objective(**VARIANTS[variant][2])


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_every_weight(variant: str) -> None:
    aggregation, private, _ = VARIANTS[variant]
    model = build(aggregation, private)
    # With missing modalities, so that a joint encoder's placeholders are taught as well.
    value = model.objective(inputs(), masks(), objective_of(variant)).objective
    assert value.shape == (6,)
    value.sum().backward()
    idle = {"auxiliary_log_scale"} if aggregation == "poe" else set()
    for name, weight in model.named_parameters():
        if name.split(".")[-1] in idle:
            continue
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_raises_the_bound(variant: str) -> None:
    aggregation, private, _ = VARIANTS[variant]
    model = build(aggregation, private)
    row = torch.arange(64) % 4
    x = {
        "image": torch.eye(4)[row].repeat(1, 3),
        "text": 2.0 * torch.eye(4)[row].repeat(1, 2)[:, :7],
        "label": torch.eye(4)[row],
    }
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    torch.manual_seed(0)

    def likelihood() -> float:
        return float(model.log_likelihood(x, samples=100).mean())

    before = likelihood()
    for _ in range(150):
        optimiser.zero_grad()
        (-model.objective(x, None, objective_of(variant)).objective.mean()).backward()
        optimiser.step()
    assert likelihood() > before + 8.0


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_mask_equals_dropping_the_modality(variant: str) -> None:
    aggregation, private, changes = VARIANTS[variant]
    if aggregation == "joint":
        pytest.skip("a joint encoder has other weights without the modality: see the next test")
    x = inputs(400)
    gone = torch.zeros(400, dtype=torch.bool)
    present = {"text": gone}
    masked, dropped = build(aggregation, private), build(aggregation, private, ("image", "label"))
    shared = {n: w for n, w in masked.state_dict().items() if "auxiliary" not in n}
    dropped.load_state_dict(shared, strict=False)
    objective = Objective(**{**changes, "subsets": 0 if "subsets" not in changes else None})
    poisoned = {**x, "text": torch.full((400, 7), torch.nan)}
    torch.manual_seed(0)
    first = masked.objective(poisoned, present, objective)
    torch.manual_seed(1)
    second = dropped.objective({n: x[n] for n in ("image", "label")}, None, objective)
    for one, other in (
        (first.objective, second.objective),
        (first.divergence, second.divergence),
        *((first.reconstruction[n], second.reconstruction[n]) for n in ("image", "label")),
    ):
        # Noise differs, so means over rows are compared within their Monte Carlo error.
        error = ((one.var() + other.var()) / 400).sqrt() + 1e-5
        assert (one.mean() - other.mean()).abs() < 5 * error
    torch.testing.assert_close(
        masked.encode(poisoned, present).expectation(),
        dropped.encode({n: x[n] for n in ("image", "label")}).expectation(),
    )
    absent = masked.encode({n: x[n] for n in ("image", "label")})
    torch.testing.assert_close(absent.expectation(), masked.encode(x, present).expectation())


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_with_any_pattern_do_not_read_what_they_lack(variant: str) -> None:
    aggregation, private, _ = VARIANTS[variant]
    model, x, present = build(aggregation, private), inputs(), masks()
    poisoned = {
        name: torch.where(present[name][:, None], value, torch.nan) for name, value in x.items()
    }
    values = []
    for given in (x, poisoned):
        torch.manual_seed(0)
        terms = model.objective(given, present, objective_of(variant))
        values.append(terms.objective)
        for name, found in terms.reconstruction.items():
            assert (found[~present[name]] == 0).all()
    torch.testing.assert_close(values[0], values[1])
    assert torch.isfinite(values[1]).all()
    # Every row stands alone: its posterior is that of a batch of one.
    together = model.encode(x, present).expectation()
    for row in range(6):
        single = {n: v[row : row + 1] for n, v in x.items() if present[n][row]}
        torch.testing.assert_close(
            together[row : row + 1], model.encode(single).expectation(), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("variant", ["joint", "poe", "moe", "mopoe", "mvtcae", "moe private"])
def test_elbo_is_below_the_importance_bound_which_rises(variant: str) -> None:
    aggregation, private, _ = VARIANTS[variant]
    model, x = build(aggregation, private), inputs(64)
    torch.manual_seed(0)
    elbo = torch.stack([model.elbo(x).objective for _ in range(200)]).mean().item()
    bounds = [
        torch.stack([model.log_likelihood(x, samples=k) for _ in range(repeats)]).mean().item()
        for k, repeats in ((1, 300), (10, 60), (200, 20))
    ]
    assert elbo < bounds[1] < bounds[2]
    assert bounds[0] < bounds[1]


class Affine(nn.Linear):
    """A fixed linear map."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.weight.copy_(weight)
            self.bias.copy_(bias)


def linear_gaussian() -> tuple[MultimodalVAE, dict[str, Tensor], Any]:
    """``x_m = A_m z + noise``: every likelihood and posterior is a Gaussian that is known."""
    generator = torch.Generator().manual_seed(3)
    maps = {}
    for name, d in (("a", 4), ("b", 3)):
        u, s, _ = torch.linalg.svd(torch.randn(d, 2, generator=generator), full_matrices=False)
        maps[name] = u * s
    encoders, decoders = {}, {}
    for name, a in maps.items():
        # With orthogonal columns of length s the posterior has independent axes. Beside the prior,
        # an expert then has the precision s^2 and the mean A'x / s^2.
        s = a.norm(dim=0)
        encoders[name] = Affine(
            torch.cat([(a / s.square()).T, torch.zeros(2, len(a))]),
            torch.cat([torch.zeros(2), -s.square().log()]),
        )
        decoders[name] = Affine(a, torch.zeros(a.shape[0]))
    widths = {name: a.shape[0] for name, a in maps.items()}
    likelihoods = {name: make_likelihood("normal", d) for name, d in widths.items()}
    model = MultimodalVAE(encoders, decoders, likelihoods, latent_dim=2, aggregation="poe")
    z = torch.randn(50, 2, generator=generator)
    x = {n: z @ a.T + torch.randn(50, len(a), generator=generator) for n, a in maps.items()}

    def exact(*names: str) -> Tensor:
        a = torch.cat([maps[name] for name in names])
        density = MultivariateNormal(torch.zeros(len(a)), a @ a.T + torch.eye(len(a)))
        return density.log_prob(torch.cat([x[name] for name in names], dim=1))

    return model, x, exact


def test_a_linear_gaussian_model_has_its_known_likelihoods() -> None:
    model, x, exact = linear_gaussian()
    torch.manual_seed(0)
    # The product of the exact experts is the exact posterior: no Monte Carlo error is left.
    torch.testing.assert_close(
        model.log_likelihood(x, samples=3), exact("a", "b"), rtol=1e-4, atol=1e-4
    )
    for name in ("a", "b"):
        found = model.log_likelihood(x, target=[name], samples=3)
        torch.testing.assert_close(found, exact(name), rtol=1e-4, atol=1e-4)
    conditional = model.log_likelihood(x, target=["b"], given=["a"], samples=3)
    wanted = exact("a", "b") - exact("a")
    torch.testing.assert_close(conditional, wanted, rtol=1e-4, atol=2e-4)
    # A proposal that does not know the target needs many draws, and then agrees.
    blind = model.log_likelihood(x, proposal=["a"], samples=20_000)
    assert (blind - exact("a", "b")).abs().max() < 0.25
    assert (blind - exact("a", "b")).mean().abs() < 0.02


def test_targets_that_share_draws_have_their_own_likelihoods() -> None:
    model, x, exact = linear_gaussian()
    torch.manual_seed(0)
    both, one = log_likelihoods(
        model, x, targets=[["a", "b"], ["a"]], proposal=["a"], samples=20_000
    )
    # q(z|a) is exact for a alone, and blind to b.
    torch.testing.assert_close(one, exact("a"), rtol=1e-4, atol=1e-4)
    assert (both - exact("a", "b")).abs().max() < 0.25
    assert (both - exact("a", "b")).mean().abs() < 0.02


def test_private_latents_share_no_draws() -> None:
    with pytest.raises(ValueError, match="private"):
        log_likelihoods(build("poe", 2), inputs(), targets=[["image"]], proposal=["image"])


def test_a_fitted_proposal_finds_the_exact_posterior_from_a_wrong_one() -> None:
    model, x, exact = linear_gaussian()
    with torch.no_grad():
        for encoder in model.coder.encoders.values():
            encoder.bias[:2] += 2.0
    torch.manual_seed(0)
    wanted = exact("a", "b")
    plain = model.log_likelihood(x, samples=100)
    with torch.inference_mode():
        x = {name: value * 1.0 for name, value in x.items()}
        fitted = model.log_likelihood(x, samples=100, refine=20)
    assert (plain - wanted).abs().mean() > 1.0
    assert (fitted - wanted).abs().mean() < 0.1
    assert (fitted - wanted).mean().abs() < 0.02


@pytest.mark.parametrize("variant", ["joint", "moe", "mopoe", "mvtcae", "poe private"])
def test_a_fitted_proposal_is_no_looser(variant: str) -> None:
    aggregation, private, _ = VARIANTS[variant]
    model, x = build(aggregation, private), inputs(200)
    torch.manual_seed(0)
    plain = model.log_likelihood(x, masks_of(200), samples=20).mean()
    fitted = model.log_likelihood(x, masks_of(200), samples=20, refine=20).mean()
    assert fitted > plain - 0.02


def test_the_elbo_of_an_exact_posterior_is_the_likelihood() -> None:
    model, x, exact = linear_gaussian()
    torch.manual_seed(0)
    elbo = torch.stack([model.elbo(x).objective for _ in range(2000)])
    error = elbo.std(0) / 2000**0.5
    assert ((elbo.mean(0) - exact("a", "b")).abs() < 5 * error + 1e-3).all()


@pytest.mark.parametrize("aggregation", ["moe", "mopoe", "mvtcae"])
def test_other_posteriors_estimate_the_same_likelihood(aggregation: Any) -> None:
    poe, x, exact = linear_gaussian()
    model = MultimodalVAE(
        dict(poe.coder.encoders),
        dict(poe.observer.decoders),
        dict(poe.observer.likelihoods),
        latent_dim=2,
        aggregation=aggregation,
    )
    torch.manual_seed(0)
    found = model.log_likelihood(x, samples=30_000)
    assert (found - exact("a", "b")).mean().abs() < 0.05


def test_a_pair_of_missing_rows_is_integrated_out() -> None:
    model, x, exact = linear_gaussian()
    present = {"b": torch.arange(50) % 2 == 0}
    found = model.log_likelihood(x, present, samples=5)
    expected = torch.where(present["b"], exact("a", "b"), exact("a"))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_mopoe_of_one_modality_has_the_bound_of_poe_of_one() -> None:
    poe = MultimodalVAE(
        {"text": build("poe").coder.encoders["text"]},
        {"text": build("poe").observer.decoders["text"]},
        {"text": make_likelihood("normal", 7)},
        latent_dim=Z,
        prior_expert=True,
    )
    mopoe = MultimodalVAE(
        dict(poe.coder.encoders),
        dict(poe.observer.decoders),
        dict(poe.observer.likelihoods),
        latent_dim=Z,
        aggregation="mopoe",
        prior_expert=True,
    )
    x = {"text": inputs()["text"]}
    values = []
    for model in (poe, mopoe):
        torch.manual_seed(0)
        values.append(model.objective(x).objective)
    torch.testing.assert_close(values[0], values[1])


@pytest.mark.parametrize("pooled", [False, True])
def test_dreg_and_iwae_have_one_value_and_dreg_has_no_score_term(pooled: bool) -> None:
    model, x = build("moe"), inputs()
    chosen = [Objective(estimator=e, samples=5, pooled=pooled) for e in ("iwae", "dreg")]
    values = []
    for objective in chosen:
        torch.manual_seed(0)
        values.append(model.objective(x, None, objective).objective)
    torch.testing.assert_close(values[0], values[1])
    # Both estimate one gradient: their means agree within Monte Carlo error.
    weight = model.coder.encoders["text"][0].bias
    grads = []
    for objective in chosen:
        found = []
        for seed in range(400):
            torch.manual_seed(seed)
            value = model.objective(x, None, objective).objective
            found.append(torch.autograd.grad(value.sum(), weight)[0])
        grads.append(torch.stack(found))
    difference = grads[0].mean(0) - grads[1].mean(0)
    error = ((grads[0].var(0) + grads[1].var(0)) / 400).sqrt()
    assert (difference.abs() < 5 * error).all()


def test_bounds_by_component_are_averaged_and_lie_below_the_pooled_one() -> None:
    model, x = build("moe"), inputs()
    found = {}
    for pooled in (False, True):
        torch.manual_seed(0)
        objective = Objective(estimator="iwae", samples=4, pooled=pooled)
        found[pooled] = model.objective(x, None, objective).objective
    # The logarithm of a mean is above the mean of logarithms, row by row.
    assert (found[False] < found[True]).all()
    # A row that has one modality has one component, and then the two are one.
    alone = {name: torch.full((6,), name == "text") for name in WIDTHS}
    values = []
    for pooled in (False, True):
        torch.manual_seed(0)
        objective = Objective(estimator="dreg", samples=4, pooled=pooled)
        values.append(model.objective(x, alone, objective).objective)
    torch.testing.assert_close(values[0], values[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, None])
@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_nan_in_half_precision_with_large_inputs_or_one_row(
    variant: str, dtype: Any
) -> None:
    aggregation, private, _ = VARIANTS[variant]
    for b, scale in ((1, 1.0), (6, 100.0)):
        model = build(aggregation, private)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            value = model.objective(inputs(b, scale), masks(b), objective_of(variant)).objective
        value.sum().backward()
        assert torch.isfinite(value).all()
        for name, weight in model.named_parameters():
            assert weight.grad is None or torch.isfinite(weight.grad).all(), name
        assert torch.isfinite(model.log_likelihood(inputs(b, scale), masks(b), samples=4)).all()


def test_weights_and_free_bits_change_the_terms_they_name() -> None:
    model, x = build("poe"), inputs()
    values = {}
    for name, weights in {
        "plain": Weights(),
        "beta": Weights(beta=0.0),
        "image": Weights(likelihood={"image": 2.0}),
        "bits": Weights(free_bits=100.0),
    }.items():
        torch.manual_seed(0)
        values[name] = model.objective(x, None, Objective(weights, subsets=None))
    plain = values["plain"]
    torch.testing.assert_close(values["beta"].objective, plain.objective + plain.divergence)
    torch.testing.assert_close(
        values["image"].objective, plain.objective + plain.reconstruction["image"]
    )
    torch.testing.assert_close(
        values["bits"].objective, plain.objective + plain.divergence - 100.0 * Z
    )


def test_generation_has_the_shapes_it_says() -> None:
    model, x = build("moe", 2), inputs()
    found = model.generate(["image"], {"text": x["text"]}, samples=5)
    assert found["image"].shape == (5, 6, 12) and (found["image"] >= 0).all()
    assert {n: v.shape for n, v in model.sample(3).items()} == {
        n: (3, d) for n, d in WIDTHS.items()
    }
    decoded = model.decode(torch.zeros(2, 4, Z))
    assert decoded["label"].shape == (2, 4, 4)
    torch.testing.assert_close(decoded["label"].sum(-1), torch.ones(2, 4))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="private_dim is 2, but mvtcae"):
        build("mvtcae", 2)
    model, x = build("poe"), inputs()
    with pytest.raises(ValueError, match=r"no modality \['sound'\]"):
        model.encode(x, subset=["sound"])
    with pytest.raises(ValueError, match="none of"):
        model.encode({})
    with pytest.raises(ValueError, match="target and given"):
        model.log_likelihood(x, target=["text"], given=["text"])
    with pytest.raises(ValueError, match="dreg needs private_dim 0"):
        build("moe", 2).objective(x, None, Objective(estimator="dreg"))
