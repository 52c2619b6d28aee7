"""A small VAE of thumbnails and words, fitted to be looked at: what does each latent do?

It is no paradigm and stands in no leaderboard: its pictures are small enough to decode, which the
features of the study are not.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from multimodal_study.contract import Features, Split
    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.models.mvae import MVAE

Array = np.ndarray[Any, Any]
logger = logging.getLogger(__name__)

FACTORS = ["latent", "nats", "factor", "values", "examples", "share", "low", "high", "named"]
PICTURES, WORDS = "pixels", "words"
NAMED_ON: Split = "validation"
SHOWN_ON: Split = "test"
UNUSED = 0.05
"""Nats below which a latent says nothing and is not drawn."""
_KNOWN = 0.1
"""Share of a latent's variance from which the sheet names the factor."""


@dataclass(frozen=True)
class Seen:
    """The codes of the held-out items, with what is known of them."""

    mean: Array
    """``[n, z]``."""
    nats: Array
    """Mean KL per latent ``[z]``."""
    examples: pd.DataFrame
    factors: pd.DataFrame
    """A column per factor; empty where an item lacks it."""


def traversals(  # noqa: PLR0917 - a node's inputs come by position
    features: Features,
    table: pd.DataFrame,
    items: pd.DataFrame,
    sources: tuple[dict[str, Any], dict[str, Any]],
    parameters: dict[str, Any],
    options: dict[str, Any],
    trainer: dict[str, Any],
    resampling: Resampling,
    seed: int,
) -> tuple[Figure, pd.DataFrame]:
    """The sheet, and which factor goes with which latent.

    Args:
        features: Of the dataset; of them, words are read beside the thumbnails.
        table: Table of ``enrich``: where the pictures are.
        items: Table of ``ingest``, with a column per known factor.
        sources: What ``locate`` found, and what ``render`` made (``carriers``: known factors).
        parameters: Of ``mvae``, with what the sheet's own model has in their place.
        options: ``size``, ``train_items``, ``latents``, ``positions``, ``reach``, ``words``.
        trainer: The budget of the fit.
        resampling: How intervals are made.
        seed: Of the fit.

    Returns:
        The figure, and a table, columns :data:`FACTORS`: for every latent, by falling KL, and
        factor the share of the latent's variance on test that it explains. ``named``, as on the
        sheet: the factor with the largest share on validation.

    Raises:
        InputError: An option is out of range.
    """
    from multimodal_study.reporting.traversal_figure import traversal_figure

    _check(options)
    small = thumbnails(features, table, sources[0], options)
    network = _fitted(small, parameters, trainer, seed)
    seen = _seen(network, small, items, list(sources[1].get("carriers") or {}))
    found = _shares(seen, resampling)
    order = [int(z) for z in np.argsort(-seen.nats, kind="stable")]
    shown = [z for z in order if seen.nats[z] > UNUSED][: int(options["latents"])] or order[:1]
    positions = np.linspace(-options["reach"], options["reach"], int(options["positions"]))
    decoded = _decoded(network, small, seen, shown, positions)
    figure = traversal_figure(
        decoded[PICTURES],
        positions,
        [f"z{z}\n{seen.nats[z]:.1f} nats" for z in shown],
        [_note(z, found, decoded.get(WORDS), row, small, options) for row, z in enumerate(shown)],
    )
    return figure, found


def thumbnails(
    features: Features,
    table: pd.DataFrame,
    source_files: dict[str, Any],
    options: dict[str, Any],
) -> Features:
    """The features with small pictures in place of all else but words.

    Of many training items, a seeded sample stays.
    """
    from multimodal_study.pipelines.fashion.picture_views import picture_views
    from multimodal_study.pipelines.views import Place

    encoder = {"trainable": True, "size": int(options["size"])}
    place = Place("item", "interpretation.traversals", Path())
    (view,) = picture_views(table, source_files, {"image": True}, encoder, place)
    picture = replace(view.modality, likelihood="bernoulli")
    kept = [name for name in (WORDS,) if name in features.modalities]
    examples = features.examples
    train = features.rows("train")
    if len(train) > options["train_items"]:
        chosen = np.random.default_rng(0).choice(train, options["train_items"], replace=False)
        rest = np.flatnonzero((examples["split"] != "train").to_numpy())
        examples = examples.iloc[np.sort(np.concatenate([chosen, rest]))].reset_index(drop=True)
    return replace(
        features,
        arrays={PICTURES: view.array, **{name: features.arrays[name] for name in kept}},
        present={PICTURES: view.present, **{name: features.present[name] for name in kept}},
        modalities={PICTURES: picture, **{name: features.modalities[name] for name in kept}},
        examples=examples,
        lengths={},
        pair=None,
    )


