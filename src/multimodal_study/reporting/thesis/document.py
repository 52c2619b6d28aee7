"""A chapter as blocks, so that Markdown and LaTeX say the same; both renderings escape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "\u2013": "--", "\u2026": r"\ldots{}",
}  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|])")
_CODE = re.compile(r"`([^`]+)`")
SECTIONS = ("chapter", "section", "subsection", "subsubsection")


@dataclass(frozen=True)
class Heading:
    """A title; level 0 is the chapter's."""

    words: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text; what stands in backticks is code."""

    words: str


@dataclass(frozen=True)
class Items:
    """A list of statements."""

    statements: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Cells as text, with the command that makes them again."""

    caption: str
    label: str
    """Letters, digits and ``-``."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 0
    """Columns from the right that hold numbers."""
    command: str = ""


@dataclass(frozen=True)
class Illustration:
    """A vector figure in a file beside the chapter."""

    file: str
    caption: str
    label: str


Block: TypeAlias = Heading | Paragraph | Items | Table | Illustration


def markdown(blocks: Sequence[Block]) -> str:
    """The chapter as Markdown, tables with pipes."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def latex(blocks: Sequence[Block]) -> str:
    """The chapter as LaTeX, to be input; it needs ``booktabs`` and ``graphicx``."""
    head = "% Made by the study; needs \\usepackage{booktabs,graphicx}. Do not edit by hand."
    return "\n\n".join([head, *(_latex(block) for block in blocks)]) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(words, level):
            return f"{'#' * (level + 1)} {_marked(words)}"
        case Paragraph(words):
            return _marked(words)
        case Items(statements):
            return "\n".join(f"- {_marked(one)}" for one in statements)
        case Illustration(file, caption, _):
            return f"![{_marked(caption)}]({file})\n\n*{_marked(caption)}*"
        case Table():
            return _pipes(block)


def _pipes(table: Table) -> str:
    kept = len(table.columns) - table.numbers
    rule = ["---"] * kept + ["---:"] * table.numbers
    lines = [[_marked(name) for name in table.columns], rule]
    lines += [[_marked(value) for value in row] for row in table.rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    rebuild = f"\n\nRebuild: `{table.command}`" if table.command else ""
    return f"*{_marked(table.caption)}*\n\n{body}{rebuild}"


def _marked(words: str) -> str:
    """``words`` with Markdown's own signs escaped, code kept."""
    one_line = " ".join(words.split())
    parts = _CODE.split(one_line)
    return "".join(
        f"`{part}`" if place % 2 else _MARKDOWN.sub(r"\\\1", part)
        for place, part in enumerate(parts)
    )


def _latex(block: Block) -> str:
    match block:
        case Heading(words, level):
            return f"\\{SECTIONS[level]}{{{tex(words)}}}"
        case Paragraph(words):
            return tex(words)
        case Items(statements):
            items = "\n".join(f"  \\item {tex(one)}" for one in statements)
            return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
        case Illustration(file, caption, label):
            return (
                "\\begin{figure}[htbp]\n\\centering\n"
                f"\\includegraphics[width=\\linewidth]{{{file}}}\n"
                f"\\caption{{{tex(caption)}}}\n\\label{{fig:{label}}}\n\\end{{figure}}"
            )
        case Table():
            return _booktabs(block)


def _booktabs(table: Table) -> str:
    frame = pd.DataFrame([list(row) for row in table.rows], columns=list(table.columns))
    style = frame.map(tex).rename(columns=tex).style.hide(axis="index")
    kept = len(table.columns) - table.numbers
    made = style.to_latex(
        hrules=True,
        column_format="l" * kept + "r" * table.numbers,
        caption=tex(table.caption),
        label=f"tab:{table.label}",
        position="htbp",
        position_float="centering",
    )
    comment = f"% Rebuild: {table.command}\n" if table.command else ""
    return comment + str(made).strip().replace("\\begin{tabular}", "\\small\n\\begin{tabular}")


def tex(words: str) -> str:
    """``words`` for LaTeX: its signs escaped, what stands in backticks as typewriter."""
    parts = _CODE.split(" ".join(str(words).split()))
    escaped = ["".join(_SPECIAL.get(letter, letter) for letter in part) for part in parts]
    return "".join(
        f"\\texttt{{{part}}}" if place % 2 else part for place, part in enumerate(escaped)
    )
