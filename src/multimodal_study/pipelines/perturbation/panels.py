"""Perturbed predictions as panels, one per condition, and resampled values of what mixes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.settings import resampling_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Task
    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.metrics.registry import Metric
    from multimodal_study.metrics.table import Panel

    Array = np.ndarray[Any, Any]

Key = tuple[str, str, float]
"""Perturbation, origin, severity."""
CONDITION = ["perturbation", "origin", "severity"]


@dataclass(frozen=True)
class Asked:
    """What one cell answered, by condition."""

    panels: Mapping[Key, Panel[Any]]
    metric: Metric[Any]
    """The one that decides."""
    resampling: Resampling

    @property
    def sign(self) -> float:
        """1 where a higher metric is better, else -1."""
        return 1.0 if self.metric.higher_is_better else -1.0

    def of(self, perturbation: str) -> dict[tuple[str, float], Panel[Any]]:
        """Panels of one perturbation, by origin and severity, in the order of the table."""
        return {key[1:]: panel for key, panel in self.panels.items() if key[0] == perturbation}

    def drawn(self, panel: Panel[Any]) -> tuple[float, Array]:
        """The metric, mean over seeds, and on every resample: float64 ``[replicates]``."""
        from multimodal_study.metrics.bootstrap import replicates, value

        name = self.metric.name
        found = replicates(panel, {name: self.metric}, self.resampling)[name]
        return value(panel, self.metric), found

    def drawn_all(self, perturbation: str) -> dict[tuple[str, float], tuple[float, Array]]:
        """As :meth:`drawn`, of every panel of one perturbation, by origin and severity."""
        chosen = self.of(perturbation)
        if self.metric.ranked:
            return {key: self.drawn(panel) for key, panel in chosen.items()}
        shares = {
            (perturbation, *key): [self.metric.statistics(rows) for rows in panel.rows]
            for key, panel in chosen.items()
        }
        return {key[1:]: found for key, found in self.drawn_together(shares).items()}

    def drawn_together(
        self, statistics: Mapping[Key, list[Array]]
    ) -> dict[Key, tuple[float, Array]]:
        """As :meth:`drawn`, of rows whose shares in the sums are given: ``[n, s]`` per seed.

        Every key is one column of a single resampling.
        """
        from multimodal_study.metrics.bootstrap import replicates, value

        panel = next(iter(self.panels.values()))
        seeds = range(len(panel.seeds))
        given: Panel[Any] = replace(
            panel, rows=tuple({key: own[seed] for key, own in statistics.items()} for seed in seeds)
        )
        metrics = {str(key): replace(self.metric, statistics=itemgetter(key)) for key in statistics}
        found = replicates(given, metrics, self.resampling)
        return {key: (value(given, metrics[str(key)]), found[str(key)]) for key in statistics}

    def summary(self, value: float, drawn: Array, prefix: str = "") -> dict[str, float]:
        """Value and interval, as columns; NaN where not defined."""
        import numpy as np

        known = drawn[~np.isnan(drawn)]
        tail = (1.0 - self.resampling.confidence) / 2.0
        low, high = np.quantile(known, [tail, 1.0 - tail]) if len(known) else (np.nan, np.nan)
        return {
            prefix or "value": value,
            f"{prefix}_low" if prefix else "low": float(low),
            f"{prefix}_high" if prefix else "high": float(high),
        }


def asked_of(perturbed: pd.DataFrame, task: Task, evaluation: Mapping[str, Any]) -> Asked:
    """Panels of a cell's ``perturbed`` table.

    Raises:
        ValueError: The table breaks its contract.
    """
    from multimodal_study.metrics.registry import metrics_for
    from multimodal_study.metrics.table import panels

    found: dict[Key, Panel[Any]] = {}
    for (perturbation, origin, severity), rows in perturbed.groupby(CONDITION, sort=False):
        own = panels(rows.drop(columns=CONDITION), task)
        found[str(perturbation), str(origin), float(str(severity))] = next(iter(own.values()))
    metric = metrics_for(task.kind, int(evaluation.get("ece_bins", 15)))[task.decides]
    return Asked(found, metric, resampling_of(dict(evaluation)))
