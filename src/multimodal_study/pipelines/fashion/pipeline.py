r"""Label files and pictures to features.

render -> locate -> ingest -> split -> enrich -> featurise -> factor_probes, construction
  |         |         |  \               |- evidence: where in a picture its label shows
  |         |         |   \              |
  |         |         |    \             `- task_rows: how many rows each class has
  |         |         |     `- quarantine, ingest_summary
  |         `- source_files: what lies on disk, by content
  `- rendered: the tree of drawn garments, where that is the source

``render`` and ``locate`` look at the disk in every run; what they find decides what else runs.
"""

from kedro.pipeline import Node, Pipeline

from multimodal_study.freshness.plan import OBSERVE
from multimodal_study.pipelines.fashion.featurise import featurise
from multimodal_study.pipelines.fashion.nodes import (
    construction,
    enrich,
    evidence,
    factor_probes,
    ingest,
    locate,
    render,
    split,
)

NAME = "fashion"
GLOBAL = ("params:seed", "params:encoders.image")
"""Parameters that are not the dataset's own."""


def create_pipeline() -> Pipeline:
    """The data pipeline as the namespace ``fashion``."""
    summaries = ["ingest_summary", "split_summary"]
    nodes = [
        Node(render, ["params:ingest", "params:seed"], "rendered", name="render", tags=[OBSERVE]),
        Node(locate, ["rendered", "params:ingest"], "source_files", name="locate", tags=[OBSERVE]),
        Node(
            ingest,
            ["source_files", "params:ingest", "params:seed"],
            ["items", "quarantine", "ingest_summary"],
            name="ingest",
        ),
        Node(
            split,
            ["items", "params:split", "ingest_summary", "params:seed"],
            ["splits", "split_summary"],
            name="split",
        ),
        Node(
            enrich,
            ["items", "splits", "params:task", "params:enrich", "ingest_summary"],
            ["table", "task_rows"],
            name="enrich",
        ),
        Node(
            featurise,
            [
                "table",
                "source_files",
                "params:task",
                "params:featurise",
                "params:encoders.image",
                *summaries,
            ],
            "features",
            name="featurise",
        ),
        Node(construction, ["features", "rendered"], "construction", name="construction"),
        Node(
            factor_probes,
            ["features", "items", "rendered", "params:probes"],
            "factor_probes",
            name="factor_probes",
        ),
        Node(
            evidence,
            ["table", "items", "rendered", "params:task", "ingest_summary"],
            "evidence",
            name="evidence",
        ),
    ]
    return Pipeline(nodes, namespace=NAME, parameters=set(GLOBAL), tags={NAME, "data"})
