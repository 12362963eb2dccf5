"""Download a file once, check it, and say clearly what to do without a network."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pycnn._printable import printable
from pycnn._reading import open_regular, size_of

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from pycnn._progress import Progress

_CHUNK = 256 * 1024
# Status codes worth another try: timeout, too early, too many requests; and every 5xx.
_PASSING_STATUS = {408, 425, 429}


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name, where to get it, its size in bytes and its SHA-256.

    `urls` are tried in order. The digest makes all of them, even plain http, equally trustworthy.
    """

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


class DownloadError(OSError):
    """A file could not be downloaded; the message says why, and where to put it by hand."""


class _FailedTryError(Exception):
    """One attempt to download failed; `passing` says whether another may succeed."""

    def __init__(self, reason: str, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


def default_root(name: str) -> Path:
    """Return the folder of data set `name`: in ``$PYCNN_DATA``, else in ``~/.cache/pycnn``."""
    data = os.environ.get("PYCNN_DATA")
    return (Path(data) if data else Path.home() / ".cache" / "pycnn") / name


def fetch(
    file: RemoteFile,
    folder: Path,
    *,
    download: bool = True,
    tries: int = 3,
    backoff: float = 1.0,
    timeout: float = 30.0,
    progress: Progress = "auto",
) -> Path:
    """Return the path of `file` in `folder`, downloading the file if it is missing.

    Parameters
    ----------
    file : RemoteFile
        The file to get.
    folder : pathlib.Path
        Folder that holds the file or receives it; created when a download needs it.
    download : bool
        Whether a missing file may be downloaded.
    tries : int
        Attempts per address, as long as the failure may be temporary.
    backoff : float
        Seconds to wait before the second attempt; doubled before each further one.
    timeout : float
        An attempt fails after this many seconds without an answer or a byte.
    progress : bool or 'auto'
        Whether to show a bar, as `pycnn.fit` does.

    Returns
    -------
    pathlib.Path
        Path of a file with the published size and SHA-256. Every call checks them, and a download
        gets its name only after the check: an interrupted one leaves nothing behind.

    Raises
    ------
    FileNotFoundError
        The file is missing and `download` is False.
    DownloadError
        No address delivered the file.
    ValueError
        A file of this name exists but is not the published one.
    OSError
        `folder` cannot be read or written.
    """
    path = folder / file.name
    if path.exists():
        _check_existing(file, path)
        return path
    if not download:
        raise FileNotFoundError(f"[datasets] {path} is missing: {_by_hand(file, folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in file.urls:
        failure = _try_url(file, url, path, tries, backoff, timeout, progress)
        if failure is None:
            return path
        failures.append(f"{url} ({failure})")
    raise DownloadError(
        f"[datasets] cannot download {file.name} from {'; '.join(failures)}. "
        f"Without a connection, {_by_hand(file, folder)}"
    )


def _by_hand(file: RemoteFile, folder: Path) -> str:
    return (
        f"put {file.name} ({file.size:,} bytes, SHA-256 {file.sha256}) into {folder}, "
        f"from {' or '.join(file.urls)}"
    )


def _check_existing(file: RemoteFile, path: Path) -> None:
    import hashlib

    digest = hashlib.sha256()
    with open_regular(path) as source:
        size = size_of(source)
        while size == file.size and (chunk := source.read(_CHUNK)):
            digest.update(chunk)
    found = f" with SHA-256 {digest.hexdigest()}" if size == file.size else ""
    if size != file.size or digest.hexdigest() != file.sha256:
        raise ValueError(
            f"[datasets] {printable(path)} is not the published file: {size:,} bytes{found}, "
            f"expected {file.size:,} bytes with {file.sha256}; "
            "remove it to have it downloaded again"
        )


def _try_url(
    file: RemoteFile,
    url: str,
    path: Path,
    tries: int,
    backoff: float,
    timeout: float,
    progress: Progress,
) -> str | None:
    """Try one address up to `tries` times; return None on success, else why it failed."""
    for attempt in range(tries):
        if attempt:
            time.sleep(backoff * 2 ** (attempt - 1))
        try:
            _download(file, url, path, timeout, progress)
            return None
        except _FailedTryError as error:
            reason = str(error)
            if not error.passing:
                return reason
    return f"{reason}; {tries} tries"


def _download(file: RemoteFile, url: str, path: Path, timeout: float, progress: Progress) -> None:
    """Download `url` to `path`, which appears only once its size and digest are verified."""
    import hashlib

    from pycnn._files import atomic_write
    from pycnn._progress import ProgressBar

    digest = hashlib.sha256()
    received = 0
    with (
        _open(url, timeout) as response,
        closing(ProgressBar(file.name, file.size, progress, "B")) as bar,
        atomic_write(path) as target,
    ):
        while received <= file.size and (chunk := _read(response)):
            target.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            bar.update(received)
        if received < file.size:
            raise _FailedTryError(f"ended after {received:,} of {file.size:,} bytes", passing=True)
        if received > file.size:
            raise _FailedTryError(f"more than the published {file.size:,} bytes", passing=False)
        if digest.hexdigest() != file.sha256:
            raise _FailedTryError(
                f"SHA-256 is {digest.hexdigest()}, not the published one", passing=False
            )


def _open(url: str, timeout: float) -> HTTPResponse:
    """Send the request; raise `_FailedTryError` if no usable answer comes."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        # Some servers reject the default "Python-urllib".
        response: HTTPResponse = urlopen(
            Request(url, headers={"User-Agent": "pycnn"}), timeout=timeout
        )
    except HTTPError as error:
        error.close()
        passing = error.code >= 500 or error.code in _PASSING_STATUS
        raise _FailedTryError(f"HTTP {error.code} {error.reason}", passing) from None
    except (OSError, HTTPException) as error:
        # URLError is an OSError; its `reason` is the actual cause.
        raise _FailedTryError(_text(getattr(error, "reason", error)), passing=True) from None
    return response


def _read(response: HTTPResponse) -> bytes:
    """Return the next bytes of a response; empty at its end."""
    from http.client import HTTPException

    try:
        return response.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _FailedTryError(_text(error), passing=True) from None


def _text(error: object) -> str:
    return str(error) or type(error).__name__
