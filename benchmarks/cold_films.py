"""Films that train never met: what saved cells reach beside the strongest baseline.

Reads predictions of cells that a run left in the project's ``data`` and fits nothing. First

    kedro run --env movielens_small --params movielens.split.strategy=cold_movie,trainer.seeds=1 \
        --pipelines movielens_biases,movielens_biased_mf,movielens_early,movielens_gnn

then, from the project's folder, ``python benchmarks/cold_films.py``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from multimodal_study.errors import InputError
from multimodal_study.pipelines.evaluation import nodes
from multimodal_study.pipelines.evaluation.history import ratings_by_history

RESULT = Path(__file__).parent / "results" / "cold_films.json"
CELLS = ("biases", "biased_mf", "early", "gnn")


def load(environment: str, cells: tuple[str, ...]) -> dict[str, Any]:
    """Features, summary, evaluation parameters, and tables by kind and cell."""
    bootstrap_project(Path.cwd())
    with KedroSession.create(Path.cwd(), env=environment) as session:
        catalog = session.load_context().catalog
        found: dict[str, Any] = {
            kind: {name: catalog.load(f"movielens.{name}.{kind}") for name in cells}
            for kind in ("predictions", "metrics")
        }
        for name in ("movielens.features", "movielens.split_summary", "params:evaluation"):
            found[name] = catalog.load(name)
    return found


def main() -> None:
    """Write and print the RMSE of every cell and its paired difference to every baseline."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="movielens_small")
    parser.add_argument("--cells", nargs="+", default=CELLS)
    asked = parser.parse_args()
    found = load(asked.env, tuple(asked.cells))
    summary, evaluation = found["movielens.split_summary"], found["params:evaluation"]
    if summary["strategy"] != "cold_movie":
        raise InputError(f"the split is {summary['strategy']}, expected cold_movie: run the cells")
    cells = found["predictions"], found["metrics"]
    board = nodes.leaderboard(found["metrics"], evaluation)
    baselines = [name for name in asked.cells if name in evaluation["baselines"]]
    against = [
        {"what": "", "with": name, "without": other}
        for name in asked.cells
        for other in baselines
        if name not in baselines
    ]
    alone = {**evaluation, "baselines": []}
    difference = nodes.contributions(*cells, alone, against)
    history = ratings_by_history(found["movielens.features"], *cells, evaluation)
    tables = {"leaderboard": board, "differences": difference, "by_history": history}
    report = {"rows": summary["rows"], "movies": summary["movies"], "digests": summary["digests"]}
    for name, table in tables.items():
        print(name, table.to_string(), sep="\n")
        report[name] = json.loads(table.to_json(orient="records"))
    RESULT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
