"""Raw review files to features.

locate -> ingest -> split -> enrich -> featurise
   |         |  \
   |         |   `- quarantine, ingest_summary
   `- source_files: what lies on disk, by content; looked at in every run
"""

from kedro.pipeline import Node, Pipeline

from multimodal_study.freshness.plan import OBSERVE
from multimodal_study.pipelines.amazon.featurise import featurise
from multimodal_study.pipelines.amazon.nodes import enrich, ingest, locate, split

NAME = "amazon"


def create_pipeline() -> Pipeline:
    """The data pipeline as the namespace ``amazon``; only ``seed`` is global."""
    nodes = [
        Node(locate, "params:ingest", "source_files", name="locate", tags=[OBSERVE]),
        Node(
            ingest,
            ["source_files", "params:ingest"],
            ["reviews", "products", "quarantine", "ingest_summary"],
            name="ingest",
        ),
        Node(
            split,
            ["reviews", "params:split", "params:seed"],
            ["splits", "split_summary"],
            name="split",
        ),
        Node(
            enrich,
            ["reviews", "products", "splits", "params:task", "params:enrich"],
            "table",
            name="enrich",
        ),
        Node(
            featurise,
            [
                "table",
                "products",
                "params:task",
                "params:featurise",
                "ingest_summary",
                "split_summary",
            ],
            "features",
            name="featurise",
        ),
    ]
    return Pipeline(nodes, namespace=NAME, parameters={"params:seed"}, tags={NAME, "data"})
