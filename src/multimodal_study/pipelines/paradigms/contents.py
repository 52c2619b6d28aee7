"""What the nodes of a content tower do, free of Kedro."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.pipelines.paradigms.cells import fit_cell, predict_cell, rebuilt_cell

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features
    from multimodal_study.pipelines.paradigms.cells import FitOutputs, PredictOutputs
    from multimodal_study.seeds import Arrays

CONTENTS = "contents"
"""Name and origin of the modality that a tower makes: it has seen both sides of the pair."""
ALIGNMENT = "alignment"
"""What items are asked: nothing but which picture and text belong together."""
VECTORS, PRESENT = "vectors", "present"


@dataclass(frozen=True)
class Contents:
    """What a frozen tower sees in the items."""

    tower: str
    """Paradigm whose network it is."""
    arrays: Arrays
    """:func:`read_contents`."""
    config: dict[str, Any]
    """Of the tower."""


def align(
    tower: tuple[Any, Any],
    features: Features,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    seed: int,
) -> FitOutputs:
    """Fit a tower on the items of train, by what the two origins of the pair say of each other.

    Returns:
        Weights, config, history and cost, as of a cell.

    Raises:
        InputError: There is no pair, or no item of validation that train lacks.
    """
    from multimodal_study.hardware import one_thread

    if parameters.get("model") is not None:
        raise InputError(
            "clip.model reads the pictures of a dataset with one example per item; set it to null"
        )
    items = items_of(features, attends=bool(parameters["heads"]))
    own = {**trainer, **parameters.get("trainer", {}), "seeds": 1}
    with one_thread():
        return fit_cell(tower, items, {**parameters, "trainer": own}, trainer, seed)


def items_of(features: Features, *, attends: bool) -> Features:
    """An example per item with a picture and a text, with nothing asked but alignment.

    Args:
        features: With a pair.
        attends: Whether the tower attends to sequences; else their summaries stand for them.

    Raises:
        InputError: There is no pair, or a split has no item of its own.
    """
    from multimodal_study.contract import Task
    from multimodal_study.data.gallery import one_per_entity, reads_pair
    from multimodal_study.models.summaries import summarised

    if not reads_pair(features):
        raise InputError(
            f"a content tower needs a pair of origins; the features have "
            f"{sorted({one.origin for one in features.modalities.values()})}"
        )
    items = one_per_entity(features)
    for split in ("train", "validation"):
        if not len(items.rows(split)):
            raise InputError(
                f"a content tower needs items with both {' and '.join(items.pair or ())} in "
                f"{split}, and, to choose its epoch, some in validation that train lacks"
            )
    task = Task(ALIGNMENT, "regression", (), "rmse")
    items = replace(items, task=task, examples=items.examples.assign(target=0.0))
    return items if attends else summarised(items)


def read_contents(
    tower: tuple[Any, Any], features: Features, weights: Arrays, config: dict[str, Any]
) -> Arrays:
    """What the tower says of every item, with or without an example.

    Returns:
        ``vectors`` float32 ``[items, d]``; ``present`` bool ``[items]``: some side is there;
        ``<origin>`` ``[items, e]``: embeddings; and where the tower matches pairs, its scores of
        the galleries, named as ``data.gallery`` says.
    """
    from multimodal_study.hardware import one_thread

    with one_thread():
        return _read(tower, features, weights, config)


def _read(
    tower: tuple[Any, Any], features: Features, weights: Arrays, config: dict[str, Any]
) -> Arrays:
    from multimodal_study.matching import match_candidates
    from multimodal_study.seeds import rebuild_network
    from multimodal_study.training import predict_and_embed

    items = items_of(features, attends=bool(config["parameters"]["heads"]))
    pairs = rebuilt_cell(tower, items, config)
    whole = rebuilt_cell(tower, _every_item(items), config)
    seed = config["seed"]
    network = rebuild_network(pairs, weights, seed)
    size = max(pairs.trainer.batch_size, 256)
    rows = np.arange(len(whole.features.examples))
    _, seen = predict_and_embed(network, whole.batches(rows, size, None))
    present = np.any([whole.features.present[name] for name in whole.features.modalities], axis=0)
    entity = _entity(items)
    index = items.examples[entity].to_numpy()
    own = {name: array[index] for name, array in seen.items()}
    matched = match_candidates(
        network,
        pairs.features,
        lambda chosen: pairs.batches(chosen, size, None),
        own,
        rows=np.arange(len(index)),
        seed=seed,
    )
    vectors = seen.pop("joint")
    return {VECTORS: vectors, PRESENT: present, **seen, **matched}


def with_contents(features: Features, made: Contents) -> Features:
    """``features`` with what the tower says of the items in the place of the pair's modalities."""
    from multimodal_study.contract import Modality

    pair = features.pair or ()
    kept = [name for name, one in features.modalities.items() if one.origin not in pair]
    entity = next(one.entity for one in features.modalities.values() if one.origin in pair)
    vectors, parts = made.arrays[VECTORS], sorted(made.config["modalities"])
    modality = Modality(
        CONTENTS, entity, "numeric", vectors.shape[1], CONTENTS, "normal",
        f"{made.tower}, frozen after alignment; reads {', '.join(parts)}",
    )  # fmt: skip
    seen = features.select(kept)
    return replace(
        seen,
        arrays={**seen.arrays, CONTENTS: vectors},
        present={**seen.present, CONTENTS: made.arrays[PRESENT].astype(bool)},
        modalities={**seen.modalities, CONTENTS: modality},
        pair=None,
    )


