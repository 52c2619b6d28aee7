"""What counts as a change of code, on a small package written for the test."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from multimodal_study.freshness import code

FILES = {
    "__init__.py": "",
    "nodes.py": '''
from toy.shared import scale
from toy.unused import nothing

LIMIT = 3

def make(factor):
    def fit(x):
        """Docstring."""
        from toy.deep import helper
        return helper(scale(x)) * factor + LIMIT
    return fit

def other(x):
    return nothing(x)
''',
    "shared.py": "def scale(x):\n    return x * 2\n",
    "deep.py": "from toy.deeper import power\n\ndef helper(x):\n    return power(x)\n",
    "deeper.py": "def power(x):\n    return x ** 2\n",
    "unused.py": "def nothing(x):\n    return x\n",
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    root = tmp_path / "toy"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "PACKAGE", "toy")
    monkeypatch.setattr(code, "ROOT", root)

    def digest(change: str | None = None, old: str = "", new: str = "", factor: int = 1) -> str:
        if change is not None:
            text = FILES[change]
            assert old in text
            (root / change).write_text(text.replace(old, new))
        code._module_tree.cache_clear()
        result = code.code_digest(_load(root).make(factor))
        if change is not None:
            (root / change).write_text(FILES[change])
        return result

    yield digest
    code._module_tree.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "toy"]:
        del sys.modules[name]


def _load(root: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("toy.nodes", root / "nodes.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nodes.py", "* factor", "/ factor"),
        ("nodes.py", "LIMIT = 3", "LIMIT = 4"),
        ("shared.py", "x * 2", "x * 3"),
        ("deep.py", "power(x)", "power(x + 1)"),
        ("deeper.py", "** 2", "** 3"),
    ],
)
def test_a_change_that_the_node_depends_on_counts(
    toy: Callable[..., str], file: str, old: str, new: str
) -> None:
    assert toy(file, old, new) != toy()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nodes.py", "Docstring.", "Another text."),
        ("nodes.py", "return nothing(x)", "return nothing(x + 1)"),
        ("unused.py", "return x", "return -x"),
        ("shared.py", "    return x * 2", "    # a comment\n    return x*2"),
    ],
)
def test_other_changes_do_not_count(toy: Callable[..., str], file: str, old: str, new: str) -> None:
    assert toy(file, old, new) == toy()


def test_what_the_closure_holds_counts(toy: Callable[..., str]) -> None:
    assert toy(factor=2) != toy(factor=1)


def test_a_function_from_elsewhere_counts_by_its_bytecode() -> None:
    assert code.code_digest(lambda x: x + 1) != code.code_digest(lambda x: x + 2)


def test_a_template_beside_a_module_counts(toy: Callable[..., str], tmp_path: Path) -> None:
    before = toy()
    templates = tmp_path / "toy" / "templates"
    templates.mkdir()
    (templates / "page.html").write_text("one")
    one = toy()
    (templates / "page.html").write_text("two")
    assert len({before, one, toy()}) == 3
