"""Ranks on two hosts, with a link between them on which each packet takes a millisecond."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import distributed_nets
from support.mpi_ranks import command, environment, needs_mpi
from support.two_hosts import NETWORK, on_first, two_hosts

pytestmark = [
    needs_mpi,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None or not os.access("/dev/net/tun", os.W_OK),
        reason="needs root, ip (Debian: apt install iproute2) and /dev/net/tun",
    ),
]

DELAY = 0.001


def test_two_hosts_train_as_one_process(tmp_path: Path) -> None:
    """With sums that overlap with the backward pass."""
    mpiexec, *rest = command("distributed_jobs.py", 2, "hosts", "{}")
    try:
        with two_hosts(DELAY, tmp_path) as hosts:
            addresses = ",".join(f"{address}:1" for address in hosts["HOSTS"].split(","))
            line = [
                mpiexec, "--prtemca", "plm_ssh_agent", hosts["AGENT"], "--host", addresses,
                "--map-by", "node", "--mca", "btl_tcp_if_include", NETWORK,
            ]  # fmt: skip
            passed = [name for name in ("PYTHONPATH", "OMP_NUM_THREADS") if name in os.environ]
            line += [part for name in passed for part in ("-x", name)]
            with open(tmp_path / "out", "w") as out:
                code = on_first(hosts, [*line, *rest], env=environment(), stdout=out, timeout=120)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network namespaces and TUN devices are not allowed here: {error}")
    printed = (tmp_path / "out").read_text()
    assert code == 0, printed
    found = json.loads(printed.splitlines()[-1])
    assert found["machines"].startswith("2 ranks on 2 machines")
    assert found["round trip"] > 2 * DELAY
    alone = distributed_nets.wide()
    np.testing.assert_allclose(found["state"], alone[:: len(alone) // 1000], rtol=0, atol=1e-5)
