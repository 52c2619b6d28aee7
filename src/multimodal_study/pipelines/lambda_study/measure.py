"""What one cell of the grid is measured by, on validation and on test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features, Split
    from multimodal_study.seeds import Arrays, Cell

    Array = np.ndarray[Any, Any]

Row = dict[str, Any]
RETRIEVED = "recall_at_10"
"""Of cross-modal retrieval, the measures whose names begin so are in the table."""


def measured(
    cell: Cell, weights: Arrays, evaluation: dict[str, Any], likelihood: dict[str, Any]
) -> tuple[list[Row], pd.DataFrame, pd.DataFrame]:
    """Rows ``seed``, ``split``, ``metric``, ``value`` of one cell; its predictions; its probe's.

    Metrics of the task; the same with each origin taken away (``accuracy_without_text``); what a
    linear probe on z reaches (``probe_accuracy``); the ELBO and, where asked for, an
    importance-sampled log-likelihood (nats per example); recall of each direction of retrieval
    through z where the features have a pair.
    """
    from multimodal_study.pipelines.evaluation import nodes
    from multimodal_study.seeds import predict_seeds

    predictions, embeddings, _ = predict_seeds(cell, weights)
    task = cell.features.description()["task"]
    brief = {**evaluation, "bootstrap": 100}
    rows = _rows(nodes.evaluate(predictions, task, brief)["per_seed"])
    for origin in dict.fromkeys(m.origin for m in cell.features.modalities.values()):
        poorer, _, _ = predict_seeds(_without(cell, origin), weights)
        found = _rows(nodes.evaluate(poorer, task, brief)["per_seed"])
        decides = [row for row in found if row["metric"] == cell.features.task.decides]
        rows += [{**row, "metric": f"{row['metric']}_without_{origin}"} for row in decides]
    found, probed = _of_networks(cell, weights, likelihood, task, brief)
    rows += found
    if cell.features.pair:
        rows += _retrieved(cell, embeddings, brief)
    return rows, predictions, probed


def probed_features(features: Features, evaluation: dict[str, Any]) -> list[Row]:
    """What the same probe reaches on the inputs themselves, side by side: no network at all.

    Dense columns are standardised on train; words are taken as they are.
    """
    import numpy as np
    from scipy.sparse import csr_matrix, hstack, issparse

    def view(name: str, rows: Array) -> Any:
        array: Any = features.arrays[name]
        found = array[features.examples[features.modalities[name].entity].to_numpy()[rows]]
        return found if issparse(found) else found.reshape(len(rows), -1).astype(np.float64)

    def of(split: Split) -> Any:
        parts = []
        for name in features.modalities:
            x, train = view(name, features.rows(split)), view(name, features.rows("train"))
            if not issparse(x):
                spread = train.std(0)
                x = (x - train.mean(0)) / np.where(spread > 0, spread, 1.0)
            parts.append(csr_matrix(x))
        return hstack(parts).tocsr()

    rows, _ = _probe(features, of, 0, features.description()["task"], evaluation)
    return rows


def _without(cell: Cell, origin: str) -> Cell:
    """The cell, to predict with every view of one origin hidden."""
    import numpy as np

    from multimodal_study.seeds import cell_of

    hidden = {
        name: np.zeros_like(mask) if cell.features.modalities[name].origin == origin else mask
        for name, mask in cell.features.present.items()
    }
    return cell_of(cell.network, cell.config, cell.trainer, _hidden(cell.features, hidden))


def _hidden(features: Features, present: dict[str, Array]) -> Features:
    # Without a pair nothing but the evaluated rows is predicted.
    return replace(features, present=present, pair=None)


def _of_networks(
    cell: Cell, weights: Arrays, likelihood: dict[str, Any], task: dict[str, Any], brief: Any
) -> tuple[list[Row], pd.DataFrame]:
    import numpy as np
    import pandas as pd
    import torch

    from multimodal_study.models.mvae import MVAE
    from multimodal_study.seeds import rebuild_network

    rows: list[Row] = []
    tables = []
    for seed in sorted({int(name.split("/")[0]) for name in weights}):
        network = rebuild_network(cell, weights, seed)
        assert isinstance(network, MVAE)  # noqa: S101  # for the type checker
        z: dict[str, Array] = {}
        for split in ("train", "validation", "test"):
            of = cell.features.rows(split)
            parts: list[Array] = []
            values: dict[str, list[Array]] = {}
            with torch.no_grad():
                for batch in cell.batches(of, 256, None):
                    parts.append(network.joint(batch).float().numpy())
                    if split != "train":
                        for name, value in _explained(network, batch, likelihood).items():
                            values.setdefault(name, []).append(value)
            z[split] = np.concatenate(parts)
            rows += [
                _row(seed, split, name, float(np.concatenate(v).mean()))
                for name, v in values.items()
            ]
        found, table = _probe(cell.features, z.__getitem__, seed, task, brief)
        rows += found
        tables.append(table)
    return rows, pd.concat(tables, ignore_index=True)


def _explained(network: Any, batch: Any, likelihood: dict[str, Any]) -> dict[str, Array]:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(batch.rows[0]))
        terms = network.vae.elbo_of(network.code(batch), network.weights(annealed=False))
        elbo = sum(terms.reconstruction.values()) - terms.divergence
        found = {"elbo": elbo.numpy()}
        if likelihood["samples"]:
            found["log_likelihood"] = network.vae.log_likelihood(
                network.views(batch),
                batch.present,
                samples=int(likelihood["samples"]),
                refine=int(likelihood["refine"]),
            ).numpy()
    return found


def _probe(
    features: Features, of: Any, seed: int, task: dict[str, Any], evaluation: dict[str, Any]
) -> tuple[list[Row], pd.DataFrame]:
    """A linear probe's deciding metric, by the definitions of every other cell; its predictions."""
    import numpy as np

    from multimodal_study.data.predictions import EVALUATED, evaluated_rows, predictions_table
    from multimodal_study.metrics.generation import linear_probe
    from multimodal_study.pipelines.evaluation import nodes

    target = features.examples["target"].to_numpy()
    train, validation = features.rows("train"), features.rows("validation")
    regression = features.task.kind == "regression"
    outputs, _ = linear_probe(
        (of("train"), target[train]),
        (of("validation"), target[validation]),
        [of(split) for split in EVALUATED],
        regression=regression,
    )
    output = np.concatenate(outputs)
    if not regression:
        # A class that train lacks has no column of its own in the probe.
        full = np.zeros((len(output), features.task.outputs))
        full[:, np.unique(target[train])] = output
        output = full
    table = predictions_table(features, evaluated_rows(features), output, seed)
    found = _rows(nodes.evaluate(table, task, evaluation)["per_seed"])
    decides = features.task.decides
    rows = [{**row, "metric": f"probe_{decides}"} for row in found if row["metric"] == decides]
    return rows, table


def _retrieved(cell: Cell, embeddings: Arrays, evaluation: dict[str, Any]) -> list[Row]:
    from multimodal_study.pipelines.evaluation.retrieval import retrieve

    config = {
        "capabilities": sorted(cell.network.abilities(cell.config)),
        "modalities": list(cell.features.modalities),
    }
    _, found = retrieve(cell.features, embeddings, config, evaluation)
    rows = _rows(found["per_seed"])
    return [
        row
        for row in rows
        if row["metric"].startswith(RETRIEVED) and not row["metric"].endswith("one_to_one")
    ]


def _rows(per_seed: dict[str, Any]) -> list[Row]:
    return [
        _row(int(seed), split, metric, value)
        for split, seeds in per_seed.items()
        for seed, values in seeds.items()
        for metric, value in values.items()
    ]


def _row(seed: int, split: str, metric: str, value: float) -> Row:
    return {"seed": seed, "split": split, "metric": metric, "value": value}
