"""How values become text on a page: templates, numbers, pictures as data addresses."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from multimodal_study.metrics.registry import METRICS
from multimodal_study.reporting.prose import coded, prose

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PACKAGES = (
    "multimodal-study", "kedro", "mlflow", "torch", "pytorch-lightning", "transformers",
    "onnxruntime", "scikit-learn", "numpy", "pandas", "polars", "duckdb",
)  # fmt: skip


@cache
def environment() -> Environment:
    """Templates with escaping on and undefined names refused."""
    made = Environment(
        loader=PackageLoader("multimodal_study.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "cell": cell,
        "interval": interval,
        "in_sentence": in_sentence,
        "signed": signed,
        "prose": prose,
        "coded": coded,
    }
    made.globals["labels"] = {name: metric.label for name, metric in METRICS.items()}
    return made


def page(template: str, **values: Any) -> str:
    """The page ``template`` with ``values``; every text among them is escaped."""
    given = {"root": "", "here": template.removesuffix(".html.jinja"), "plots": []} | values
    return environment().get_template(template).render(versions=versions(), **given)


@cache
def versions() -> dict[str, str]:
    """Installed versions of the packages that can change a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{name}.")
        else:
            result[name] = value
    return result


def number(value: Any, digits: int = 3) -> str:
    """A number with ``digits`` decimals, or a dash where there is none."""
    if value is None or math.isnan(value):
        return "\u2013"
    return f"{value:,.{digits}f}"


def cell(value: Any) -> str:
    """A cell of a table of any kind: whole numbers whole, others with three decimals."""
    if isinstance(value, float):
        return number(value, 0 if value.is_integer() else 3)
    return "\u2013" if value is None else str(value)


def interval(row: Mapping[str, Any], digits: int = 3) -> str:
    """``[low, high]`` of a row, empty where there is none."""
    if row["low"] is None or math.isnan(row["low"]):
        return ""
    return f"[{number(row['low'], digits)}, {number(row['high'], digits)}]"


def in_sentence(label: str) -> str:
    """A label inside a sentence: ``Macro F1`` as ``macro F1``, ``AUROC`` unchanged."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{value:+.{digits}f}"


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    return rows


def json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain JSON values: what is not a number is None."""
    return [
        {
            str(key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }
        for row in records(table)
    ]


def png(contents: bytes) -> str:
    """A picture as a data address."""
    return "data:image/png;base64," + base64.b64encode(contents).decode()


def svg(figure: Figure) -> str:
    """The figure as a data address of an SVG, the same bytes for figures made alike."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "multimodal-study"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()
