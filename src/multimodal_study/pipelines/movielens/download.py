"""A large file over HTTP: resumed where it broke off, and checked before it gets its name."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import requests
    from tenacity.wait import wait_base

logger = logging.getLogger(__name__)

ATTEMPTS = 6
PARTIAL = ".part"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two bytes."""
_BLOCK = 2**14
"""Bytes at once: what has arrived of an unfinished block is lost when a connection breaks."""
_LENGTHS = {"md5": 32, "sha256": 64}
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_REFUSED = 416
_PARTIAL_CONTENT = 206
_OK = 200


class BrokenOffError(Exception):
    """The transfer ended early or gave the wrong bytes: worth another attempt."""


def download(
    url: str,
    target: Path,
    *,
    checksum: str | None = None,
    attempts: int = ATTEMPTS,
    wait: wait_base | None = None,
) -> Path:
    """Fetch ``url`` to ``target`` unless it is there already; returns ``target``.

    Bytes gather in ``<target>.part``, from which a later call goes on. The file gets its name only
    when its length and checksum agree.

    Args:
        url: http or https.
        target: File to make; its folder is made too.
        checksum: ``md5:<hex>`` or ``sha256:<hex>``; None: what the server publishes at
            ``<url>.md5``, which GroupLens does for every release.
        attempts: Tries before giving up; each goes on from the bytes that are there.
        wait: Pause between tries; None: exponential, 1 to 30 seconds.

    Raises:
        InputError: The server refuses, the tries are used up, or the checksum is of no known form.
    """
    import requests
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait or wait_exponential(min=1, max=30),
        retry=retry_if_exception_type((requests.RequestException, BrokenOffError)),
        reraise=True,
    )
    try:
        with requests.Session() as session:
            session.headers["Accept-Encoding"] = "identity"
            kind, digest = _parsed(checksum or retrying(_published, session, f"{url}.md5"))
            retrying(_attempt, session, url, target, kind, digest)
    except (requests.RequestException, BrokenOffError) as error:
        raise InputError(
            f"{url} could not be downloaded in {attempts} tries (last: {error}). What has arrived "
            f"is kept in {target}{PARTIAL}; run again to go on, or download it by hand and set "
            "movielens.ingest.path"
        ) from error
    return target


def _published(session: requests.Session, url: str) -> str:
    """The MD5 in a file such as ``MD5 (ml-25m.zip) = 6b51...`` or ``6b51...  ml-25m.zip``."""
    response = session.get(url, timeout=TIMEOUT)
    _check_status(response, url)
    found = re.search(r"\b[0-9a-f]{32}\b", response.text.lower())
    if found is None:
        raise InputError(
            f"{url} holds no MD5; set movielens.ingest.checksum to md5:<hex> or sha256:<hex>"
        )
    return f"md5:{found.group()}"


def _parsed(checksum: str) -> tuple[str, str]:
    kind, _, digest = checksum.lower().partition(":")
    if not re.fullmatch(rf"[0-9a-f]{{{_LENGTHS.get(kind, 0)}}}", digest) or kind not in _LENGTHS:
        raise InputError(
            f"movielens.ingest.checksum is {checksum!r}, expected md5:<32 hex> or sha256:<64 hex>"
        )
    return kind, digest


def _attempt(session: requests.Session, url: str, target: Path, kind: str, digest: str) -> None:
    partial = target.with_name(target.name + PARTIAL)
    expected = _transfer(session, url, partial)
    size = partial.stat().st_size
    if expected is not None and size != expected:
        if size > expected:
            partial.unlink()
        raise BrokenOffError(f"{size} of {expected} bytes arrived")
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != digest:
        partial.unlink()
        raise BrokenOffError(f"{kind} is {found}, expected {digest}; what arrived is thrown away")
    partial.replace(target)
    logger.info("%s: %d bytes, %s agrees", target, size, kind)


def _transfer(session: requests.Session, url: str, partial: Path) -> int | None:
    """Append what is missing to ``partial``; the length that the server announced, or None."""
    from tqdm import tqdm

    begin = partial.stat().st_size if partial.exists() else 0
    asked = {"Range": f"bytes={begin}-"} if begin else {}
    with session.get(url, headers=asked, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == _RANGE_REFUSED:
            partial.unlink(missing_ok=True)
            raise BrokenOffError(f"the server has nothing from byte {begin} on; begun anew")
        _check_status(response, url)
        if response.status_code == _OK:
            begin = 0  # a server that ignores Range sends everything
        elif _range_start(response) != begin:
            partial.unlink(missing_ok=True)
            raise BrokenOffError(f"asked from byte {begin}, the server sent another part")
        rest = response.headers.get("Content-Length")
        total = None if rest is None else begin + int(rest)
        with (
            partial.open("ab" if begin else "wb") as file,
            tqdm(
                total=total, initial=begin, unit="B", unit_scale=True, desc=partial.stem,
                disable=None,
            ) as bar,
        ):  # fmt: skip
            for block in response.iter_content(_BLOCK):
                file.write(block)
                bar.update(len(block))
    return total


def _range_start(response: requests.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in _RETRIED:
        raise BrokenOffError(f"{url} answers {status}")
    if status not in (_OK, _PARTIAL_CONTENT):
        raise InputError(
            f"{url} answers {status} {response.reason}; check the address (movielens.ingest.source)"
            " or download by hand and set movielens.ingest.path"
        )
