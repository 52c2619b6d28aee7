"""Downloads from a server that cuts connections, ignores ranges and lies."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tenacity import wait_none

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.download import download

BODY = np.random.default_rng(0).integers(0, 256, 700_000, dtype=np.uint8).tobytes()
BLOCK = 2**14
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """What the tests set, and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cut_after: list[int] = []
        self.ranges = True
        self.statuses: list[int] = []
        self.body = BODY
        self.published = f"{MD5}  ml-25m.zip\n"
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/ml-25m.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        if self.path.endswith(".md5"):
            self._send(200, server.published.encode(), {})
            return
        server.asked.append(self.headers.get("Range"))
        if server.statuses:
            self._send(server.statuses.pop(0), b"later", {})
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        if start >= len(server.body) and server.ranges:
            self._send(416, b"", {})
            return
        if start and server.ranges:
            rest = server.body[start:]
            told = f"bytes {start}-{len(server.body) - 1}/{len(server.body)}"
            self._send(206, rest, {"Content-Range": told})
        else:
            self._send(200, server.body, {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if status in (200, 206) and not self.path.endswith(".md5") and self.server.cut_after:
            self.wfile.write(body[: self.server.cut_after.pop(0)])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def fetch(server: Server, target: Path, **options: Any) -> Path:
    return download(server.url, target, wait=wait_none(), **options)


def test_a_cut_connection_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.cut_after = [100_000, 200_000]
    target = fetch(server, tmp_path / "a/ml.zip")
    assert target.read_bytes() == BODY
    first, second = (int(asked[6:-1]) for asked in server.asked[1:] if asked)
    assert 100_000 - BLOCK < first <= 100_000 and first + 200_000 - BLOCK < second <= 300_000
    assert list(target.parent.iterdir()) == [target]


def test_a_later_run_resumes(server: Server, tmp_path: Path) -> None:
    server.cut_after = [150_000]
    with pytest.raises(InputError, match="run again to go on"):
        fetch(server, tmp_path / "ml.zip", attempts=1)
    arrived = (tmp_path / "ml.zip.part").stat().st_size
    assert 150_000 - BLOCK < arrived <= 150_000
    assert fetch(server, tmp_path / "ml.zip").read_bytes() == BODY
    assert server.asked == [None, f"bytes={arrived}-"]


def test_a_server_that_ignores_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cut_after = False, [100_000]
    assert fetch(server, tmp_path / "ml.zip").read_bytes() == BODY
    assert len(server.asked) == 2 and server.asked[1] != "bytes=0-" and server.asked[1]


def test_a_part_that_is_too_long_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ml.zip.part").write_bytes(BODY + b"more")
    assert fetch(server, tmp_path / "ml.zip").read_bytes() == BODY


def test_a_part_of_another_file_is_found_out(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ml.zip.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path / "ml.zip").read_bytes() == BODY
    assert server.asked == ["bytes=1000-", None]


def test_busy_servers_are_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    assert fetch(server, tmp_path / "ml.zip").read_bytes() == BODY


def test_a_wrong_checksum_leaves_no_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"md5 is .*expected 0000"):
        fetch(server, tmp_path / "ml.zip", checksum="md5:" + "0" * 32, attempts=2)
    assert not (tmp_path / "ml.zip").exists()


def test_a_given_sha256_is_used_and_the_published_md5_is_not(
    server: Server, tmp_path: Path
) -> None:
    server.published = "nothing"
    digest = hashlib.sha256(BODY).hexdigest()
    assert fetch(server, tmp_path / "ml.zip", checksum=f"sha256:{digest}").is_file()
    with pytest.raises(InputError, match="holds no MD5"):
        fetch(server, tmp_path / "other.zip")


def test_a_refusal_is_not_retried(server: Server, tmp_path: Path) -> None:
    server.statuses = [404, 404, 404]
    with pytest.raises(InputError, match="answers 404"):
        fetch(server, tmp_path / "ml.zip")
    assert len(server.asked) == 1


def test_what_is_there_is_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ml.zip").write_bytes(b"mine")
    assert fetch(server, tmp_path / "ml.zip").read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.parametrize("checksum", ["md5:12", "crc:" + "0" * 32, "0" * 32])
def test_a_checksum_of_no_known_form(server: Server, tmp_path: Path, checksum: str) -> None:
    with pytest.raises(InputError, match="expected md5"):
        fetch(server, tmp_path / "ml.zip", checksum=checksum)