def fit(  # noqa: PLR0917
    fusion: tuple[Any, Any],
    features: Features,
    made: Contents,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    seed: int,
) -> FitOutputs:
    """Fit the fusion on contents and what else is known; its config says what the tower was."""
    seen = with_contents(features, made)
    weights, config, history, cost = fit_cell(fusion, seen, parameters, trainer, seed)
    retrieves = {"retrieval", "matching"} & set(made.config["capabilities"])
    return (
        weights,
        {
            **config,
            "capabilities": sorted({*config["capabilities"], *retrieves}),
            "made": {CONTENTS: seen.card(CONTENTS)},
            "tower": {key: made.config[key] for key in ("parameters", "trainer", "modalities")},
        },
        history,
        cost,
    )


def with_tower_cost(cost: pd.DataFrame, tower: pd.DataFrame) -> pd.DataFrame:
    """Cost rows of the fusion, each with what the tower that it needs has cost."""
    own = tower.iloc[0]
    peak = cost["peak_memory_mb"].clip(lower=own["peak_memory_mb"])
    return cost.assign(
        parameters=cost["parameters"] + own["parameters"],
        fit_seconds=cost["fit_seconds"] + own["fit_seconds"],
        peak_memory_mb=peak,
    )


def predict(
    fusion: tuple[Any, Any],
    features: Features,
    made: Contents,
    weights: Arrays,
    config: dict[str, Any],
) -> PredictOutputs:
    """Predict; embeddings of the pair are the tower's, the same for every seed of the fusion."""
    from multimodal_study.data.gallery import pair_of

    pair, seen = pair_of(features), with_contents(features, made)
    predictions, embeddings, cost = predict_cell(fusion, seen, weights, config)
    if "retrieval" not in made.config["capabilities"]:
        return predictions, embeddings, cost
    index = features.examples[_entity(features)].to_numpy()[embeddings["rows"]]
    first = f"{made.config['seed']}/"
    matched = {n.removeprefix(first): a for n, a in made.arrays.items() if n.startswith(first)}
    for seed in sorted({name.split("/")[0] for name in embeddings if "/" in name}):
        own = {**{origin: made.arrays[origin][index] for origin in pair}, **matched}
        embeddings |= {f"{seed}/{name}": array for name, array in own.items()}
    return predictions, embeddings, cost


def _entity(features: Features) -> str:
    """The entity of the pair."""
    return next(
        one.entity for one in features.modalities.values() if one.origin in (features.pair or ())
    )


def _every_item(items: Features) -> Features:
    """A row per item, in the order of the arrays, to be predicted."""
    import pandas as pd

    count = len(next(iter(items.present.values())))
    names = {"example_id": np.arange(count).astype(str), "cluster": np.arange(count).astype(str)}
    keys = {f"{origin}_key": np.arange(count) for origin in items.pair or ()}
    examples = pd.DataFrame(
        {**names, **keys, _entity(items): np.arange(count), "split": "test", "target": 0.0}
    )
    return replace(items, examples=examples)
