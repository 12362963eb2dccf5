"""Count what steps of three networks cost: instructions and calls; more than recorded fails.

``python bench/work.py`` compares with work.json, ``--record`` writes it; README.md explains the
figures. Time depends on the machine and its neighbours: the number of instructions does not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pycnn
from pycnn._files import atomic_write

RECORDED = Path(__file__).with_name("work.json")
# A change of this share counts. Runs differ by less than 0.01 %.
TOLERANCE = 0.03
COUNTED = ("instructions", "compiled_calls", "python_calls")
Figures = dict[str, dict[str, Any]]


class WorkError(RuntimeError):
    """The work could not be counted."""


def key() -> tuple[str, str]:
    """Return what the figures depend on besides the source, and the instruction set to count with.

    That is AVX2 where the processor has it, since valgrind knows no AVX-512, else the one in use.
    """
    config = pycnn.show_config()
    available: Any = config["isa_available"]
    isa = "avx2" if "avx2" in available else str(config["isa"])
    return f"{config['compiler']}, {config['build_type']}, {isa}", isa


def count(isa: str) -> Figures:
    """Run the steps under callgrind; return the figures of each kind of step."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "requests.so"
        compiler = os.environ.get("CXX", "c++")
        run([compiler, "-shared", "-fPIC", "-o", str(library), str(here / "callgrind.cpp")])
        found = run(
            [
                *("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--dump-line=no"),
                f"--callgrind-out-file={folder}/dump",
                *(sys.executable, str(here / "work_steps.py"), str(library)),
            ],
            # Without hash randomisation, dictionaries of Python are the same in each run.
            PYCNN_ISA=isa,
            PYCNN_NUM_THREADS="1",
            PYTHONHASHSEED="0",
            PYTHONPATH=os.pathsep.join(filter(None, sys.path)),
        )
        figures: Figures = json.loads(found)
        for dump in Path(folder).glob("dump.*"):
            text = dump.read_text()
            name = next(n for n in figures if f"desc: Trigger: Client Request: {n}\n" in text)
            figures[name]["instructions"] = instructions(text, f"{os.sep}_core.")
    if missing := [name for name, row in figures.items() if not row.get("instructions")]:
        raise WorkError(f"callgrind counted nothing of {', '.join(missing)}")
    return figures


def run(command: list[str], **environment: str) -> str:
    """Return what a command prints."""
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WorkError(f"{Path(command[0]).name} failed:\n{done.stderr}")
    return done.stdout


def instructions(dump: str, module: str) -> int:
    """Add up what a dump of callgrind counts in functions of one module, without those they call.

    A line ``ob=(1) /path/of/module.so`` names the module of the lines that follow, by the number
    alone from the second time on. The line after ``calls=`` has the cost of the function called.
    """
    names: dict[str, str] = {}
    total, ours, called = 0, False, False
    for line in dump.splitlines():
        if line.startswith(("ob=", "cob=")):
            number, _, name = line.partition("=")[2].partition(" ")
            names.setdefault(number, name)
            if line.startswith("ob="):
                ours = module in names[number]
        elif line.startswith("calls="):
            called = True
        elif line[:1].isdigit() or line.startswith(("+", "-", "*")):
            if ours and not called:
                total += int(line.split()[1])
            called = False
    return total


def compare(figures: Figures, recorded: Figures) -> tuple[list[str], list[str]]:
    """Return lines on what is worse than recorded, and on what is better."""
    worse, better = [], []
    for name, row in figures.items():
        for kind in COUNTED:
            now, before = row[kind], recorded.get(name, {}).get(kind)
            if before is None:
                worse.append(f"{name}: no figure of {kind} is recorded")
                continue
            change = now / before - 1 if before else float(now > 0)
            line = f"{name}: {now:,} {kind.replace('_', ' ')}, recorded {before:,} ({change:+.1%})"
            if change > TOLERANCE:
                worse.append(line)
            elif change < -TOLERANCE:
                better.append(line)
    return worse, better


def main(arguments: list[str] | None = None) -> int:
    """Count, print and compare; return 1 if something is worse, 2 if it could not be counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name}")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        print("work.py: valgrind is not installed", file=sys.stderr)
        return 2
    all_recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    build, isa = key()
    if build not in all_recorded and not options.record:
        print(f"Nothing is counted: {RECORDED.name} has no figures of {build}; --record adds them.")
        return 0
    try:
        figures = count(isa)
    except (WorkError, OSError) as error:
        print(f"work.py: {error}", file=sys.stderr)
        return 2
    print(f"{build}: work of a step, on one thread")
    for name, row in figures.items():
        counts = ", ".join(f"{row[kind]:,} {kind.replace('_', ' ')}" for kind in COUNTED)
        print(f"  {name}: {counts} ({row['how'].partition(':')[0]})")
    if options.record:
        all_recorded[build] = {n: {k: row[k] for k in COUNTED} for n, row in figures.items()}
        with atomic_write(RECORDED) as file:
            file.write((json.dumps(all_recorded, indent=2) + "\n").encode())
        return 0
    worse, better = compare(figures, all_recorded[build])
    for line in worse:
        print(f"WORSE  {line}")
    for line in better:
        print(f"better {line}: record it, with `python bench/work.py --record`")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