def _fitted(
    features: Features, parameters: dict[str, Any], trainer: dict[str, Any], seed: int
) -> MVAE:
    from multimodal_study.models.mvae import MVAE, Config
    from multimodal_study.seeds import cell_of, fit_seeds, rebuild_network
    from multimodal_study.training import TrainerConfig

    height, width, channels = np.asarray(features.arrays[PICTURES]).shape[1:]
    weights = parameters["likelihood_weights"]
    own = {
        "pictures": {PICTURES: [channels, height, width]},
        "likelihood_weights": {k: v for k, v in weights.items() if k in features.modalities},
    }
    config = Config(**{**parameters, **own})
    cell = cell_of(MVAE, config, TrainerConfig(**{**trainer, "seeds": 1}), features)
    fitted, history, _ = fit_seeds(cell, seed)
    logger.info("traversals: %d epochs, %s", len(history), asdict(config)["posterior"])
    network: MVAE = rebuild_network(cell, fitted, seed)  # type: ignore[assignment]
    return network


def _seen(network: MVAE, features: Features, items: pd.DataFrame, factors: list[str]) -> Seen:
    from multimodal_study.data.batches import FeatureBatches
    from multimodal_study.interpretation.traversals import encode

    rows = np.concatenate([features.rows(NAMED_ON), features.rows(SHOWN_ON)])
    batches = FeatureBatches(features, rows, 256, sparse_words=True)
    mean, nats = encode(network, list(batches))
    examples = features.examples.iloc[rows].reset_index(drop=True)
    values = items.set_index(items["item_id"].astype(str)).loc[examples["example_id"], factors]
    return Seen(mean, nats.mean(0), examples, values.astype(str).reset_index(drop=True))


def _shares(seen: Seen, resampling: Resampling) -> pd.DataFrame:
    import pandas as pd

    from multimodal_study.interpretation.traversals import explained_share

    split, cluster = seen.examples["split"].to_numpy(), seen.examples["cluster"].to_numpy()
    factors, table = [str(name) for name in seen.factors], []
    for z in np.argsort(-seen.nats, kind="stable"):
        rows: list[dict[str, Any]] = []
        chosen: dict[str, float] = {}
        for factor in factors:
            value = seen.factors[factor].to_numpy()
            on = {name: (split == name) & (value != "") for name in (NAMED_ON, SHOWN_ON)}
            first, second = (
                explained_share(seen.mean[m, z], value[m], cluster[m], r)
                for m, r in zip(on.values(), (None, resampling), strict=True)
            )
            chosen[factor] = -np.inf if np.isnan(first.value) else first.value
            there = on[SHOWN_ON]
            size = {"values": len(np.unique(value[there])), "examples": int(there.sum())}
            share = {"share": second.value, "low": second.low, "high": second.high}
            row = {"latent": int(z), "nats": float(seen.nats[z]), "factor": factor}
            rows.append({**row, **size, **share})
        named = max(chosen, key=lambda factor: chosen[factor], default="")
        table += [{**row, "named": row["factor"] == named} for row in rows]
    return pd.DataFrame(table, columns=FACTORS)


def _decoded(
    network: MVAE, features: Features, seen: Seen, latents: list[int], positions: Array
) -> dict[str, Array]:
    """Expected pictures and words along each latent, from the held-out item nearest the prior."""
    from multimodal_study.interpretation.traversals import decode, traverse

    start = seen.mean[int(np.argmin((seen.mean**2).sum(1)))]
    found = decode(network, traverse(start, latents, positions), list(features.modalities))
    height, width, channels = np.asarray(features.arrays[PICTURES]).shape[1:]
    shape = (*found[PICTURES].shape[:2], channels, height, width)
    found[PICTURES] = np.moveaxis(found[PICTURES].reshape(shape), 2, -1)
    return found


def _note(  # noqa: PLR0917
    z: int,
    shares: pd.DataFrame,
    words: Array | None,
    row: int,
    features: Features,
    options: dict[str, Any],
) -> str:
    from multimodal_study.interpretation.traversals import risen

    own = shares[(shares["latent"] == z) & shares["named"] & (shares["share"] > _KNOWN)]
    lines = [
        f"{name.replace('_', ' ')}: {share:.2f} of its variance"
        for name, share in zip(own["factor"], own["share"], strict=True)
    ]
    columns = features.modalities[WORDS].columns if WORDS in features.modalities else ()
    if words is not None and columns:
        ends, count = (words[row, 0], words[row, -1]), int(options["words"])
        for sign, pair in (("-", ends[::-1]), ("+", ends)):
            lines.append(f"{sign} " + ", ".join(risen(*pair, columns, count)))
    return "\n".join(lines)


def _check(options: dict[str, Any]) -> None:
    for name, low, high in (
        ("size", 16, 128),
        ("train_items", 10, 10**7),
        ("latents", 1, 32),
        ("positions", 2, 21),
        ("reach", 0.1, 10),
        ("words", 0, 10),
    ):
        value = options.get(name)
        if not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(
                f"interpretation.traversals.{name} is {value!r}, expected {low} to {high}"
            )
