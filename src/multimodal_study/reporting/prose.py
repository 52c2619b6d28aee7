"""Docstrings as HTML: paragraphs, lists, tables of code, and names in code type; all escaped."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup, escape

import multimodal_study

ROOT = Path(multimodal_study.__file__).parent
_CODE = re.compile(r"(?::\w+:)?``?([^`]+)``?")


def docstring(module: str) -> str:
    """The docstring of a module of this package, ``models.early`` say, without importing it.

    Raises:
        FileNotFoundError: There is no such module.
    """
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(_tree(path)) or ""


def attribute_docs(module: str, name: str) -> dict[str, str]:
    """What stands below the attributes of the class ``name``: attribute to its words."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    body = next(
        item.body
        for item in ast.walk(_tree(path))
        if isinstance(item, ast.ClassDef) and item.name == name
    )
    found = {}
    for before, after in pairwise(body):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
            words = after.value if isinstance(after, ast.Expr) else None
            if isinstance(words, ast.Constant) and isinstance(words.value, str):
                found[before.target.id] = " ".join(words.value.split())
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def prose(text: str) -> Markup:
    """``text`` in the form of our docstrings as HTML."""
    blocks = [_block(block) for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return Markup("\n").join(blocks)


def _block(block: str) -> Markup:
    lines = block.splitlines()
    if all(line.startswith((" ", "\t")) for line in lines):
        return Markup("<pre>{}</pre>").format("\n".join(line.strip() for line in lines))
    if lines[0].lstrip().startswith(("- ", "* ")):
        items: list[str] = []
        for line in lines:
            if line.lstrip().startswith(("- ", "* ")):
                items.append(line.lstrip()[2:])
            else:
                items[-1] += " " + line.strip()
        body = Markup("").join(Markup("<li>{}</li>").format(coded(item)) for item in items)
        return Markup("<ul>{}</ul>").format(body)
    return Markup("<p>{}</p>").format(coded(" ".join(line.strip() for line in lines)))


def coded(text: str) -> Markup:
    """``text`` with what stands in backticks as code."""
    parts: list[Markup] = []
    end = 0
    for found in _CODE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup("<code>{}</code>").format(found.group(1)))
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
