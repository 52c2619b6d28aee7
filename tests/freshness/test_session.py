"""The plan against a small pipeline on real files, run by Kedro's own runners."""

import json
import logging
from pathlib import Path

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner, ThreadRunner
from kedro_datasets.json import JSONDataset

from multimodal_study.freshness.ledger import Ledger
from multimodal_study.freshness.plan import OBSERVE
from multimodal_study.freshness.session import _FreshRun


class Project:
    """A source file, an observer, two steps, a side branch, and a count of what ran."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []
        self.fail_in: str | None = None
        self.rate = 2
        (root / "source.txt").write_text("3")

    def run(self, runner: type = SequentialRunner) -> list[str]:
        self.ran = []
        names = ("seen", "double", "total", "other")
        catalog = DataCatalog(
            {n: JSONDataset(filepath=str(self.root / f"{n}.json")) for n in names}
        )
        catalog["params:rate"] = self.rate
        _FreshRun(runner(), Ledger(self.root / "ledger"))(
            self._pipeline(), catalog, _create_hook_manager()
        )
        return sorted(self.ran)

    def value(self, name: str) -> object:
        return json.loads((self.root / f"{name}.json").read_text())

    def _pipeline(self) -> Pipeline:
        def observe() -> int:
            return int((self.root / "source.txt").read_text())

        def multiply(seen: int, rate: int) -> int:
            return self._step("multiply", seen * rate)

        def add(double: int) -> int:
            return self._step("add", double + 1)

        def branch(seen: int) -> int:
            return self._step("branch", -seen)

        return Pipeline(
            [
                Node(observe, None, "seen", name="observe", tags=[OBSERVE]),
                Node(multiply, ["seen", "params:rate"], "double", name="multiply"),
                Node(add, "double", "total", name="add"),
                Node(branch, "seen", "other", name="branch"),
            ]
        )

    def _step(self, name: str, value: int) -> int:
        if name == self.fail_in:
            raise KeyboardInterrupt
        self.ran.append(name)
        return value

    def __repr__(self) -> str:
        return "Project"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_an_unchanged_run_does_nothing_and_says_so(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    assert project.run() == ["add", "branch", "multiply"]
    with caplog.at_level(logging.INFO, logger="multimodal_study"):
        assert project.run() == []
    assert "Skipping project (add, branch, multiply): unchanged" in caplog.text


def test_a_changed_parameter_reruns_what_depends_on_it(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.run()
    project.rate = 5
    with caplog.at_level(logging.INFO, logger="multimodal_study"):
        assert project.run() == ["add", "multiply"]
    assert "Running multiply: params:rate changed" in caplog.text
    assert project.value("total") == 16


def test_a_changed_source_reruns_everything_below_the_observer(project: Project) -> None:
    project.run()
    (project.root / "source.txt").write_text("4")
    assert project.run() == ["add", "branch", "multiply"]
    assert project.value("total") == 9


def test_a_deleted_output_is_made_again_with_what_depends_on_it(project: Project) -> None:
    project.run()
    (project.root / "double.json").unlink()
    assert project.run() == ["add", "multiply"]


@pytest.mark.parametrize("text", ["8", "70"])
def test_an_output_edited_by_hand_is_made_again(project: Project, text: str) -> None:
    project.run()
    (project.root / "total.json").write_text(text)
    assert project.run() == ["add"]
    assert project.value("total") == 7


def test_a_touched_but_equal_output_is_fresh(project: Project) -> None:
    project.run()
    path = project.root / "double.json"
    path.write_bytes(path.read_bytes())
    assert project.run() == []


def test_a_killed_run_goes_on_where_it_stopped(project: Project) -> None:
    project.fail_in = "add"
    with pytest.raises(KeyboardInterrupt):
        project.run()
    done = project.ran
    project.fail_in = None
    assert "multiply" in done
    assert set(project.run()) == {"add", "branch", "multiply"} - set(done)
    assert project.value("total") == 7


def test_a_node_killed_while_stale_stays_stale(project: Project) -> None:
    project.run()
    project.rate, project.fail_in = 5, "multiply"
    with pytest.raises(KeyboardInterrupt):
        project.run()
    project.rate, project.fail_in = 2, None
    assert project.run() == ["add", "multiply"]


def test_thread_runner_skips_too(project: Project) -> None:
    assert project.run(ThreadRunner) == ["add", "branch", "multiply"]
    assert project.run(ThreadRunner) == []


def test_an_unreadable_record_means_stale(project: Project) -> None:
    project.run()
    (project.root / "ledger" / "total.json").write_text("{")
    assert project.run() == ["add"]
