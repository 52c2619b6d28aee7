from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from metrics.tables import TASKS, predictions
from multimodal_study.contract import Task
from multimodal_study.metrics.table import panels
from multimodal_study.metrics.temperature import fit_temperature, scaled, scaled_predictions


def sample(temperature, n=4000, c=4, seed=0):
    """Logits and labels drawn from them; the probabilities given are ``temperature`` too sure."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (n, c))
    labels = np.array([random.choice(c, p=p) for p in softmax(logits, axis=1)])
    return labels, softmax(logits * temperature, axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_sample_is_found(temperature):
    labels, given_ = sample(temperature)
    assert fit_temperature(labels, given_) == pytest.approx(temperature, rel=0.05)


def test_the_minimum_is_that_of_torch():
    labels, given_ = sample(2.0, n=300)
    logits, target = torch.log(torch.tensor(given_)), torch.tensor(labels)
    temperature = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([temperature], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits / temperature, target)
        loss.backward()
        return loss

    optimiser.step(closure)
    assert fit_temperature(labels, given_) == pytest.approx(temperature.item(), rel=1e-3)


@given(st.integers(0, 99), st.floats(0.1, 10))
def test_scaling_is_that_of_logits_and_keeps_the_class(seed, temperature):
    logits = np.random.default_rng(seed).normal(size=(7, 3))
    found = scaled(softmax(logits, axis=1), temperature)
    assert np.log(found) == pytest.approx(log_softmax(logits / temperature, axis=1), abs=1e-9)
    assert np.array_equal(found.argmax(1), logits.argmax(1))


def test_classes_that_do_not_compete_stay_at_zero():
    candidates = np.array([[True, True, False, False]])
    found = scaled(np.array([[0.8, 0.2, 1e-12, 1e-12]]), 5.0, candidates)
    assert found[0, 2:].tolist() == [0.0, 0.0]
    assert found.sum() == pytest.approx(1.0)


def test_validation_alone_chooses():
    table = predictions("multiclass", n=200)
    made, chosen = scaled_predictions(table, TASKS["multiclass"])
    test = table["split"] == "test"
    turned = table.copy()
    turned.loc[test, "target"] = (turned.loc[test, "target"] + 1) % 4
    again, same = scaled_predictions(turned, TASKS["multiclass"])
    assert chosen == same and set(chosen) == {42, 43}
    columns = [f"p_{k}" for k in range(4)]
    assert again[columns].equals(made[columns])
    assert made["prediction"].equals(table["prediction"])
    with pytest.raises(ValueError, match="no row"):
        scaled_predictions(table[test], TASKS["multiclass"])
    with pytest.raises(ValueError, match="regression"):
        scaled_predictions(predictions("regression"), TASKS["regression"])


@pytest.mark.parametrize("kind", ["binary", "ordinal"])
def test_scaled_tables_keep_their_contract(kind):
    made, _ = scaled_predictions(predictions(kind, n=60), TASKS[kind])
    assert set(panels(made, TASKS[kind])) == {"validation", "test"}


def test_the_question_of_a_group_is_that_of_its_answer():
    groups = ("neck", "neck", "sleeve", "sleeve")
    task = Task("attributes", "multiclass", tuple("abcd"), "accuracy", groups=groups)
    table = predictions("multiclass", n=50)
    asked = np.array(groups)[table["target"]][:, None] == np.array(groups)
    p = np.where(asked, table[[f"p_{k}" for k in range(4)]], 1e-12)
    p /= p.sum(1, keepdims=True)
    table = table.assign(**{f"p_{k}": p[:, k] for k in range(4)}, prediction=p.argmax(1))
    made, _ = scaled_predictions(table, task)
    assert made[[f"p_{k}" for k in range(4)]].to_numpy()[~asked].max() == 0.0
