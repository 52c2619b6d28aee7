"""Label rules and the information in them, against values worked out by hand."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered import DEFAULTS, information, read_options
from multimodal_study.pipelines.fashion.rendered.information import unique_information
from multimodal_study.pipelines.fashion.rendered.rule import read_rule

ATOMS = ("redundancy", "image_unique", "text_unique", "synergy")


@pytest.mark.parametrize(
    ("task", "shares", "atoms"),
    [
        ("synergy", (0, 0, 1), (0, 0, 0, 1)),
        ("redundancy", (1, 1, 1), (1, 0, 0, 0)),
        ("image_unique", (1, 0, 1), (0, 1, 0, 0)),
        ("text_unique", (0, 1, 1), (0, 0, 1, 0)),
        ("style", (1, 1, 2), (2 / 3, 1 / 3, 1 / 3, 2 / 3)),
        ("pattern", (np.log2(6), 0, np.log2(6)), (0, np.log2(6), 0, 0)),
    ],
)
def test_information_by_hand(
    task: str, shares: tuple[float, ...], atoms: tuple[float, ...]
) -> None:
    found = information(read_options(None), task)
    assert [found[key] for key in ("image", "text", "both")] == pytest.approx(shares, abs=1e-6)
    assert [found["broja"][key] for key in ATOMS] == pytest.approx(atoms, abs=1e-4)
    if task != "style":  # there, two different bits of equal size count as one and the same
        assert [found["mmi"][key] for key in ATOMS] == pytest.approx(atoms, abs=1e-6)


def test_best_accuracy_of_style_by_hand() -> None:
    assert information(read_options(None), "style")["accuracy"] == pytest.approx(
        {"chance": 0.25, "image": 0.5, "text": 0.5, "both": 1.0}
    )


def test_omission_is_an_erasure() -> None:
    options = read_options({"omissions": {"occasion": 0.2}})
    found = information(options, "text_unique")
    assert found["text"] == pytest.approx(0.8)
    assert found["accuracy"]["text"] == pytest.approx(0.9)
    shared = information(read_options({"omissions": {"colour": 0.3}}), "redundancy")["broja"]
    assert [shared[key] for key in ATOMS] == pytest.approx([0.7, 0.3, 0, 0], abs=1e-6)


def test_unique_information_of_textbook_gates() -> None:
    """Values of Bertschinger et al. 2014, table 1: AND, XOR, two bits, a copied bit."""
    gates = {"and": (lambda a, b: a & b, 2), "xor": (lambda a, b: a ^ b, 2)}
    for gate, classes in gates.values():
        joint = np.zeros((2, 2, classes))
        for a, b in itertools.product((0, 1), repeat=2):
            joint[a, b, gate(a, b)] = 0.25
        assert unique_information(joint) == pytest.approx(0, abs=1e-4)
    two_bits = np.zeros((2, 2, 4))
    for a, b in itertools.product((0, 1), repeat=2):
        two_bits[a, b, 2 * a + b] = 0.25
    assert unique_information(two_bits) == pytest.approx(1, abs=1e-6)
    copied = np.zeros((2, 2, 2))
    copied[0, 0, 0] = copied[1, 1, 1] = 0.5
    assert unique_information(copied) == pytest.approx(0, abs=1e-6)


def test_label_of_one_garment_by_hand() -> None:
    rules = read_options(None).rules
    values = {
        "category": "blouse",  # level 0: first digit joint, second digit shared
        "colour": "green",  # 1
        "background": "park",  # 1
        "season": "winter",  # 1, XOR 0
        "pattern": "stripes",
        "occasion": "sport",
    }
    assert rules["style"].label(values) == "romantic"  # 0 1
    assert rules["style"].label(values | {"season": "spring"}) == "bohemian"  # 1 1
    # A skirt is judged by its pattern and its occasion.
    assert rules["style"].label(values | {"category": "skirt"}) == "bohemian"
    assert rules["style"].label(values | {"category": "skirt", "occasion": "office"}) == "sporty"


def _broken(change: Any) -> dict[str, Any]:
    rule = deepcopy(DEFAULTS["rules"]["style"])
    change(rule)
    return rule


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.pop("classes"), "exactly classes"),
        (lambda r: r.update(classes=["a", "b"]), "expected 4 different names"),
        (lambda r: r["digits"].append("seem"), "seem"),
        (lambda r: r.update(digits=["joint", "seen"]), "no digit uses"),
        (lambda r: r["components"].update(shared={"hue": [["red"], ["blue"]]}), "hue"),
        (lambda r: r["components"].update(shared={"sleeve_length": []}), "sleeve_length"),
        (lambda r: r["components"]["shared"]["colour"][0].append("blue"), "in one level"),
        (lambda r: r["components"]["joint"]["season"].append(["x"]), "in one level"),
        (
            lambda r: r["components"]["joint"].update(
                season=[["spring"], ["summer"], ["autumn", "winter"]]
            ),
            "numbers of levels",
        ),
        (lambda r: r["digits"][0].update(of=["joint"]), "2 levels"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(change: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_rule("style", _broken(change))
