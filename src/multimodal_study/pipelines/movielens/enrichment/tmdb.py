"""A polite, resumable client of The Movie Database: plots and posters by ``tmdb_id``.

What was fetched, and what does not exist, is kept on disk, so that a run goes on where the last
one stopped. The key is taken from the caller, stands in no message and in no file, and is blotted
out of the HTTP library's own debug lines.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment.tmdb_cache import (
    FAILED,
    FOUND,
    MAGIC,
    MISSING,
    film_path,
    poster_path,
    read_film,
)
from multimodal_study.storage.write_aside import write_aside

if TYPE_CHECKING:
    import requests
    from tenacity import RetryCallState

logger = logging.getLogger(__name__)

API = "https://api.themoviedb.org/3"
IMAGES = "https://image.tmdb.org/t/p"
_TIMEOUT = (10.0, 30.0)
_LONGEST_WAIT = 60.0
_LARGEST_POSTER = 16 * 2**20
_POSTER = re.compile(r"/[\w-]+\.(jpg|png|webp)", re.ASCII)
_SIZE = re.compile(r"w\d{2,4}|original", re.ASCII)
_TOKEN_LENGTH = 40
"""Longer keys are read-access tokens, which go into a header; short ones into the address."""
_REFUSED = frozenset({401, 403})
_NOT_FOUND = frozenset({404, 410})
_OK = 200


@dataclass(frozen=True)
class Settings:
    """How to ask; the addresses change in tests alone."""

    language: str = "en-US"
    image_size: str = "w342"
    requests_per_second: float = 20.0
    attempts: int = 5
    posters: bool = True
    api: str = API
    images: str = IMAGES

    def __post_init__(self) -> None:
        if not _SIZE.fullmatch(self.image_size):
            raise InputError(f"tmdb.image_size is {self.image_size!r}, expected w342, original ...")
        if not 0 < self.requests_per_second <= 50:  # noqa: PLR2004 - TMDB's own limit
            raise InputError(
                f"tmdb.requests_per_second is {self.requests_per_second}, expected above 0 and at "
                "most 50"
            )
        if self.attempts < 1:
            raise InputError(f"tmdb.attempts is {self.attempts}, it must be at least 1")


class TransientError(Exception):
    """Worth another attempt; ``after`` is what the server asked us to wait, in seconds."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class TmdbClient:
    """Fetches films one by one into ``cache``: ``films/<tmdb_id>.json``, ``posters/<tmdb_id>.*``.

    Args:
        key: An API key or a read-access token.
        cache: Folder of what was fetched.
        settings: Rate, language, sizes.
        sleep: Waits that many seconds; another one in tests.
    """

    def __init__(
        self,
        key: str,
        cache: Path,
        settings: Settings | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise InputError(
                "the TMDB key is empty or holds blanks; set TMDB_API_KEY in the environment, or "
                "tmdb.api_key in conf/local/credentials.yml"
            )
        self._key = key
        self._cache = cache
        self._settings = settings or Settings()
        self._sleep = sleep
        self._next = 0.0

    def __repr__(self) -> str:
        """Without the key."""
        return f"TmdbClient(cache={str(self._cache)!r})"

    def fetch(self, tmdb_ids: Iterable[int]) -> dict[str, int]:
        """Fetch what the cache lacks; number of films by state, and of posters.

        A film that the server does not know is ``missing`` and never asked for again; one that
        could not be had in the permitted attempts is ``failed`` and asked for in the next run.

        Raises:
            InputError: The server refuses the key.
        """
        import requests
        from tqdm import tqdm

        counts: Counter[str] = Counter()
        with _discreet(self._key), requests.Session() as session:
            bar = tqdm(list(dict.fromkeys(tmdb_ids)), desc="tmdb", unit="film", disable=None)
            for number in bar:
                film = self._film(session, number)
                counts[film["status"]] += 1
                if self._settings.posters and film.get("poster_path"):
                    counts[f"poster_{self._poster(session, number, film['poster_path'])}"] += 1
        logger.info("TMDB: %s", dict(counts))
        if counts[FAILED] + counts[f"poster_{FAILED}"]:
            logger.warning(
                "TMDB: what failed is asked for again by: kedro run --params skip_unchanged=false"
            )
        return dict(sorted(counts.items()))

    def _film(self, session: requests.Session, number: int) -> dict[str, Any]:
        path = film_path(self._cache, number)
        known = read_film(self._cache, number)
        if known is not None:
            return known
        address = f"{self._settings.api}/movie/{number}"
        try:
            body = self._get(session, address, "application/json", secret=True)
            film = _of_answer(body)
        except TransientError as error:
            logger.warning("TMDB film %d: failed (%s)", number, error)
            return {"status": FAILED}
        with write_aside(path) as partial:
            partial.write_text(json.dumps(film, ensure_ascii=False), encoding="utf-8")
        return film

    def _poster(self, session: requests.Session, number: int, name: str) -> str:
        if poster_path(self._cache, number) is not None:
            return FOUND
        absent = self._cache / "posters" / f"{number}.missing"
        if absent.exists():
            return MISSING
        address = f"{self._settings.images}/{self._settings.image_size}{name}"
        try:
            body = self._get(session, address, "image/", secret=False)
        except TransientError as error:
            logger.warning("TMDB poster of film %d: failed (%s)", number, error)
            return FAILED
        kind = next((k for magic, k in MAGIC.items() if body and body.startswith(magic)), None)
        if body is not None and kind is None:
            logger.warning("TMDB poster of film %d: failed (not a picture)", number)
            return FAILED
        target = absent if body is None else absent.with_suffix(f".{kind}")
        with write_aside(target) as partial:
            partial.write_bytes(body or b"")
        return MISSING if body is None else FOUND

    def _get(
        self, session: requests.Session, address: str, content: str, *, secret: bool
    ) -> bytes | None:
        """Body of the answer; None where there is nothing at that address."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        retrying = Retrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=_wait,
            sleep=self._sleep,
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )
        return retrying(self._get_once, session, address, content, secret)

    def _get_once(
        self, session: requests.Session, address: str, content: str, secret: bool
    ) -> bytes | None:
        import requests

        self._keep_pace()
        headers, params = {}, {}
        if secret:
            params["language"] = self._settings.language
            if len(self._key) > _TOKEN_LENGTH:
                headers["Authorization"] = f"Bearer {self._key}"
            else:
                params["api_key"] = self._key
        try:
            answer = session.get(
                address, params=params, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            # Its text holds the address, and that may hold the key.
            raise TransientError(type(error).__name__) from None
        if answer.status_code in _REFUSED and secret:
            raise InputError(
                f"TMDB refuses the key ({answer.status_code}); check TMDB_API_KEY or "
                "tmdb.api_key in conf/local/credentials.yml"
            )
        if answer.status_code in _NOT_FOUND:
            return None
        if answer.status_code != _OK:
            after = _seconds(answer.headers.get("Retry-After"))
            raise TransientError(f"status {answer.status_code}", after)
        kind = answer.headers.get("Content-Type", "")
        if not kind.startswith(content):
            raise TransientError(f"content type {kind[:40]!r}, expected {content}")
        if len(answer.content) > _LARGEST_POSTER:
            raise TransientError(f"{len(answer.content)} bytes")
        return answer.content

    def _keep_pace(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self._settings.requests_per_second


def _of_answer(body: bytes | None) -> dict[str, Any]:
    if body is None:
        return {"status": MISSING}
    try:
        answer = json.loads(body)
        overview, poster = answer.get("overview"), answer.get("poster_path")
    except (ValueError, AttributeError):
        raise TransientError("an answer that is not a JSON object") from None
    good = isinstance(poster, str) and _POSTER.fullmatch(poster)
    text = overview.strip() if isinstance(overview, str) else ""
    return {"status": FOUND, "overview": text or None, "poster_path": poster if good else None}


def _wait(state: RetryCallState) -> float:
    """What the server asked for, else 1, 2, 4 ... seconds; never more than a minute."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, TransientError) else None
    return min(asked if asked is not None else 2.0 ** (state.attempt_number - 1), _LONGEST_WAIT)


def _seconds(header: str | None) -> float | None:
    if not header:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


@contextmanager
def _discreet(key: str) -> Iterator[None]:
    """Blot ``key`` out of what urllib3 logs while we use it."""

    def blot(record: logging.LogRecord) -> bool:
        record.msg = record.getMessage().replace(key, "***")
        record.args = ()
        return True

    names = ("urllib3.connectionpool", "urllib3.util.retry")
    for name in names:
        logging.getLogger(name).addFilter(blot)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeFilter(blot)
