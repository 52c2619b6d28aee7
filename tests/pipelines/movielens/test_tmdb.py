"""The TMDB client against a server that misbehaves in every way that was met."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment import tmdb_cache
from multimodal_study.pipelines.movielens.enrichment.tmdb import Settings, TmdbClient

KEY = "0123456789abcdef0123456789abcdef"
JPEG = b"\xff\xd8\xff\xe0" + b"0" * 100
Answer = tuple[int, str, bytes, dict[str, str]]


def film(overview: str | None = "A plot.", poster: str | None = "/poster.jpg") -> Answer:
    body = json.dumps({"overview": overview, "poster_path": poster}).encode()
    return 200, "application/json;charset=utf-8", body, {}


class Stub(ThreadingHTTPServer):
    """Answers by path, one after another; the last one stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer | None]] = {}
        self.asked: list[str] = []
        self.keys: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append(parts.path)
        given = parse_qs(parts.query).get("api_key", [""])[0]
        self.server.keys.append(given or self.headers.get("Authorization", ""))
        queue = self.server.answers.get(parts.path, [(404, "application/json", b"{}", {})])
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if answer is None:  # a cut connection
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"over')
            self.wfile.flush()
            self.connection.close()
            return
        status, kind, body, headers = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


def client(stub: Stub, cache: Path, waits: list[float], key: str = KEY, **more: Any) -> TmdbClient:
    root = f"http://127.0.0.1:{stub.server_port}"
    settings = Settings(api=f"{root}/3", images=f"{root}/img", attempts=3, **more)
    return TmdbClient(key, cache, settings, sleep=waits.append)


def test_plots_and_posters_are_fetched_once(stub: Stub, tmp_path: Path, waits: list[float]) -> None:
    stub.answers = {
        "/3/movie/862": [film()],
        "/img/w342/poster.jpg": [(200, "image/jpeg", JPEG, {})],
    }
    counts = client(stub, tmp_path, waits).fetch([862, 862])
    assert counts == {"found": 1, "poster_found": 1}
    assert tmdb_cache.read_film(tmp_path, 862) == {
        "status": "found", "overview": "A plot.", "poster_path": "/poster.jpg",
    }  # fmt: skip
    path = tmdb_cache.poster_path(tmp_path, 862)
    assert path is not None and path.read_bytes() == JPEG
    asked = len(stub.asked)
    assert client(stub, tmp_path, waits).fetch([862]) == counts
    assert len(stub.asked) == asked


def test_a_title_that_does_not_exist_is_recorded_and_never_asked_again(
    stub: Stub, tmp_path: Path, waits: list[float]
) -> None:
    for _ in range(2):
        assert client(stub, tmp_path, waits).fetch([1]) == {"missing": 1}
    assert stub.asked == ["/3/movie/1"]


@pytest.mark.parametrize(
    "trouble",
    [
        (500, "text/plain", b"oops", {}),
        (429, "application/json", b"{}", {"Retry-After": "7"}),
        None,
        (200, "text/html", b"<html>captive portal</html>", {}),
        (302, "text/html", b"", {"Location": "http://127.0.0.1:9/"}),
    ],
    ids=["500", "429", "cut", "html", "redirect"],
)
def test_trouble_that_passes_is_waited_out(
    stub: Stub, tmp_path: Path, waits: list[float], trouble: Answer | None
) -> None:
    stub.answers = {"/3/movie/5": [trouble, trouble, film(poster=None)]}
    assert client(stub, tmp_path, waits).fetch([5]) == {"found": 1}
    long = [wait for wait in waits if wait >= 0.5]
    assert long == ([7.0, 7.0] if trouble and trouble[0] == 429 else [1.0, 2.0])


def test_trouble_that_stays_is_a_failure_that_the_next_run_tries_again(
    stub: Stub, tmp_path: Path, waits: list[float]
) -> None:
    stub.answers = {"/3/movie/5": [None], "/3/movie/6": [film(poster=None)]}
    counts = client(stub, tmp_path, waits).fetch([5, 6])
    assert counts == {"failed": 1, "found": 1}
    stub.answers["/3/movie/5"] = [film(poster=None)]
    assert client(stub, tmp_path, waits).fetch([5, 6]) == {"found": 2}


