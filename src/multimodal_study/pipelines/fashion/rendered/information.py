"""What a rule's label shares with the picture and with the text, exactly, by enumeration.

Factors are independent and their values equally likely, so the joint distribution of label, seen
levels and told levels is a finite sum. From it: mutual information in bits, the best accuracy that
any model can reach, and a partial information decomposition (Williams and Beer 2010) by two
definitions of redundancy:

* ``broja``: Bertschinger, Rauh, Olbrich, Jost and Ay, "Quantifying unique information", Entropy
  16 (2014): unique information of the picture is the least ``I_Q(Y; image | text)`` over all ``Q``
  that have the true marginals (Y, image) and (Y, text). Found by the alternating projections of
  Banerjee, Rauh and Montufar, "Computing the unique information", ISIT 2018.
* ``mmi``: minimum mutual information (Barrett, Physical Review E 91, 2015): redundancy is the
  smaller of the two mutual informations. It calls two *different* bits of equal size redundant,
  so it suits the pure rules only.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from multimodal_study.pipelines.fashion.rendered.factors import FACTORS
from multimodal_study.pipelines.fashion.rendered.options import Options
from multimodal_study.pipelines.fashion.rendered.rule import Rule

Table = np.ndarray[Any, Any]

_STEPS = 2000
_FITTING = 200
_TOLERANCE = 1e-10
"""Change, in bits or in probability, at which an iteration has arrived."""


def information(options: Options, task: str) -> dict[str, Any]:
    """Information about the label of ``task``, in bits, and the best accuracies.

    Returns:
        ``label_entropy``; ``image``, ``text``, ``both``: mutual information with the label of what
        that modality says about the rule's factors (text after its omissions); ``accuracy``: by
        modality and for ``chance`` (the largest class), that of the best possible classifier;
        ``broja`` and ``mmi``: ``redundancy``, ``image_unique``, ``text_unique``, ``synergy``.
    """
    joint = joint_distribution(options.rule(task), options)
    label = joint.sum(axis=(0, 1))
    image, text = _mutual(joint.sum(axis=1)), _mutual(joint.sum(axis=0))
    both = _mutual(joint.reshape(-1, joint.shape[2]))
    unique = min(unique_information(joint), image)
    shared = {"broja": image - unique, "mmi": min(image, text)}
    return {
        "task": task,
        "label_entropy": _clean(_entropy(label)),
        "image": _clean(image),
        "text": _clean(text),
        "both": _clean(both),
        "accuracy": {
            "chance": _clean(label.max()),
            "image": _clean(joint.sum(axis=1).max(axis=1).sum()),
            "text": _clean(joint.sum(axis=0).max(axis=1).sum()),
            "both": _clean(joint.max(axis=2).sum()),
        },
        **{name: _atoms(image, text, both, redundancy) for name, redundancy in shared.items()},
    }


def joint_distribution(rule: Rule, options: Options) -> Table:
    """Probability of (what the picture says, what the text says, label): ``[image, text, c]``."""
    seen: dict[tuple[Any, ...], int] = {}
    told: dict[tuple[Any, ...], int] = {}
    cells: list[tuple[int, int, int, float]] = []
    sides = [_states(name, rule, options) for name in rule.factors]
    for combination in product(*sides):
        levels: dict[str, dict[str, int]] = {name: {} for name in rule.components}
        probability = 1.0
        for name, (share, found, _, _) in zip(rule.factors, combination, strict=True):
            probability *= share
            for component, level in found.items():
                levels[component][name] = level
        components = {name: rule.components[name].add(found) for name, found in levels.items()}
        image = seen.setdefault(tuple(state[2] for state in combination), len(seen))
        text = told.setdefault(tuple(state[3] for state in combination), len(told))
        cells.append((image, text, rule.combine(components), probability))
    joint = np.zeros((len(seen), len(told), len(rule.classes)))
    for image, text, label, probability in cells:
        joint[image, text, label] += probability
    return joint


_State = tuple[float, dict[str, int], Any, Any]
"""Probability, component to level, what the picture shows, what the text says (None: nothing)."""


def _states(name: str, rule: Rule, options: Options) -> list[_State]:
    """States of one factor: values with the same levels in every component are one state."""
    served = [key for key, component in rule.components.items() if name in component.levels]
    values = FACTORS[name].values
    shares: dict[tuple[int, ...], float] = {}
    for value in values:
        key = tuple(rule.components[part].levels[name][value] for part in served)
        shares[key] = shares.get(key, 0.0) + 1 / len(values)
    carrier, omission = options.carriers[name], options.omissions[name]
    states: list[_State] = []
    for key, share in shares.items():
        found = dict(zip(served, key, strict=True))
        shown = None if carrier == "text" else key
        if carrier != "image" and omission < 1:
            states.append((share * (1 - omission), found, shown, key))
        if carrier == "image" or omission > 0:
            states.append((share * (1.0 if carrier == "image" else omission), found, shown, None))
    return states


def unique_information(joint: Table) -> float:
    """Unique information of the first variable about the last, in bits (BROJA).

    Args:
        joint: Probabilities ``[x, z, y]``.
    """
    joint = _merged(_merged(joint).swapaxes(0, 1)).swapaxes(0, 1)
    label = joint.sum(axis=(0, 1), keepdims=True)
    first, second = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    q = np.divide(first * second, label, out=np.zeros_like(joint), where=label > 0)
    found = _conditional(q)
    for _ in range(_STEPS):
        weight = q.sum(axis=(0, 2), keepdims=True)
        target = q.sum(axis=0, keepdims=True) * q.sum(axis=2, keepdims=True)
        target = np.divide(target, weight, out=np.zeros_like(q), where=weight > 0)
        q = _fit(target, first, second)
        before, found = found, _conditional(q)
        if before - found < _TOLERANCE:
            break
    return found


def _conditional(q: Table) -> float:
    """``I(Y; X | Z)`` of a table ``[x, z, y]``, in bits."""
    return _mutual(q.reshape(-1, q.shape[2])) - _mutual(q.sum(axis=0))


def _merged(joint: Table) -> Table:
    """Rows that say the same about the label become one: unique information does not change."""
    own = joint.sum(axis=1)
    given = np.round(own / own.sum(axis=1, keepdims=True), 12)
    _, group = np.unique(given, axis=0, return_inverse=True)
    merged = np.zeros((group.max() + 1, *joint.shape[1:]))
    np.add.at(merged, group.reshape(-1), joint)
    return merged


def _fit(table: Table, first: Table, second: Table) -> Table:
    """Iterative proportional fitting of ``table`` to both marginals."""
    for _ in range(_FITTING):
        sums = table.sum(axis=1, keepdims=True)
        table = table * np.divide(first, sums, out=np.zeros_like(sums), where=sums > 0)
        sums = table.sum(axis=0, keepdims=True)
        ratio = np.divide(second, sums, out=np.zeros_like(sums), where=sums > 0)
        table = table * ratio
        if np.abs(ratio[second > 0] - 1).max() < _TOLERANCE:
            break
    return table


def _atoms(image: float, text: float, both: float, redundancy: float) -> dict[str, float]:
    return {
        "redundancy": _clean(redundancy),
        "image_unique": _clean(image - redundancy),
        "text_unique": _clean(text - redundancy),
        "synergy": _clean(both - image - text + redundancy),
    }


def _entropy(table: Table) -> float:
    positive = table[table > 0]
    return float(-(positive * np.log2(positive)).sum())


def _mutual(table: Table) -> float:
    """Mutual information of rows and columns, in bits."""
    rows, columns = _entropy(table.sum(axis=1)), _entropy(table.sum(axis=0))
    return rows + columns - _entropy(table)


def _clean(value: float) -> float:
    """Rounded, without a negative zero."""
    return round(float(value), 9) + 0.0
