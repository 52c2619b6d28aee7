"""A page per paradigm: idea, structure, training, its rows on every dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from multimodal_study.reporting.architecture import diagram
from multimodal_study.reporting.known import paradigm_facts
from multimodal_study.reporting.prose import docstring
from multimodal_study.reporting.render import flat, page, svg
from multimodal_study.reporting.shown import Drawn, command_of

if TYPE_CHECKING:
    import pandas as pd

Entry = Mapping[str, Any]
NO_DIFFERENCE, IS_BEST, UNTESTED = "within noise of the best", "best on validation", "not tested"


def paradigm_pages(entries: Sequence[Entry]) -> dict[str, str]:
    """File name to page: ``index.html`` and one for every paradigm that was run."""
    told = [entry for entry in entries if entry.get("schema")]
    names = dict.fromkeys(row["paradigm"] for entry in told for row in entry["leaderboard"])
    order = ("fusion", "single", "baseline")
    listed = sorted(names, key=lambda name: (order.index(paradigm_facts(name)["kind"]), name))
    index = [
        {"name": name, "facts": paradigm_facts(name), "results": _results(name, told)}
        for name in listed
    ]
    pages = {
        "index.html": page(
            "paradigms.html.jinja",
            root="../",
            here="paradigms/index",
            datasets=[entry["dataset"] for entry in told],
            listed=index,
        )
    }
    return pages | {f"{name}.html": paradigm_page(name, told) for name in listed}


def paradigm_page(name: str, entries: Sequence[Entry]) -> str:
    """The page of one paradigm over the datasets that it was run on."""
    facts = paradigm_facts(name)
    own = [entry for entry in entries if name in entry["cells"]]
    return page(
        "paradigm.html.jinja",
        root="../",
        here=f"paradigms/{name}",
        name=name,
        facts=facts,
        about=docstring(facts["code"]) if facts["code"] else "",
        results=_results(name, entries),
        places=[_place(name, entry, facts) for entry in own],
        curves=_curves(name, own),
        drawn=[
            Drawn(**one) for entry in own for one in entry["pictures"] if one["paradigm"] == name
        ],
    )


def _results(name: str, entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """By dataset: the deciding metric, its place among the paradigms, the verdict, the cost."""
    found = {}
    for entry in entries:
        rows = [row for row in entry["leaderboard"] if row["metric"] == entry["decides"]]
        ranked = [row["paradigm"] for row in rows]
        if name not in ranked:
            continue
        place = ranked.index(name)
        costs = {row["paradigm"]: row for row in entry["costs"]}
        found[str(entry["dataset"])] = {
            **rows[place],
            "label": entry["label"],
            "place": place + 1,
            "of": len(ranked),
            "verdict": _verdict(name, entry),
            "cost": costs.get(name),
            "command": command_of(
                entry["run"], f"{entry['dataset']}_{name}", f"{entry['dataset']}.{name}.metrics"
            ),
        }
    return found


def _verdict(name: str, entry: Entry) -> str:
    """What the test of ``name`` against the best on validation says."""
    best = (entry["best"] or {}).get("paradigm")
    if name == best:
        return IS_BEST
    for row in entry["significance"]:
        if row["split"] == entry["split"] and {row["first"], row["second"]} == {name, best}:
            level = 1.0 - float(entry["evaluation"].get("confidence", 0.95))
            if row["p_holm"] is None or row["p_holm"] >= level:
                return f"{NO_DIFFERENCE}, {best}"
            word = "better" if row["first"] == name else "worse"
            return f"measurably {word} than the best on validation, {best}"
    return UNTESTED


def _place(name: str, entry: Entry, facts: Mapping[str, Any]) -> dict[str, Any]:
    """How the paradigm was built on one dataset."""
    cell, card = entry["cells"][name], entry["card"]
    # A baseline's record lists what it could read, not what it does.
    names = cell["modalities"] if cell["tensors"] else []
    known = {**card["modalities"], **cell.get("made", {})}
    reads = {one: known[one] for one in names}
    checkpoint = (cell["parameters"] or {}).get(facts.get("pretrained", ""))
    return {
        "dataset": entry["dataset"],
        "rows": [
            row
            for row in (*entry["leaderboard"], *entry["retrieval"].get("rows", []))
            if row["paradigm"] == name
        ],
        "command": command_of(
            entry["run"], f"{entry['dataset']}_all", f"{entry['dataset']}.leaderboard"
        ),
        "diagram": diagram(cell["tensors"], reads, f"{name} on {entry['dataset']}"),
        "reads": list(reads),
        "encoders": _encoders(reads),
        "pretrained": checkpoint,
        "parameters": flat(cell["parameters"] or {}),
        "trainer": flat(cell["trainer"] or {}),
        "capabilities": cell["capabilities"],
        "seeds": cell["seeds"],
        "run": cell["run"],
        "cost": next((row for row in entry["costs"] if row["paradigm"] == name), None),
        "digests": entry["split_record"].get("digests", {}),
    }


def _encoders(reads: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Encoder, by the short name that its record starts with, to the modalities it made."""
    found: dict[str, list[str]] = {}
    for name, modality in reads.items():
        found.setdefault(str(modality["encoder"]).split(",", maxsplit=1)[0], []).append(name)
    return found


def _curves(name: str, entries: Sequence[Entry]) -> str | None:
    """Training curves, a panel per dataset and a line per seed, as a data address."""
    import pandas as pd

    from multimodal_study.reporting.figures import history_figure

    tables: dict[str, pd.DataFrame] = {
        str(entry["dataset"]): pd.DataFrame(entry["histories"][name])
        for entry in entries
        if name in entry["histories"]
    }
    if not tables:
        return None
    filled = {key: table.astype("float64", errors="ignore") for key, table in tables.items()}
    return svg(history_figure(filled))
