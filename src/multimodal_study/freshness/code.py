"""A digest of the code that a function depends on inside this package.

Static: source files are parsed, never imported, so a node whose module loads torch is digested
without loading torch. Comments, docstrings and layout do not count; templates beside a module do.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

import multimodal_study

PACKAGE = multimodal_study.__name__
ROOT = Path(multimodal_study.__file__).parent
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (*FUNCTIONS, ast.ClassDef, ast.Module)


def code_digest(function: Callable[..., Any]) -> str:
    """Hex digest of ``function``, of what its closure holds and of every module of ours it uses.

    Raises:
        TypeError: A closure holds something that only its address in memory tells apart, so that
            the digest would be another one in every process.
    """
    parts: dict[str, str] = {}
    _collect(function, parts)
    text = "\n".join(f"{name}={parts[name]}" for name in sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()


def _collect(value: object, parts: dict[str, str]) -> None:
    """Add the digests that ``value``, a function or something in a closure, depends on."""
    if isinstance(value, FunctionType):
        _collect_function(inspect.unwrap(value), parts)
    elif isinstance(value, type):
        if value.__module__.split(".")[0] == PACKAGE:
            _collect_module(_module_path(value.__module__), parts)
    elif isinstance(value, MethodType):
        _collect(value.__func__, parts)
        _collect(value.__self__, parts)
    elif isinstance(value, (tuple, list)):
        for item in value:
            _collect(item, parts)
    elif isinstance(value, dict):
        for key, item in value.items():
            parts[f"key:{key!r}:{getattr(item, '__qualname__', '')}"] = ""
            _collect(item, parts)
    else:
        parts[f"value:{_described(value)}"] = ""


def _collect_function(function: Any, parts: dict[str, str]) -> None:
    """A function's definition, or its bytecode where it is none of ours, and its closure."""
    name = f"{function.__module__}:{function.__qualname__}"
    if name in parts:
        return
    if function.__module__.split(".")[0] == PACKAGE:
        module = _module_tree(_module_path(function.__module__))
        node = _find(module, function.__qualname__.replace("<locals>.", ""))
        _collect_definition(name, node, module, parts)
    else:
        code = function.__code__
        parts[name] = hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()
    for cell in function.__closure__ or ():
        _collect(cell.cell_contents, parts)


def _described(value: object) -> str:
    text = repr(value)
    if " at 0x" in text:
        raise TypeError(f"No digest of {text}, which a node's closure holds: name what it is.")
    return text


def _collect_definition(
    name: str, node: ast.AST, module: ast.Module, parts: dict[str, str]
) -> None:
    """One definition, plus the imports and module-level definitions that it names."""
    parts[name] = _digest(node)
    used = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    for path in _imports(node):
        _collect_module(path, parts)
    for statement in module.body:
        if not _is_typing_block(statement) and used & set(_bound(statement)):
            for path in _imports(statement, only=used):
                _collect_module(path, parts)
            inner = f"{name.split(':', maxsplit=1)[0]}:{'+'.join(sorted(_bound(statement)))}"
            is_import = isinstance(statement, (ast.Import, ast.ImportFrom))
            if not is_import and inner not in parts and statement is not node:
                _collect_definition(inner, statement, module, parts)


def _collect_module(path: Path, parts: dict[str, str]) -> None:
    """A whole module and, transitively, every module of ours that it imports."""
    name = path.relative_to(ROOT).as_posix()
    if name in parts:
        return
    tree = _module_tree(path)
    parts[name] = _digest(tree)
    for data in _data_files(path.parent):
        parts[data.relative_to(ROOT).as_posix()] = hashlib.sha256(data.read_bytes()).hexdigest()
    for imported in _imports(tree):
        _collect_module(imported, parts)


def _data_files(folder: Path) -> list[Path]:
    """Templates and the like beside a module: files in folders that are no packages."""
    return sorted(
        file
        for inner in folder.iterdir()
        if inner.is_dir() and inner.name != "__pycache__" and not (inner / "__init__.py").exists()
        for file in inner.rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    )


def _imports(node: ast.AST, only: set[str] | None = None) -> Iterator[Path]:
    """Files of this package that the import statements below ``node`` name."""
    for item in _walk_runtime(node):
        if isinstance(item, ast.ImportFrom) and (item.module or "").startswith(PACKAGE):
            for alias in item.names:
                if only is None or (alias.asname or alias.name) in only:
                    whole = _module_path(f"{item.module}.{alias.name}")
                    yield whole if whole.is_file() else _module_path(item.module or "")
        elif isinstance(item, ast.Import):
            for alias in item.names:
                if alias.name.startswith(PACKAGE):
                    yield _module_path(alias.name)


def _walk_runtime(node: ast.AST) -> Iterator[ast.AST]:
    """Like ``ast.walk`` without the blocks that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not _is_typing_block(child):
            yield from _walk_runtime(child)


def _is_typing_block(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a module-level statement binds."""
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield (alias.asname or alias.name).split(".")[0]
    else:
        for item in ast.walk(statement):
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
                yield item.id


def _find(module: ast.Module, qualified_name: str) -> ast.AST:
    """The definition ``outer.inner`` in ``module``; the whole module for a lambda."""
    node: ast.AST = module
    for name in qualified_name.split("."):
        node = next(
            (
                item
                for item in ast.walk(node)
                if isinstance(item, (*FUNCTIONS, ast.ClassDef)) and item.name == name
            ),
            module,
        )
    return node


def _module_path(name: str) -> Path:
    base = ROOT.joinpath(*name.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _module_tree(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _digest(node: ast.AST) -> str:
    return hashlib.sha256(ast.dump(node).encode()).hexdigest()
