"""Files, keys, classes and names agree; what is documented exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.config import OmegaConfigLoader

from multimodal_study.pipeline_registry import FITS, register_pipelines
from multimodal_study.pipelines.paradigms import BASELINES, PARADIGMS
from multimodal_study.training import TrainerConfig

ROOT = Path(__file__).parents[1]


def parameters(environment: str | None = None, **given: Any) -> dict[str, Any]:
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"),
        env=environment,
        base_env="base",
        default_run_env="local",
        merge_strategy={"parameters": "soft"},
        runtime_params=given,
    )
    found: dict[str, Any] = loader["parameters"]
    return found


@pytest.mark.parametrize(
    "name", ["early", "late", "intermediate", "gnn", "clip", "vilbert", "transformer", "mvae"]
)
def test_the_shipped_file_of_a_paradigm_builds_its_configuration(name: str) -> None:
    module = __import__(f"multimodal_study.models.{name}", fromlist=["Config"])
    values = dict(parameters()[name])
    trainer = {**parameters()["trainer"], **values.pop("trainer", {})}
    module.Config(**values)
    TrainerConfig(**trainer)
    assert list(yaml.safe_load((ROOT / f"conf/base/parameters_{name}.yml").read_text())) == [name]


def test_only_the_hybrids_read_lambda() -> None:
    registry = register_pipelines()
    readers = {
        node.name
        for dataset in FITS
        for node in registry[f"{dataset}_all"].nodes
        if "params:model.lambda" in node.inputs or "params:model" in node.inputs
    }
    assert readers == {f"{data}.hybrid.fit" for data, row in FITS.items() if "hybrid" in row}


def test_every_paradigm_that_is_placed_exists_and_has_parameters() -> None:
    known = parameters()
    for placed in FITS.values():
        assert set(placed) <= set(PARADIGMS)
        assert set(placed) - {"text_only", "image_only"} <= set(known)
    assert set(BASELINES) <= set(PARADIGMS)
    assert set(known["evaluation"]["baselines"]) == set(BASELINES)


def test_registered_names() -> None:
    names = set(register_pipelines())
    cells = {f"{dataset}_{paradigm}" for dataset, row in FITS.items() for paradigm in row}
    assert names >= cells | {"__default__", "amazon_data", "amazon_all", "early", "transformer"}


def test_one_parameter_of_the_command_line_leaves_its_siblings_alone() -> None:
    before, after = parameters(), parameters(model={"lambda": 0.5}, early={"dropout": 0.1})
    assert after["model"]["lambda"] == 0.5
    assert after["early"] == {**before["early"], "dropout": 0.1}
    assert after["late"] == before["late"]


def test_environments_change_known_keys_only() -> None:
    def keys(tree: Any, prefix: str = "") -> set[str]:
        if not isinstance(tree, dict) or not tree:
            return {prefix}
        return {key for name, value in tree.items() for key in keys(value, f"{prefix}.{name}")}

    base = keys(parameters())
    for environment in ("smoke", "amazon_2018", "fashion_products", "movielens_small", "reproduce"):
        changed = keys(parameters(environment)) - base
        # An empty group of base is open: its keys are names of modalities.
        open_groups = {key for key in base if any(c.startswith(f"{key}.") for c in changed)}
        known = {k for k in changed if any(k.startswith(f"{group}.") for group in open_groups)}
        known |= {key for key in changed if any(b.startswith(f"{key}.") for b in base)}
        assert changed - known == set()
        for group in open_groups:
            value: Any = parameters()
            for key in group.split(".")[1:]:
                value = value[key]
            assert value == {}, group


def test_listing_pipelines_loads_nothing_heavy() -> None:
    script = (
        "import sys, multimodal_study.pipeline_registry as registry\n"
        "registry.register_pipelines()\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'duckdb', 'polars', 'onnxruntime'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_commands_in_the_documents_name_pipelines_and_parameters_that_exist() -> None:
    names, known = register_pipelines(), parameters()
    text = (ROOT / "README.md").read_text() + (ROOT / "docs/usage.md").read_text()
    for found in re.findall(r"--pipelines?[= ]([\w,]+)", text):
        assert set(found.split(",")) <= set(names), found
    for found in re.findall(r"--params ([\w.,=/]+)", text):
        for pair in found.split(","):
            value: Any = known
            for key in pair.split("=")[0].split("."):
                assert key in value, pair
                value = value[key]
    for target in re.findall(r"`?make ([a-z]+)", text):
        if target != "sets":
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), target


def test_no_file_or_function_is_too_long() -> None:
    long = [p for p in (ROOT / "src").rglob("*.py") if len(p.read_text().splitlines()) > 300]
    assert long == []


def test_the_key_of_an_outside_service_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def key() -> Any:
        loader = OmegaConfigLoader(str(ROOT / "conf"), base_env="base", default_run_env="local")
        return loader["credentials"]["tmdb"]["api_key"]

    monkeypatch.delenv("TMDB_API_KEY", raising=False)
    assert not key()
    monkeypatch.setenv("TMDB_API_KEY", "from the environment")
    assert key() == "from the environment"


def test_the_generator_can_be_set_from_the_command_line() -> None:
    from multimodal_study.hooks import reject_unknown
    from multimodal_study.pipelines.fashion.rendered import DEFAULTS

    shipped = parameters()["fashion"]["ingest"]["rendered"]
    assert shipped == {name: DEFAULTS[name] for name in shipped}
    reject_unknown({"fashion": {"ingest": {"rendered": {"n": 100}}}}, parameters())
