"""Pictures explained: maps of every paradigm, whether they point at the evidence, and a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from multimodal_study.contract import Features
    from multimodal_study.pipelines.interpretation.networks import Fitted


def explain_pictures(  # noqa: PLR0917
    features: Features,
    table: pd.DataFrame,
    source_files: dict[str, Any],
    evidence: pd.DataFrame,
    cells: Mapping[str, Fitted],
    encoder: dict[str, Any],
    explain: dict[str, Any],
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Grad-CAM of all paradigms on test pictures whose evidence is known, and tests of it.

    Args:
        features: Of the dataset.
        table: ``image`` by row of the arrays.
        source_files: ``root`` of pictures and masks.
        evidence: Questions; see :func:`.questions.questions_of`.
        cells: Paradigms that are explained.
        encoder: ``encoders.image``.
        explain: ``interpretation.explain`` of the parameters.
        evaluation: How intervals are made.

    Returns:
        The tables of :func:`.localisation.localisation` and
        :func:`.faithfulness.explanation_tests`, and :func:`.sheet.grad_cam_sheet`; empty where no
        evidence is known.

    Raises:
        InputError: A parameter is out of range, or a mask is missing.
    """
    import pandas as pd

    from multimodal_study.pipelines.evaluation.settings import resampling_of
    from multimodal_study.pipelines.interpretation import faithfulness, localisation
    from multimodal_study.pipelines.interpretation.maps import Gallery
    from multimodal_study.pipelines.interpretation.options import check_explain
    from multimodal_study.pipelines.interpretation.questions import questions_of
    from multimodal_study.pipelines.interpretation.sheet import grad_cam_sheet
    from multimodal_study.reporting.sheets import contact_sheet

    check_explain(explain)
    seed = resampling_of(evaluation).seed
    questions = questions_of(
        features, table, source_files, evidence, encoder, explain["examples"], seed
    )
    if questions is None:
        return (
            pd.DataFrame(columns=localisation.LOCALISATION),
            pd.DataFrame(columns=faithfulness.TESTS),
            contact_sheet([]),
        )
    gallery = Gallery.of(questions, features, int(encoder["size"]), explain["layer"])
    ground = localisation.ground_of(gallery, explain, seed)
    scores = {
        name: localisation.scored(gallery, ground, fitted, seed) for name, fitted in cells.items()
    }
    return (
        localisation.localisation(gallery, scores, evaluation),
        faithfulness.explanation_tests(gallery, cells, scores, explain, evaluation),
        grad_cam_sheet(gallery, scores, explain["sheet_rows"]),
    )
