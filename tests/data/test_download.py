"""Downloads from a server on this machine: success, failures of all kinds, and no server."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from support.dataset_files import CIFAR_NAMES, cifar_archive, cifar_members, idx_bytes, random_bytes

from pycnn import datasets
from pycnn.datasets.download import DownloadError, RemoteFile, default_root, fetch

BODY = bytes(range(256)) * 3000  # more than one chunk


class Server:
    """A server on 127.0.0.1 that sends a path's answers in turn, and then repeats the last one.

    An answer is a status and a body; `cut` bytes of the body are announced but not sent.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes, int]]] = {}
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                queue = server.answers.get(self.path, [(404, b"", 0)])
                status, body, cut = queue.pop(0) if len(queue) > 1 else queue[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) - cut])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def serve(self, name: str, *answers: tuple[int, bytes, int], body: bytes) -> RemoteFile:
        """Publish `body` as `name`, reached by `answers` (status, body, cut)."""
        self.answers[f"/{name}"] = list(answers)
        digest = hashlib.sha256(body).hexdigest()
        return RemoteFile(name, (self.address + name,), len(body), digest)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    running = Server()
    yield running
    running.close()


class TestDownload:
    def test_success_then_no_second_request(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (200, BODY, 0), body=BODY)
        folder = tmp_path / "new" / "folder"
        assert fetch(file, folder) == folder / "data.bin"
        assert (folder / "data.bin").read_bytes() == BODY
        fetch(file, folder)
        assert server.requests == ["/data.bin"]
        assert os.listdir(folder) == ["data.bin"]

    def test_error_500_is_tried_again(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (500, b"", 0), (503, b"", 0), (200, BODY, 0), body=BODY)
        assert fetch(file, tmp_path, backoff=0.01).read_bytes() == BODY
        assert len(server.requests) == 3

    def test_truncated_is_tried_again(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (200, BODY, 1000), (200, BODY, 0), body=BODY)
        assert fetch(file, tmp_path, backoff=0.01).read_bytes() == BODY
        assert len(server.requests) == 2

    def test_always_truncated(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (200, BODY, 1000), body=BODY)
        with pytest.raises(DownloadError, match=r"ended after 767,000 of 768,000 bytes; 2 tries"):
            fetch(file, tmp_path, tries=2, backoff=0.01)
        assert os.listdir(tmp_path) == []

    def test_wrong_digest(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (200, BODY[::-1], 0), body=BODY)
        with pytest.raises(DownloadError, match=r"SHA-256 is \w{64}, not the published one"):
            fetch(file, tmp_path, backoff=0.01)
        assert len(server.requests) == 1
        assert os.listdir(tmp_path) == []

    def test_longer_than_published(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (200, BODY + b"!", 0), body=BODY)
        with pytest.raises(DownloadError, match="more than the published 768,000 bytes"):
            fetch(file, tmp_path)
        assert os.listdir(tmp_path) == []

    def test_second_address_after_404(self, server: Server, tmp_path: Path) -> None:
        good = server.serve("data.bin", (200, BODY, 0), body=BODY)
        file = RemoteFile(good.name, (server.address + "gone", *good.urls), good.size, good.sha256)
        fetch(file, tmp_path)
        assert server.requests == ["/gone", "/data.bin"]

    def test_offline_says_what_to_put_where(self, tmp_path: Path) -> None:
        with socket.socket() as unused:  # bound, not listening: every connection is refused
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.bin"
            file = RemoteFile("data.bin", (url,), 12_345, "ab" * 32)
            with pytest.raises(DownloadError) as caught:
                fetch(file, tmp_path, backoff=0.01)
        text = str(caught.value)
        assert "Connection refused" in text
        assert f"put data.bin (12,345 bytes, SHA-256 {'ab' * 32}) into {tmp_path}" in text
        assert text.endswith(f", from {url}")
        assert "\n" not in text

    def test_silent_server_times_out(self, tmp_path: Path) -> None:
        with socket.socket() as silent:  # accepts, never answers
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.bin"
            file = RemoteFile("data.bin", (url,), 1, "00" * 32)
            with pytest.raises(DownloadError, match="timed out"):
                fetch(file, tmp_path, tries=1, timeout=0.1)

    def test_download_not_wanted(self, tmp_path: Path) -> None:
        file = RemoteFile("data.bin", ("http://localhost/data.bin",), 1, "00" * 32)
        with pytest.raises(FileNotFoundError, match=r"put data.bin .* into"):
            fetch(file, tmp_path / "none", download=False)
        assert not (tmp_path / "none").exists()

    def test_another_file_of_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "data.bin").write_bytes(b"mine")
        file = RemoteFile("data.bin", (), 4, hashlib.sha256(b"ours").hexdigest())
        with pytest.raises(ValueError, match=r"not the published file.*remove it"):
            fetch(file, tmp_path)
        assert (tmp_path / "data.bin").read_bytes() == b"mine"

    def test_folder_that_is_a_file(self, server: Server, tmp_path: Path) -> None:
        file = server.serve("data.bin", (200, BODY, 0), body=BODY)
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OSError, match="file"):
            fetch(file, tmp_path / "file")

    def test_default_root(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PYCNN_DATA", str(tmp_path))
        assert default_root("cifar10") == tmp_path / "cifar10"
        monkeypatch.delenv("PYCNN_DATA")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_root("cifar10") == tmp_path / ".cache" / "pycnn" / "cifar10"


def test_fashion_mnist(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [
        gzip.compress(idx_bytes(array))
        for array in (
            random_bytes(6, 28, 28),
            random_bytes(6, high=10),
            random_bytes(3, 28, 28),
            random_bytes(3, high=10),
        )
    ]
    fashion = importlib.import_module("pycnn.datasets.fashion")
    files = tuple(
        server.serve(file.name, (200, body, 0), body=body)
        for file, body in zip(fashion.FILES, bodies, strict=True)
    )
    monkeypatch.setattr(fashion, "FILES", files)
    monkeypatch.setenv("PYCNN_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"put train-images-idx3-ubyte\.gz"):
        datasets.fashion_mnist(download=False)
    train, test = datasets.fashion_mnist()
    assert len(os.listdir(tmp_path / "fashion_mnist")) == 4
    assert train.x.shape == (6, 1, 28, 28)
    assert test.x.shape == (3, 1, 28, 28)
    assert train.classes[9] == "Ankle boot"
    expected = (random_bytes(6, 1, 28, 28) / 255 - 0.2860) / 0.3530
    np.testing.assert_array_equal(train.x, expected.astype(np.float32))
    again, _ = datasets.fashion_mnist(tmp_path / "fashion_mnist", download=False)
    np.testing.assert_array_equal(again.x, train.x)


def test_cifar10(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = cifar_members()
    outside = {"cifar-10-batches-bin/readme.html": b"...", "/etc/evil": b"", "../evil": b""}
    body = cifar_archive(outside | members)
    module = importlib.import_module("pycnn.datasets.cifar10")
    file = server.serve("cifar-10-binary.tar.gz", (200, body, 0), body=body)
    monkeypatch.setattr(module, "FILE", file)
    monkeypatch.setattr(module, "_IMAGES_PER_BATCH", 2)
    train, test = datasets.cifar10(tmp_path / "data")
    assert os.listdir(tmp_path / "data") == ["cifar-10-binary.tar.gz"]
    assert os.listdir(tmp_path) == ["data"]
    assert train.x.shape == (10, 3, 32, 32)
    assert test.x.shape == (2, 3, 32, 32)
    assert train.x.flags.c_contiguous
    assert train.y.dtype == np.int64
    assert train.classes[0] == "airplane"
    # Image 3 is record 1 of the second batch; blue is the third plane.
    record = np.frombuffer(members[CIFAR_NAMES[1]], np.uint8).reshape(2, 3073)[1]
    assert train.y[3] == record[0]
    blue = ((record[1 + 2048 :] / 255 - 0.4465) / 0.2616).astype(np.float32)
    np.testing.assert_array_equal(train.x[3, 2], blue.reshape(32, 32))
