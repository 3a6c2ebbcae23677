"""Large files: how fast pipe hashes them beside b3sum, stores them beside a synced copy, and serves them.

    python3 benches/bytes.py --folder EMPTY_FOLDER --gigabytes 4

Hashing: `pipe verify` of a store that holds one object, and `b3sum` of the same file, in turn, both from the page cache.
Storing: a run of one job whose program copies a file that is no input of it, and the same copy with its file and folder
synced, in turn; each time the file has other bytes, and what was written before is on the disk. Serving: the same run once
more, which finds the result and lays it out as a folder, and a run of a job that reads one byte of it, before which all of
it is hashed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lib import ROOT, fail, note
from machine import heading

BLOCK = 1 << 22

PIPELINE = """[stage.weights]
use = "command"
argv = ["cp", "{source}", "{{output}}/weights.bin"]

[stage.reader]
use = "command"
shell = "head -c 1 {{weights}}/weights.bin > {{output}}/byte"
inputs = {{ weights = "@weights" }}
"""


def write(path: Path, size: int) -> None:
    """Writes bytes that repeat nothing a file system could save."""
    with open(path, "wb") as file:
        for _ in range(size // BLOCK):
            file.write(os.urandom(BLOCK))


def change(path: Path) -> None:
    """Gives the file other bytes, and has all that is to be written written."""
    with open(path, "r+b") as file:
        file.write(os.urandom(16))
    os.sync()


def timed(command: Sequence[str], folder: Path) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        fail(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-600:]}")
    return seconds


def synced_copy(source: Path, target: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["cp", str(source), str(target)], check=True)
    for path in (target, target.parent):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    return time.perf_counter() - start


def in_turn(repetitions: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Returns the seconds of each measure, in the order of the repetitions."""
    rounds = [[measure() for measure in measures] for _ in range(repetitions)]
    return [list(column) for column in zip(*rounds, strict=True)]


def line(name: str, seconds: list[float], size: int | None = None) -> str:
    median = statistics.median(seconds)
    rate = f"{size / median / 1e9:.2f}" if size else ""
    return f"| {name} | {median:.4f} ({min(seconds):.4f} to {max(seconds):.4f}) | {rate} |"


def ratio(over: list[float], under: list[float]) -> str:
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder on a local disk")
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--pipe", type=Path, default=ROOT / "target/release/pipe")
    parser.add_argument("--b3sum", default="b3sum", help="cargo install b3sum")
    arguments = parser.parse_args()
    if not arguments.pipe.exists():
        fail(f"there is no {arguments.pipe}: cargo build --release")
    if shutil.which(arguments.b3sum) is None:
        fail(f"there is no {arguments.b3sum}: cargo install b3sum")
    pipe, folder = str(arguments.pipe.resolve()), arguments.folder.resolve()
    size = int(arguments.gigabytes * 2**30) // BLOCK * BLOCK
    folder.mkdir(parents=True, exist_ok=True)
    source, copy = folder / "source.bin", folder / "copy.bin"
    (folder / "pipeline.toml").write_text(PIPELINE.format(source=source))
    heading(f"Files of {size / 1e9:.2f} GB")
    version = subprocess.run([arguments.b3sum, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"- {version}\n\n| | seconds | GB/s |\n| --- | ---: | ---: |", flush=True)
    note("storing")
    write(source, size)

    def store() -> float:
        shutil.rmtree(folder / ".pipe", ignore_errors=True)
        change(source)
        return timed([pipe, "run", "-q", "stage:weights"], folder)

    def copied() -> float:
        copy.unlink(missing_ok=True)
        change(source)
        return synced_copy(source, copy)

    copies, stores = in_turn(arguments.repetitions, copied, store)
    copy.unlink()
    print(line("a synced copy", copies, size))
    print(line("a job that copies, its result stored", stores, size))
    note("hashing")
    timed([arguments.b3sum, str(source)], folder)
    hashes, verifies = in_turn(
        arguments.repetitions,
        lambda: timed([arguments.b3sum, str(source)], folder),
        lambda: timed([pipe, "verify", "-q"], folder),
    )
    print(line("b3sum", hashes, size))
    print(line("pipe verify", verifies, size))
    note("serving")

    def read() -> float:
        # The reader's result is removed, and that of the stage before it stays.
        for record in (folder / ".pipe/records").iterdir():
            if '"reader"' in record.read_text():
                record.unlink()
        return timed([pipe, "run", "-q", "stage:reader"], folder)

    served, readers = in_turn(arguments.repetitions, lambda: timed([pipe, "run", "-q", "stage:weights"], folder), read)
    print(line("the result served once more", served))
    print(line("a job that reads one byte of it", readers))
    print(f"\nstored ÷ copied: {ratio(stores, copies)}; b3sum ÷ pipe verify: {ratio(hashes, verifies)}")
    shutil.rmtree(folder / ".pipe")
    source.unlink()


if __name__ == "__main__":
    main()
