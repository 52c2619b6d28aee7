"""Raw rating files to features.

locate -> ingest -> split ----------> featurise
             |  `-> fetch -> enrich ---^
locate_enrichment -----------^
"""

from kedro.pipeline import Node, Pipeline

from multimodal_study.freshness.plan import OBSERVE
from multimodal_study.pipelines.movielens.featurise import featurise
from multimodal_study.pipelines.movielens.nodes import (
    enrich,
    fetch,
    ingest,
    locate,
    locate_enrichment,
    ranking,
    split,
)

NAME = "movielens"
_GLOBAL = {"params:seed", "params:encoders.image"}


def create_pipeline() -> Pipeline:
    """The data pipeline as the namespace ``movielens``; what is not the dataset's own is global."""
    nodes = [
        Node(locate, "params:ingest", "source_files", name="locate", tags=[OBSERVE]),
        Node(
            locate_enrichment,
            "params:enrich",
            "enrichment_files",
            name="locate_enrichment",
            tags=[OBSERVE],
        ),
        Node(
            ingest,
            ["source_files", "params:ingest"],
            ["ratings", "movies", "users", "quarantine", "ingest_summary"],
            name="ingest",
        ),
        Node(
            split,
            ["ratings", "movies", "users", "params:split", "params:seed"],
            ["splits", "split_summary"],
            name="split",
        ),
        Node(fetch, ["movies", "params:enrich", "tmdb_key"], "tmdb_summary", name="fetch"),
        Node(
            enrich,
            ["movies", "ratings", "params:enrich", "enrichment_files", "tmdb_summary"],
            ["table", "coverage", "enrich_summary"],
            name="enrich",
        ),
        Node(
            featurise,
            [
                *["ratings", "splits", "table"],
                *["params:task", "params:featurise", "params:encoders.image"],
                *["ingest_summary", "split_summary", "enrich_summary"],
                "params:seed",
            ],
            "features",
            name="featurise",
        ),
    ]
    return Pipeline(nodes, namespace=NAME, parameters=_GLOBAL, tags={NAME, "data"})


def create_ranking() -> Pipeline:
    """Recommenders side by side on the features; a cell of ratings does not need it."""
    read = ["features", "params:ranking", "params:evaluation", "params:seed"]
    return Pipeline(
        [Node(ranking, read, "ranking", name="ranking")],
        namespace=NAME,
        inputs={"features": f"{NAME}.features"},
        parameters={"params:evaluation", "params:seed"},
        tags={NAME, "evaluation"},
    )
