"""Hand-made entries of datasets, as a run would leave them."""

from __future__ import annotations

from typing import Any

HOSTILE = "<script>alert('x')</script>"
TESTED = ("early", "text_only", "mvae", "hybrid", "tfidf")
ACCURACY = {"early": 0.8, "hybrid": 0.75, "text_only": 0.7, "mvae": 0.6, "tfidf": 0.5}


def row(paradigm: str, value: float, metric: str = "accuracy") -> dict[str, Any]:
    around = {"value": value, "low": value - 0.05, "high": value + 0.05}
    return {"paradigm": paradigm, "metric": metric, "seeds": 3, "split": "test", **around}


def pair(first: str, second: str, p_holm: float) -> dict[str, Any]:
    return {
        "first": first,
        "second": second,
        "metric": "accuracy",
        "difference": 0.1,
        "p_value": p_holm / 4,
        "p_holm": p_holm,
        "comparisons": 4,
        "permutations": 5000,
        "split": "test",
        "verdict": f"{first} is better" if p_holm < 0.05 else "no measurable difference",
    }


def answer(question: str, first: str, second: str, low: float, high: float) -> dict[str, Any]:
    gain = "a measurable gain" if low > 0 else "a measurable loss"
    return {
        "question": question,
        "with": first,
        "without": second,
        "metric": "accuracy",
        "difference": (low + high) / 2,
        "low": low,
        "high": high,
        "p_value": 0.01,
        "split": "test",
        "verdict": "no measurable contribution" if low <= 0 <= high else gain,
    }


def cell(*, fitted: bool = True) -> dict[str, Any]:
    tensors = {
        "encoders.encoders.image.project.linear.weight": [8, 20],
        "encoders.encoders.text.project.linear.weight": [8, 12],
        "network.0.weight": [8, 16],
        "head.weight": [2, 8],
        "loss_weights": [2],
    }
    return {
        "parameters": {"dropout": 0.1, "note": HOSTILE},
        "trainer": {"max_epochs": 2, "seeds": 3} if fitted else None,
        "modalities": ["image", "text"],
        "seed": 42,
        "capabilities": ["missing_modality"] if fitted else [],
        "tensors": tensors if fitted else {},
        "seeds": [42, 43] if fitted else [],
        "run": {"run_id": "r1", "mlflow_run": "m1", "command": "kedro run", "commit": "abc"},
    }


def curve() -> list[dict[str, Any]]:
    losses = {42: (0.9, 0.7), 43: (0.95, 0.8)}
    return [
        {"seed": seed, "epoch": epoch, "train_loss": loss, "validation_loss": loss + 0.1}
        for seed, own in losses.items()
        for epoch, loss in enumerate(own)
    ]


def card() -> dict[str, Any]:
    def view(origin: str, width: int, missing: float = 0.0) -> dict[str, Any]:
        return {
            "entity": "item",
            "kind": origin,
            "width": width,
            "origin": origin,
            "likelihood": "normal",
            "encoder": f"maker of {origin}, 1.0",
            "rows": 30,
            "missing": missing,
        }

    counts = {"train": 20, "validation": 5, "test": 5}
    return {
        "modalities": {"image": view("image", 20, 0.25), "text": view("text", 12)},
        "examples": counts,
        "clusters": counts,
        "targets": {"train": {"no": 10, HOSTILE: 10}},
        "pair": ["image", "text"],
    }


def entry(dataset: str = "fashion", **changes: Any) -> dict[str, Any]:
    """Five paradigms; ``early`` is the best on validation and beats two of them measurably."""
    leaderboard = [row(name, value) for name, value in ACCURACY.items()]
    best = {**leaderboard[0], "validation": 0.81}
    pairs = {"text_only": 0.2, "mvae": 0.01, "hybrid": 0.6, "tfidf": 0.001}
    made = {
        "dataset": dataset,
        "schema": 1,
        "source": "rendered",
        "notes": [HOSTILE],
        "task": "style",
        "kind": "binary",
        "decides": "accuracy",
        "label": "Accuracy",
        "split": "test",
        "paradigms": 5,
        "best": best,
        "strongest_baseline": {**leaderboard[-1], "validation": 0.5},
        "leaderboard": leaderboard,
        "retrieval": {},
        "contributions": [],
        "significance": [pair("early", other, p) for other, p in pairs.items()],
        "costs": [
            {
                "paradigm": name,
                "seeds": 3,
                "parameters": 1000.0 * place,
                "fit_seconds": 10.0 - place,
                "predict_seconds": 0.1,
                "peak_memory_mb": 100.0,
                "epochs": 2.0,
                "best_epoch": 1.0,
                "device": "cpu",
            }
            for place, name in enumerate(ACCURACY)
        ],
        "answers": [
            answer("fusion", "early", "text_only", 0.02, 0.18),
            answer("label", "hybrid", "mvae", -0.01, 0.31),
        ],
        "variants": [
            {
                "paradigm": name,
                "quantity": "accuracy",
                "variant": variant,
                **{"value": 0.5, "low": 0.4, "high": 0.6, "seeds": 3, "split": "test"},
            }
            for name in ACCURACY
            for variant in ("per sample", "per class")
        ],
        "card": card(),
        "cells": {name: cell(fitted=name != "tfidf") for name in ACCURACY},
        "histories": {name: curve() for name in ACCURACY if name != "tfidf"},
        "split_record": {"strategy": "grouped", "digests": {"test": "feed" * 16}},
        "rows": {"rows": {"rows_read": 32, "kept": 30, "duplicates": 0, "quarantined": 2}},
        "evaluation": {"confidence": 0.95, "bootstrap": 2000},
        "trainer": {"max_epochs": 2, "seeds": 3},
        "pictures": [],
        "run": {
            "run_id": "r2",
            "mlflow_run": "m2",
            "environment": "smoke",
            "parameters": {"seed": "1"},
            "command": "kedro run --env smoke --params seed=1",
            "commit": "abc",
            "hardware": {"processor": "a processor", "cores": 2},
        },
    }
    return made | changes
