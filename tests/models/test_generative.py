"""The multimodal VAE and the hybrid as paradigms."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.models import hybrid, mvae
from multimodal_study.models.mvae.posteriors import AGGREGATIONS
from multimodal_study.training import TrainerConfig, fit, predict

ROOT = Path(__file__).parents[2]
SHIPPED = yaml.safe_load((ROOT / "conf/base/parameters_mvae.yml").read_text())["mvae"]
SHIPPED.pop("trainer")  # its budget is no part of the model
SMALL = {**SHIPPED, "latent_dim": 6, "hidden": 16, "dropout": 0.0, "words_dropout": 0.0}
KINDS = ("binary", "multiclass", "ordinal", "regression")
TRAINER: dict[str, Any] = {
    "seeds": 1,
    "max_epochs": 4,
    "patience": 4,
    "batch_size": 8,
    "gradient_clip": 1.0,
    "precision": "32",
    "device": "cpu",
    "checkpoints": "unused",
}


def config_of(**changes: Any) -> mvae.Config:
    return mvae.Config(**{**SMALL, **changes})


def hybrid_of(task_weight: float, **changes: Any) -> hybrid.Config:
    own = {"task_weight": task_weight, "generative_epochs": 0, "gradient_report": True}
    return hybrid.Config(**{**SMALL, **own, **changes})


def build(features: Any, config: mvae.Config) -> mvae.MVAE:
    torch.manual_seed(0)
    network = hybrid.Hybrid if isinstance(config, hybrid.Config) else mvae.MVAE
    module = network(config, features.modalities, features.task)
    module.start(list(FeatureBatches(features, features.rows("train"), 16, sparse_words=True)))
    return module


def batch_of(features: Any, n: int = 8) -> Batch:
    rows = features.rows("train")[:n]
    return FeatureBatches(features, rows, n, sparse_words=True).gather(rows)


def fitted(features: Any, config: mvae.Config, folder: Path, **trainer: Any) -> Any:
    network = hybrid.Hybrid if isinstance(config, hybrid.Config) else mvae.MVAE

    def batches(split: Any, order: int | None) -> FeatureBatches:
        rows = features.rows(split)
        return FeatureBatches(features, rows, 8, shuffle_seed=order, sparse_words=True)

    return fit(
        lambda: network(config, features.modalities, features.task),
        batches("train", 1),
        batches("validation", None),
        trainer=TrainerConfig(**{**TRAINER, **trainer}),
        seed=7,
        folder=folder,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("posterior", AGGREGATIONS)
def test_shapes_and_probabilities(tiny_features: Any, posterior: str, kind: str) -> None:
    features = tiny_features(kind, missing="metadata")
    module = build(features, config_of(posterior=posterior)).eval()
    batch = batch_of(features)
    output, joint = module.answer(batch)
    assert output.shape == (8, features.task.outputs) and joint.shape == (8, 6)
    if kind != "regression":
        torch.testing.assert_close(output.sum(1), torch.ones(8))
    torch.testing.assert_close(module.predict(batch), output)
    embedded = module.embed(batch)
    assert {origin: h.shape for origin, h in embedded.items()} == {
        "text": (8, 6),
        "metadata": (8, 6),
    }
    gone = ~batch.present["metadata"]
    # What an origin alone says about a row that lacks it is the prior.
    assert gone.any() and (embedded["metadata"][gone] == 0).all()
    assert {"retrieval", "generation", "missing_modality"} <= module.capabilities
    module.train().loss(batch).backward()


def test_pixels_are_left_out_unless_they_are_pictures(tiny_features: Any) -> None:
    assert "pixels" not in mvae.MVAE.reads and "tokens" not in mvae.MVAE.reads
    features = tiny_features()
    with pytest.raises(ValueError, match=r"pictures names \['photo'\]"):
        build(features, config_of(pictures={"photo": [3, 32, 32]}))


def test_the_probe_changes_nothing_that_it_reads(tiny_features: Any) -> None:
    features = tiny_features()
    module = build(features, config_of())
    torch.manual_seed(0)
    module.loss(batch_of(features)).backward()
    first = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    with torch.no_grad():
        module.head.weight.add_(5.0)
    torch.manual_seed(0)
    module.loss(batch_of(features)).backward()
    for name, parameter in module.named_parameters():
        if name.startswith("head"):
            assert not torch.equal(parameter.grad, first[name])
        elif parameter.grad is not None:
            assert torch.equal(parameter.grad, first[name]), name


@pytest.mark.parametrize("posterior", AGGREGATIONS)
def test_lambda_zero_is_the_vae_to_the_last_digit(
    tiny_features: Any, tmp_path: Path, posterior: str
) -> None:
    features = tiny_features(missing="metadata")
    alone = fitted(features, config_of(posterior=posterior), tmp_path / "mvae")
    zero = fitted(features, hybrid_of(0.0, posterior=posterior), tmp_path / "hybrid")
    assert set(alone.state) == set(zero.state)
    for name, value in alone.state.items():
        assert np.array_equal(value, zero.state[name]), name
    for one, other in zip(alone.history, zero.history, strict=True):
        assert one == {key: other[key] for key in one}


def test_another_lambda_is_another_model(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    zero = fitted(features, hybrid_of(0.0), tmp_path / "zero")
    some = fitted(features, hybrid_of(1.0), tmp_path / "some")
    assert not np.array_equal(
        zero.state["vae.coder.encoders.text.0.weight"],
        some.state["vae.coder.encoders.text.0.weight"],
    )


def test_a_large_lambda_is_a_classifier_with_the_same_encoder(tiny_features: Any) -> None:
    features = tiny_features()
    module = build(features, hybrid_of(1e6))
    batch = batch_of(features, 16)
    torch.manual_seed(0)
    module.loss(batch).backward()
    encoder = dict(module.vae.coder.named_parameters())
    found = {name: p.grad.clone() for name, p in encoder.items() if p.grad is not None}
    module.zero_grad()
    module.output_loss(module(batch), batch.target).backward()
    for name, parameter in encoder.items():
        if parameter.grad is None or parameter.grad.norm() == 0:
            continue
        together = torch.cosine_similarity(found[name].flatten(), parameter.grad.flatten(), dim=0)
        assert together > 0.9999, name


def test_an_infinite_lambda_is_the_classifier_alone(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    module = build(features, hybrid_of(float("inf")))
    batch = batch_of(features)
    loss = module.loss(batch)
    torch.testing.assert_close(loss, module.output_loss(module(batch), batch.target))
    loss.backward()
    assert all(p.grad is None for p in module.vae.observer.parameters())
    history = fitted(features, hybrid_of(float("inf")), tmp_path).history
    for row in history:
        assert row["validation_loss"] == pytest.approx(row["validation_task"])


def test_the_value_of_the_loss_is_what_the_formula_says(tiny_features: Any) -> None:
    features = tiny_features()
    batch = batch_of(features)
    values = {}
    for weight in (0.0, 1.0, 3.0):
        module = build(features, hybrid_of(weight))
        torch.manual_seed(0)
        values[weight] = module.loss(batch).item()
    task = module.output_loss(module(batch), batch.target).item()
    assert values[1.0] - values[0.0] == pytest.approx(task, rel=1e-4)
    assert values[3.0] - values[0.0] == pytest.approx(3 * task, rel=1e-4)


def test_the_vae_first_then_both(tiny_features: Any) -> None:
    module = build(tiny_features(), hybrid_of(2.0, generative_epochs=3))
    weights = []
    for epoch in (0.0, 2.9, 3.0):
        module.progress = epoch
        weights.append(module.task_weight)
    assert weights == [0.0, 0.0, 2.0]
    # What chooses the epoch is the same loss throughout.
    assert module.final_task_weight == 2.0


def test_annealing_and_its_end(tiny_features: Any) -> None:
    module = build(tiny_features(), config_of(beta=2.0, annealing_epochs=4))
    betas = []
    for module.progress in (0.0, 2.0, 4.0, 9.0):
        betas.append(module.weights(annealed=True).beta)
    assert betas == [0.0, 1.0, 2.0, 2.0]
    module.progress = 0.0
    assert module.weights(annealed=False).beta == 2.0


def test_the_history_says_how_hard_each_term_pulls(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    rows = fitted(features, hybrid_of(1.0), tmp_path).history
    for row in rows:
        assert all(row[f"gradient_{name}"] > 0 for name in ("reconstruction", "task"))
        total = sum(v for k, v in row.items() if k.startswith("validation_reconstruction_"))
        assert row["validation_elbo"] == pytest.approx(
            total - row["validation_divergence"], rel=1e-4
        )


def test_the_validation_loss_does_not_depend_on_the_noise_before_it(tiny_features: Any) -> None:
    features = tiny_features()
    module, batch = build(features, config_of()).eval(), batch_of(features)
    torch.manual_seed(1)
    first, state = module.validation_loss(batch), torch.get_rng_state()
    second = module.validation_loss(batch)
    assert first == second and torch.equal(state, torch.get_rng_state())


def test_scaling_by_size_and_the_unit_of_the_loss(tiny_features: Any) -> None:
    features = tiny_features()
    plain = build(features, config_of())
    sizes = dict(zip(plain.vae.names, plain.get_buffer("sizes").tolist(), strict=True))
    words = features.arrays["words"]
    index = features.examples["review"].to_numpy()[features.rows("train")]
    assert sizes == pytest.approx({"text": 6, "metadata": 3, "words": words[index].sum(1).mean()})
    assert plain.unit() == pytest.approx(sum(sizes.values()))
    assert build(features, config_of(elbo_unit="example")).unit() == 1.0
    scaled = build(features, config_of(likelihood_scaling="size", likelihood_weights={"text": 2}))
    largest = max(sizes.values())
    weights = {name: largest / size for name, size in sizes.items()}
    assert scaled.likelihood_weights() == pytest.approx(weights | {"text": 2 * weights["text"]})


def test_the_fit_learns_and_predicts(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features(n=200)
    found = fitted(features, hybrid_of(1.0, learning_rate=0.01), tmp_path, max_epochs=15)
    assert found.history[-1]["validation_elbo"] > found.history[0]["validation_elbo"]
    state = {name: torch.from_numpy(array) for name, array in found.state.items()}
    module = hybrid.Hybrid.rebuild(hybrid_of(1.0), features.modalities, features.task, state)
    rows = features.rows("test")
    output = predict(module, FeatureBatches(features, rows, 16, sparse_words=True))
    hit = output.argmax(1) == features.examples["target"].to_numpy()[rows]
    assert hit.mean() > 0.7


def test_generated_modalities_are_in_the_units_of_the_inputs(tiny_features: Any) -> None:
    features = tiny_features()
    features.arrays["metadata"][:] = 1000.0 + 50.0 * features.arrays["metadata"]
    module = build(features, config_of()).eval()
    found = module.generate(["metadata", "words"], batch_of(features), ["text"], samples=3)
    assert found["metadata"].shape == (3, 8, 3)
    assert (found["metadata"] - 1000.0).abs().max() < 200.0
    torch.testing.assert_close(found["words"].sum(-1), torch.ones(3, 8))


@pytest.mark.parametrize("extreme", [1e6, -1e6, 1e30])
def test_extreme_inputs_stay_finite(tiny_features: Any, extreme: float) -> None:
    features = tiny_features()
    for precision in (torch.float16, None):
        module = build(features, hybrid_of(1.0))
        batch = batch_of(features)
        batch.inputs["metadata"][0, 0] = extreme
        with torch.autocast("cpu", dtype=precision, enabled=precision is not None):
            loss = module.loss(batch)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)
        assert torch.isfinite(module.eval().predict(batch)).all()


def test_a_bag_of_words_may_lack_rows_and_every_row(tiny_features: Any) -> None:
    features = tiny_features()
    module = build(features, config_of())
    batch = batch_of(features)
    batch.present["words"] = torch.zeros(8, dtype=torch.bool)
    assert torch.isfinite(module.loss(batch))
    for name in batch.present:
        batch.present[name] = torch.zeros(8, dtype=torch.bool)
    output = module.eval().predict(batch)
    torch.testing.assert_close(output, output[:1].expand_as(output))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("posterior", "product"),
        ("latent_dim", 0),
        ("private_dim", -1),
        ("dropout", 1.0),
        ("alpha", 1.5),
        ("beta", -1.0),
        ("estimator", "dreg"),
        ("likelihoods", {"text": "poisson"}),
        ("pictures", {"text": [1, 2]}),
        ("elbo_unit", "batch"),
        ("latent", "mode"),
        ("learning_rate", 0.0),
    ],
)
def test_out_of_range_is_named_with_its_value(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{field}.* is .*expected"):
        config_of(**{field: value})


def test_private_latents_need_an_aggregation_that_has_them() -> None:
    assert config_of(private_dim=2, posterior="moe").private_dim == 2
    with pytest.raises(ValueError, match="private_dim is 2, expected 0"):
        config_of(private_dim=2, posterior="joint")
    with pytest.raises(ValueError, match="task_weight is -1"):
        hybrid_of(-1.0)


def test_the_hybrid_starts_from_the_parameters_of_the_vae() -> None:
    own = yaml.safe_load((ROOT / "conf/base/parameters_hybrid.yml").read_text())["hybrid"]
    weight = yaml.safe_load((ROOT / "conf/base/parameters_model.yml").read_text())["model"]
    built = asdict(hybrid.Config(**SHIPPED, **own, task_weight=weight["lambda"]))
    assert {name: built[name] for name in SHIPPED} == SHIPPED
