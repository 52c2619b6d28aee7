"""What counts as a change of code, on a small package written for the test."""

import importlib.util
import os
import subprocess
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


def _plus(x: int) -> int:
    return x + 1


def _minus(x: int) -> int:
    return x - 1


class _Kept:
    """Described by its address."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def plus(self, x: int) -> int:
        return x + self.sign

    def minus(self, x: int) -> int:
        return x - self.sign


class _Named(_Kept):
    def __repr__(self) -> str:
        return f"_Named({self.sign})"


def _holding(held: object) -> Callable[[], object]:
    return lambda: held


def test_functions_in_a_dictionary_count_by_their_code_and_key() -> None:
    held = [{"a": _plus}, {"a": _minus}, {"b": _plus}]
    held += [{"a": _plus, "b": _minus}, {"a": _minus, "b": _plus}]
    assert len({code.code_digest(_holding(each)) for each in held}) == 5


def test_a_bound_method_counts_by_its_code_and_its_owner() -> None:
    held = [_Named(1).plus, _Named(1).minus, _Named(2).plus]
    assert len({code.code_digest(_holding(each)) for each in held}) == 3
    assert code.code_digest(_holding(_Named(1).plus)) == code.code_digest(_holding(held[0]))


def test_what_only_an_address_tells_apart_is_refused() -> None:
    with pytest.raises(TypeError, match=r"No digest of .*_Kept object"):
        code.code_digest(_holding(_Kept(1)))


DIGESTS = """
from multimodal_study.freshness.code import code_digest
from multimodal_study.pipeline_registry import register_pipelines

for node in register_pipelines()["__default__"].nodes:
    print(node.name, code_digest(node.func))
"""


def test_every_node_has_the_same_digest_in_another_process() -> None:
    found = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", DIGESTS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout.splitlines())
    assert len(found[0]) > 200
    assert found[0] == found[1]
