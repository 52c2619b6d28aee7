"""What pages show beside their text: pictures and plots with their words, and rebuild commands."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
DPI = 140
HEIGHT = 450
_SAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Shown:
    """A figure that a pipeline hands over, in words."""

    title: str
    caption: str
    """What it shows and how it was made."""
    alt: str
    """For those who do not see it."""
    paradigm: str | None = None
    """Whose page shows it too; None: the dataset's alone."""


@dataclass(frozen=True)
class Said:
    """A table that a pipeline hands over, with what it says."""

    words: str
    table: pd.DataFrame


@dataclass(frozen=True)
class Drawn:
    """A picture in a file beside the pages."""

    path: str
    """Relative to the folder of the report."""
    title: str
    caption: str
    alt: str
    paradigm: str | None = None


@dataclass(frozen=True)
class Plot:
    """An interactive figure."""

    name: str
    """Unique on its page: letters, digits, ``_`` and ``-``."""
    figure: str
    """Plotly's JSON, ``data`` and ``layout``."""
    title: str
    caption: str
    alt: str

    @property
    def height(self) -> int:
        """Pixels that the figure asks for."""
        return int(json.loads(self.figure).get("layout", {}).get("height", HEIGHT))

    @property
    def embedded(self) -> str:
        """The JSON in a form that cannot end the element it stands in."""
        escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"}
        return "".join(escapes.get(letter, letter) for letter in self.figure)


def picture_files(figures: Mapping[str, Any], words: Mapping[str, Shown]) -> dict[str, bytes]:
    """File name to contents of all handed-over figures, and their words as ``words.json``.

    Args:
        figures: By name: bytes of a PNG, JPEG or SVG, a matplotlib or a PIL picture, or several of
            them by a name of their own.
        words: By the same names.

    Raises:
        InputError: A figure is none of these, or has no words.
    """
    files: dict[str, bytes] = {}
    entries: list[dict[str, Any]] = []
    for name, value in figures.items():
        if name not in words:
            raise InputError(f"the figure {name!r} has no words: title, caption and alt")
        several = value if isinstance(value, Mapping) else {"": value}
        for part, one in several.items():
            contents = _contents(name, one() if callable(one) else one)
            stem = _SAFE.sub("_", f"{name}_{part.rsplit('.', 1)[0]}" if part else name)
            file = f"{stem}.{_suffix(name, contents)}"
            files[file] = contents
            said = asdict(words[name])
            if part:
                said["title"] = f"{said['title']}: {part.rsplit('.', 1)[0].replace('_', ' ')}"
            entries.append({"file": file, **said})
    files["words.json"] = json.dumps(entries, indent=1, ensure_ascii=False).encode()
    return files


def drawn(dataset: str, files: Mapping[str, bytes]) -> list[Drawn]:
    """The pictures that :func:`picture_files` made of ``dataset``."""
    return [
        Drawn(f"pictures/{dataset}/{entry.pop('file')}", **entry)
        for entry in json.loads(files.get("words.json", b"[]"))
    ]


def command_of(run: Mapping[str, Any], pipeline: str, output: str | None = None) -> str:
    """What to type to make ``output`` of ``pipeline`` again, as the run ``run`` was started."""
    words = ["kedro", "run"]
    if run.get("environment") not in {None, "local", "base"}:
        words += ["--env", str(run["environment"])]
    words.append(f"--pipelines={pipeline}")
    if output:
        words.append(f"--to-outputs={output}")
    given = run.get("parameters") or {}
    if given:
        words += ["--params", ",".join(f"{name}={value}" for name, value in given.items())]
    return shlex.join(words)


def _contents(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    stream = io.BytesIO()
    if hasattr(value, "savefig"):
        value.savefig(stream, format="png", dpi=DPI)
    elif hasattr(value, "save"):
        value.save(stream, format="PNG")
    else:
        raise InputError(f"the figure {name!r} is a {type(value).__name__}, expected a picture")
    return stream.getvalue()


def _suffix(name: str, contents: bytes) -> str:
    if contents.startswith(PNG):
        return "png"
    if contents.startswith(JPEG):
        return "jpg"
    if b"<svg" in contents[:2000]:
        return "svg"
    raise InputError(f"the figure {name!r} is neither PNG, JPEG nor SVG")
