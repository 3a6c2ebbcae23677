"""What the benchmarks share: interleaved processes, medians, tables, options."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent

# The most tokens of an example or sentence.
MAX_LENGTH = 128

Record = dict[str, Any]


class Size(NamedTuple):
    """The shape of an encoder; the feed-forward layer is four times as wide as the hidden states."""

    layers: int
    hidden: int
    heads: int


# pipe uses the same names for the same shapes.
SIZES = {
    "nano": Size(2, 64, 2),
    "tiny": Size(2, 128, 2),
    "mini": Size(4, 256, 4),
    "small": Size(4, 512, 8),
    "medium": Size(8, 512, 8),
    "base": Size(12, 768, 12),
}


def fail(message: str) -> NoReturn:
    """Ends the program as pipe does when its input is wrong."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


def note(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def existing(path: str, what: str) -> Path:
    """Returns the path of a file or folder that must be there."""
    found = Path(path).expanduser().resolve()
    if not found.exists():
        fail(f"{what}: there is no {found}")
    return found


# Processes


@dataclass(frozen=True)
class Engine:
    """One way to do the work: a command that prints JSON lines."""

    name: str
    command: Sequence[str]
    is_pipe: bool = False
    # Whether all arithmetic is in 32-bit floats.
    is_f32: bool = True


def environment(threads: int, engine: Engine, extra: Iterable[str] = ()) -> dict[str, str]:
    """Returns the environment of an engine that may use so many threads."""
    variables = dict(os.environ)
    for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        variables[name] = str(threads)
    variables |= {"TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false", "HF_HUB_OFFLINE": "1"}
    variables |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONWARNINGS": "ignore"}
    if engine.is_pipe:
        # As pipe starts its jobs.
        variables.setdefault("MIMALLOC_PURGE_DELAY", "10000")
    else:
        variables |= dict(pair.split("=", 1) for pair in extra)
    return variables


class EngineError(Exception):
    """An engine's process failed."""


def run(engine: Engine, threads: int, extra: Iterable[str] = ()) -> tuple[list[Record], str]:
    """Runs an engine once; returns the JSON objects that it printed, and all of its output."""
    done = subprocess.run(engine.command, env=environment(threads, engine, extra), capture_output=True, text=True)
    if done.returncode != 0:
        last = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise EngineError(f"{engine.name}: exit code {done.returncode}\n  {last}")
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    return [json.loads(line) for line in lines], done.stdout


def example(folder: str | None, name: str) -> Path | None:
    """Returns one of pipe's example programs, or nothing (and says so) if it is not built."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    path = Path(folder or f"{target}/release/examples").resolve() / name
    if path.exists():
        return path
    note(f"skipped: pipe's example `{name}` is not built ({path}): cargo build --release --workspace --examples")
    return None


def pipe_engines(program: Path | None, arguments: Sequence[str], precisions: Sequence[str]) -> list[Engine]:
    """Returns an engine for each of pipe's precisions; 32-bit floats need no option."""
    if program is None:
        return []
    option = {p: [] if p == "f32" else ["--precision", p] for p in precisions}
    return [Engine(f"pipe {p}", [str(program), *arguments, *option[p]], True, p == "f32") for p in precisions]


@dataclass
class Measured:
    """One number for each engine and repetition; engines that failed are left out."""

    engines: list[Engine] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def spread(self, name: str) -> Spread:
        return Spread.of(self.values[name])

    def best(self, *, f32: bool) -> str | None:
        """Returns the fastest of the engines that are not pipe's, where small values are fast."""
        names = [e.name for e in self.engines if not e.is_pipe and (e.is_f32 or not f32)]
        return min(names, key=lambda name: self.spread(name).median, default=None)

    def pipe(self, *, f32: bool) -> str | None:
        """Returns the fastest of pipe's engines."""
        names = [e.name for e in self.engines if e.is_pipe and (e.is_f32 or not f32)]
        return min(names, key=lambda name: self.spread(name).median, default=None)

    def times_as_fast(self, fast: str | None, slow: str | None) -> Spread | None:
        """Returns how many times as fast one engine is as another, from neighbouring processes."""
        if fast is None or slow is None:
            return None
        return Spread.of([b / a for a, b in zip(self.values[fast], self.values[slow], strict=True)])


def interleave(
    engines: Sequence[Engine],
    repetitions: int,
    threads: int,
    value: Callable[[Engine, list[Record], str], float],
    extra: Iterable[str] = (),
) -> Measured:
    """Runs the engines in turn, `repetitions` times each: A B C A B C ..., so that a slow minute slows all of them.

    `value` makes one number, small if fast, of what one process printed.
    """
    alive = list(engines)
    measured = Measured()
    for repetition in range(repetitions):
        for engine in list(alive):
            try:
                records, output = run(engine, threads, extra)
                number = value(engine, records, output)
            except (EngineError, ValueError, KeyError) as error:
                alive.remove(engine)
                problem = str(error) if isinstance(error, EngineError) else f"{engine.name}: {error!r}"
                measured.problems.append(problem)
                note(f"failed: {problem}")
                continue
            measured.values.setdefault(engine.name, []).append(number)
            measured.records.setdefault(engine.name, []).extend(records)
            note(f"  [{repetition + 1}/{repetitions}] {count(threads)}, {engine.name}: {number:.4g}")
    measured.engines = alive
    return measured


# Numbers and tables


class Spread(NamedTuple):
    """The median of some numbers, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def rates(self, scale: float = 1.0) -> Spread:
        """Returns how often so many seconds pass in one."""
        return Spread(scale / self.median, scale / self.high, scale / self.low)

    def show(self, scale: float = 1.0, digits: int = 3) -> str:
        median, low, high = (show(scale * value, digits) for value in self)
        return f"{median} [{low}–{high}]"


def show(value: float, digits: int = 3) -> str:
    """Writes a number with so many significant digits, large ones in full: 1234567 is 1,234,567."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:#.{digits}g}"
    return text if "e" in text else text.rstrip(".")


def times(spread: Spread | None) -> str:
    return "—" if spread is None else f"{spread.show()} ×"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a markdown table: the first column to the left, the others to the right."""
    print("| " + " | ".join(headers) + " |")
    print("| --- |" + " ---: |" * (len(headers) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def compare(measured: Measured) -> list[str]:
    """Returns the cells of one row of `comparison`."""
    pipe, f32, any_kind = measured.pipe(f32=True), measured.best(f32=True), measured.best(f32=False)
    return [
        f32 or "—",
        times(measured.times_as_fast(pipe, f32)),
        any_kind or "—",
        times(measured.times_as_fast(pipe, any_kind)),
        times(measured.times_as_fast(measured.pipe(f32=False), any_kind)),
    ]


def comparison(first: str, rows: Iterable[Sequence[str]]) -> None:
    """Prints how many times as fast pipe is as the fastest of the others, in 32-bit floats and in any way."""
    print("### How many times as fast pipe is\n")
    headers = ["fastest other in f32", "pipe f32 to it", "fastest other", "pipe f32 to it", "pipe's fastest to it"]
    table([first, *headers], rows)


def count(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def problems(measured: Measured) -> None:
    for problem in measured.problems:
        print("Left out: " + problem.replace("\n", " ") + "\n")


# Command lines


def parser(about: str | None, repetitions: int) -> argparse.ArgumentParser:
    """Returns a parser with the options that all benchmarks take."""
    options = argparse.ArgumentParser(description=(about or "").split("\n\n")[0])
    options.add_argument("--threads", default="1,2", help="numbers of threads to measure with, by commas (1,2)")
    options.add_argument("--repetitions", type=int, default=repetitions, help=f"processes for each ({repetitions})")
    options.add_argument("--examples", help="folder of pipe's example programs (target/release/examples)")
    options.add_argument("--torch-env", action="append", default=[], metavar="NAME=VALUE",
                         help="another environment variable for everything but pipe, such as LD_PRELOAD=libjemalloc.so.2")
    return options


def numbers(text: str) -> list[int]:
    """Reads numbers of threads, by commas."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        fail(f"`{text}` is not a list of numbers such as 1,2")
    if any(number < 1 for number in found):
        fail(f"`{text}`: give numbers of at least 1")
    return found


def names(text: str, known: Iterable[str], what: str) -> list[str]:
    """Reads names, by commas, that must be among the known."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    for name in found:
        if name not in known:
            fail(f"there is no {what} `{name}`; there are {', '.join(known)}")
    return found


def vocabulary(path: str) -> Path:
    """Returns a WordPiece vocabulary's file, from its path or its folder's."""
    found = existing(path, "--vocab")
    return existing(str(found / "vocab.txt"), "--vocab") if found.is_dir() else found
