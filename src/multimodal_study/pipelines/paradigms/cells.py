"""What the nodes of a cell do, free of Kedro.

``config`` is all that is needed to rebuild the modules of a cell: the effective parameters, the
modalities by name, the trainer's block and the task; and what the paradigm is capable of.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.baselines.result import BaselineResult
    from multimodal_study.contract import Features
    from multimodal_study.seeds import Arrays, Cell

    FitOutputs = tuple[Arrays, dict[str, Any], pd.DataFrame, pd.DataFrame]
    PredictOutputs = tuple[pd.DataFrame, Arrays, pd.DataFrame]


def fit_cell(  # noqa: PLR0917
    paradigm: tuple[Any, Any],
    features: Features,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    seed: int,
    origins: tuple[str, ...] | None = None,
) -> FitOutputs:
    """Fit every seed: weights, config, history, cost."""
    config = cell_config(paradigm, features, parameters, trainer, seed, origins)
    return fitted_outputs(rebuilt_cell(paradigm, features, config), config)


def predict_cell(
    paradigm: tuple[Any, Any], features: Features, weights: Arrays, config: dict[str, Any]
) -> PredictOutputs:
    """Predict with every seed: predictions, embeddings, cost."""
    return predicted_outputs(rebuilt_cell(paradigm, features, config), weights)


def cell_config(  # noqa: PLR0917
    paradigm: tuple[Any, Any],
    features: Features,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    seed: int,
    origins: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """The effective configuration of a cell, as plain JSON values.

    A paradigm's own ``trainer`` block wins over the shared budget, and is then part of the record.
    """
    network, config_class = paradigm
    parameters = dict(parameters)
    own = parameters.pop("trainer", {})
    names = [
        name
        for name, modality in features.modalities.items()
        if modality.kind in network.reads
        and (not network.nodes or modality.entity in network.nodes)
        and (origins is None or modality.origin in origins)
    ]
    return {
        "parameters": parameters,
        "trainer": {**trainer, **own},
        "modalities": names,
        "capabilities": sorted(network.abilities(config_class(**parameters))),
        "task": asdict(features.task),
        "seed": seed,
    }


def fitted_outputs(cell: Cell, config: dict[str, Any]) -> FitOutputs:
    """Run the fits of ``cell`` and lay them out as the catalogue expects."""
    import pandas as pd

    from multimodal_study.seeds import fit_seeds

    weights, history, costs = fit_seeds(cell, config["seed"])
    return weights, config, pd.DataFrame(history), pd.DataFrame(costs)


def predicted_outputs(cell: Cell, weights: Arrays) -> PredictOutputs:
    """Predict with ``cell`` and lay the results out as the catalogue expects."""
    import pandas as pd

    from multimodal_study.seeds import predict_seeds

    predictions, embeddings, seconds = predict_seeds(cell, weights)
    cost = pd.DataFrame({"seed": list(seconds), "predict_seconds": list(seconds.values())})
    return predictions, embeddings, cost


def baseline_outputs(
    result: BaselineResult, features: Features, parameters: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Predictions, config, history and cost of a baseline."""
    import pandas as pd

    config = {
        "parameters": {**parameters, "chosen": result.chosen},
        "modalities": list(features.modalities),
        "task": asdict(features.task),
    }
    history = pd.DataFrame(result.history, columns=None if result.history else ["seed", "epoch"])
    return result.predictions, config, history, pd.DataFrame(result.cost)


def fit_sequences(  # noqa: PLR0917
    paradigm: tuple[Any, Any],
    features: Features,
    sequences: Arrays,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    seed: int,
) -> FitOutputs:
    """As :func:`fit_cell`, for a paradigm that reads token states."""
    config = cell_config(paradigm, features, parameters, trainer, seed)
    return fitted_outputs(rebuilt_cell(paradigm, features, config, sequences), config)


def predict_sequences(
    paradigm: tuple[Any, Any],
    features: Features,
    sequences: Arrays,
    weights: Arrays,
    config: dict[str, Any],
) -> PredictOutputs:
    """As :func:`predict_cell`, for a paradigm that reads token states."""
    return predicted_outputs(rebuilt_cell(paradigm, features, config, sequences), weights)


def rebuilt_cell(
    paradigm: tuple[Any, Any],
    features: Features,
    config: dict[str, Any],
    sequences: Arrays | None = None,
) -> Cell:
    """The cell that ``config`` describes, on ``features``."""
    from dataclasses import replace

    from multimodal_study.data.ragged import ragged_factory
    from multimodal_study.seeds import arrays_digest, cell_of
    from multimodal_study.training import TrainerConfig

    network, config_class = paradigm
    cell = cell_of(
        network,
        config_class(**config["parameters"]),
        TrainerConfig(**config["trainer"]),
        features.select(config["modalities"]),
    )
    if sequences is None:
        return cell
    return replace(
        cell,
        batches=ragged_factory(cell.features, sequences),
        data_digest=lambda: cell.data_digest() + arrays_digest(sequences),
    )