@pytest.mark.parametrize("body", [b"[1, 2", b"[1, 2]", b"\xff"])
def test_an_answer_that_is_no_json_object_is_a_failure(
    stub: Stub, tmp_path: Path, waits: list[float], body: bytes
) -> None:
    stub.answers = {"/3/movie/5": [(200, "application/json", body, {})]}
    assert client(stub, tmp_path, waits).fetch([5]) == {"failed": 1}
    assert tmdb_cache.read_film(tmp_path, 5) is None


def test_a_refused_key_stops_at_once_and_is_not_told(
    stub: Stub, tmp_path: Path, waits: list[float]
) -> None:
    stub.answers = {"/3/movie/5": [(401, "application/json", b"{}", {})]}
    with pytest.raises(InputError, match="refuses the key") as caught:
        client(stub, tmp_path, waits).fetch([5, 6])
    assert KEY not in str(caught.value) and len(stub.asked) == 1


@pytest.mark.parametrize("key", [KEY, "long.token." + "x" * 60], ids=["key", "token"])
def test_the_key_is_sent_but_stands_nowhere(
    stub: Stub,
    tmp_path: Path,
    waits: list[float],
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stub.answers = {"/3/movie/1": [film()], "/3/movie/2": [None], "/img/w342/poster.jpg": [None]}
    with caplog.at_level(logging.DEBUG):
        made = client(stub, tmp_path, waits, key)
        made.fetch([1, 2])
    assert all(key in sent for sent in stub.keys if sent)
    assert any(stub.keys)
    assert any("movie/1" in record.getMessage() for record in caplog.records)
    assert key not in caplog.text and key not in repr(made)
    assert all(key.encode() not in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_the_key_is_not_sent_to_the_image_server(
    stub: Stub, tmp_path: Path, waits: list[float]
) -> None:
    stub.answers = {"/3/movie/1": [film()], "/img/w342/poster.jpg": [(200, "image/jpeg", JPEG, {})]}
    client(stub, tmp_path, waits).fetch([1])
    of_images = [k for path, k in zip(stub.asked, stub.keys, strict=True) if "/img" in path]
    assert of_images == [""]


def test_a_poster_that_is_no_picture_is_a_failure(
    stub: Stub, tmp_path: Path, waits: list[float]
) -> None:
    stub.answers = {
        "/3/movie/1": [film()],
        "/img/w342/poster.jpg": [(200, "image/jpeg", b"<html>", {})],
    }
    assert client(stub, tmp_path, waits).fetch([1]) == {"found": 1, "poster_failed": 1}
    assert tmdb_cache.poster_path(tmp_path, 1) is None


@pytest.mark.parametrize("name", ["/../../etc/passwd", "//evil.org/x.jpg", "/a.exe", 7])
def test_a_poster_path_that_is_no_file_name_is_not_followed(
    stub: Stub, tmp_path: Path, waits: list[float], name: Any
) -> None:
    stub.answers = {"/3/movie/1": [film(poster=name)]}
    assert client(stub, tmp_path, waits).fetch([1]) == {"found": 1}
    assert len(stub.asked) == 1


def test_requests_keep_the_pace(stub: Stub, tmp_path: Path, waits: list[float]) -> None:
    client(stub, tmp_path, waits, requests_per_second=2.0).fetch(range(4))
    assert len(waits) == 3 and all(0 < wait <= 1.6 for wait in waits)


def test_settings_and_keys_out_of_range() -> None:
    for bad in ({"image_size": "../x"}, {"requests_per_second": 99.0}, {"attempts": 0}):
        with pytest.raises(InputError, match="tmdb"):
            Settings(**bad)  # type: ignore[arg-type]
    for key in ("", "two words", "schlüssel"):
        with pytest.raises(InputError, match="TMDB_API_KEY"):
            TmdbClient(key, Path())
