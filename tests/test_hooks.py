"""Strict parameters, and the mirror in MLflow."""

import pytest

from multimodal_study.errors import InputError
from multimodal_study.hooks import reject_unknown

KNOWN = {
    "seed": 42,
    "model": {"lambda": 0.1, "embed_dim": 64},
    "early": {"dropout": 0.1},
    "amazon": {"ingest": {"path": None}, "overrides": {}},
}


@pytest.mark.parametrize(
    "given",
    [
        {"seed": 1},
        {"model": {"lambda": 0.5}},
        {"amazon": {"ingest": {"path": "/data"}}},
        {"amazon": {"overrides": {"early": {"dropout": 0.2}}}},
        {},
    ],
)
def test_known_parameters_pass(given: dict[str, object]) -> None:
    reject_unknown(given, KNOWN)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"model": {"lambdaa": 0.5}},
            "model.lambdaa: no such parameter; did you mean model.lambda",
        ),
        ({"sede": 1}, "sede: no such parameter; did you mean seed"),
        ({"xyzzy": 1}, "xyzzy: no such parameter; see conf/base"),
        ({"model": 3}, "that is a group of parameters; set one of model.lambda, model.embed_dim"),
        ({"amazon": {"overrides": {"early": {"dropuot": 1}}}}, "no such parameter"),
        ({"amazon": {"overrides": {"erly": {"dropout": 1}}}}, "no such parameter"),
        ({"early": {"dropout": {"rate": 1}}}, "no such parameter"),
    ],
)
def test_unknown_parameters_are_refused_with_a_suggestion(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        reject_unknown(given, KNOWN)


def test_an_empty_group_takes_the_names_of_a_dataset() -> None:
    known = {"mvae": {"likelihood_weights": {}, "beta": 1.0}}
    reject_unknown({"mvae": {"likelihood_weights": {"text": 2.0}}}, known)
    with pytest.raises(InputError, match=r"mvae\.betta"):
        reject_unknown({"mvae": {"betta": 2.0}}, known)
