"""Two hosts on one machine: network namespaces with a link that delays every packet.

The kernel's own delays (netem) are missing in many containers, so the link is made here: each host
has a TUN device, and a process carries the packets from one to the other, later.

    python two_hosts.py DELAY COMMAND...   (as root) runs the command on the first host, with the
                                           variables HOSTS and AGENT set for mpiexec
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shlex
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
NETWORK = "10.77.0.0/24"
ADDRESSES = ("10.77.0.1", "10.77.0.2")
# Large packets: the process between the hosts is in Python.
MTU = 60000


class Link:
    """Carries packets between two devices, each a certain time after it came."""

    def __init__(self, ends: tuple[int, int], delay: float) -> None:
        self._delay = delay
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._carry, args=pair, daemon=True)
            for pair in (ends, ends[::-1])
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped = True
        for thread in self._threads:
            thread.join()

    def _carry(self, source: int, target: int) -> None:
        waiting: deque[tuple[float, bytes]] = deque()
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while not self._stopped:
                left = waiting[0][0] - time.perf_counter() if waiting else 0.1
                if left > 0 and selector.select(left):
                    waiting.append((time.perf_counter() + self._delay, os.read(source, 65536)))
                while waiting and waiting[0][0] <= time.perf_counter():
                    os.write(target, waiting.popleft()[1])


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _device(name: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


@contextmanager
def two_hosts(delay: float, folder: Path) -> Iterator[dict[str, str]]:
    """Make the hosts; return the variables that name them, and how mpiexec starts a daemon on one.

    Raises OSError or subprocess.CalledProcessError where the machine does not allow it.
    """
    names = [f"pycnn{os.getpid()}{letter}" for letter in "ab"]
    devices = [f"tun{os.getpid()}{letter}" for letter in "ab"]
    ends: list[int] = []
    made: list[str] = []
    try:
        for name, device, address in zip(names, devices, ADDRESSES, strict=True):
            _ip("netns", "add", name)
            made.append(name)
            ends.append(_device(device))
            _ip("link", "set", device, "netns", name)
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
            for up in ("lo", device):
                _ip("-n", name, "link", "set", up, "up")
            _ip("-n", name, "link", "set", device, "mtu", str(MTU))
        link = Link((ends[0], ends[1]), delay)
        agent = folder / "agent"
        cases = " ".join(
            f"{address}) n={name};;" for address, name in zip(ADDRESSES, names, strict=True)
        )
        agent.write_text(
            f"#!/bin/sh\ncase $1 in {cases} esac\nshift\n"
            'exec ip netns exec $n unshare --uts --ipc sh -c "hostname $n; $*"\n'
        )
        agent.chmod(0o755)
        try:
            yield {"HOSTS": ",".join(ADDRESSES), "AGENT": os.fspath(agent)}
        finally:
            link.stop()
    finally:
        for end in ends:
            os.close(end)
        for name in made:
            _ip("netns", "del", name)


def on_first(variables: dict[str, str], command: list[str], **options: object) -> int:
    """Run a command on the first host; return its exit code."""
    host = variables["HOSTS"].split(",")[0]
    # The agent runs a line of the shell.
    line = [variables["AGENT"], host, shlex.join(command)]
    return subprocess.run(line, check=False, **options).returncode  # type: ignore[call-overload, no-any-return]


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        two_hosts(float(sys.argv[1]), Path(folder)) as variables,
    ):
        return on_first(variables, sys.argv[2:], env={**os.environ, **variables})


if __name__ == "__main__":
    sys.exit(main())
