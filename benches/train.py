"""Times masked language modelling steps of PyTorch and pipe: forward, backward and update, with dropout 0.1.

All sequences are equally long, so that neither side pads, and both run the projection to the vocabulary at the predicted
positions alone.
"""

from __future__ import annotations

import re
import statistics
import sys
from pathlib import Path

import lib
from lib import SIZES, Engine, Measured, Record
from machine import heading
from model import step_flops
from torch_step import F32, MODES

HERE = Path(__file__).resolve().parent


def main() -> None:
    options = lib.parser(__doc__, repetitions=5)
    options.add_argument("--sizes", default="tiny,mini,small,base")
    options.add_argument("--modes", default="eager,compile,bf16,bf16-compile", help=f"PyTorch's, of {', '.join(MODES)}")
    options.add_argument("--pipe-modes", default="f32,bf16", help="pipe's precisions, perhaps with instructions: f32@avx2 (f32,bf16)")
    options.add_argument("--sequences", type=int, default=32)
    options.add_argument("--length", type=int, default=128)
    options.add_argument("--vocabulary", type=int, default=8192)
    options.add_argument("--steps", type=int, help="steps that count in each process (8; of base 3)")
    options.add_argument("--warmup", type=int, default=2, help="steps before these (2)")
    given = options.parse_args()
    sizes = lib.names(given.sizes, SIZES, "size")
    modes = lib.names(given.modes, MODES, "mode")
    predicted = given.sequences * given.length * 15 // 100
    program, peak_program = (lib.example(given.examples, name) for name in ("step", "peak"))
    pipe_modes = given.pipe_modes.split(",") if program else []
    shape = [str(n) for n in (given.sequences, given.length, given.vocabulary)]

    def seconds(engine: Engine, records: list[Record], output: str) -> float:
        """Returns the median step of one process, the first ones left out."""
        if records:
            return statistics.median(record["seconds"] for record in records[given.warmup :])
        if found := re.search(r"median step ([\d.]+) ms", output):
            return float(found[1]) / 1e3
        raise ValueError("no JSON line and no median step in its output")

    heading("Masked language modelling step")
    print(f"{given.sequences} × {given.length} tokens, {predicted} predicted, vocabulary {given.vocabulary}, dropout 0.1, "
          f"AdamW. Milliseconds are the median over {given.repetitions} processes, run in turn, of each one's median step; "
          f"in brackets the fastest and slowest process.\n")
    summary: list[list[str]] = []
    for threads in lib.numbers(given.threads):
        peak = peaks(peak_program, threads)
        for name in sizes:
            counted = given.steps or (3 if name == "base" else 8)
            steps = given.warmup + counted
            engines = [
                Engine(f"torch {mode}", [sys.executable, str(HERE / "torch_step.py"), mode, name, *shape,
                                         str(predicted), str(steps)], is_f32=mode in F32)
                for mode in modes
            ] + [
                Engine(f"pipe {mode}", [str(program), name, "post", *shape, str(steps), "fused", "--json",
                                        *pipe_options(mode)], is_pipe=True, is_f32=mode.startswith("f32"))
                for mode in pipe_modes
            ]
            measured = lib.interleave(engines, given.repetitions, threads, seconds, given.torch_env)
            flops = step_flops(SIZES[name], given.sequences, given.length, predicted, given.vocabulary)
            print(f"### {name}, {lib.count(threads)}, {flops / 1e9:.1f} GFLOP a step; {counted} steps a process\n")
            report(measured, given.sequences * given.length, flops, peak)
            summary.append([f"{name}, {threads}", *lib.compare(measured)])
    lib.comparison("size, threads", summary)


def pipe_options(mode: str) -> list[str]:
    precision, _, path = mode.partition("@")
    return ["--precision", precision, *(["--path", path] if path else [])]


def report(measured: Measured, tokens: int, flops: int, peak: dict[str, float]) -> None:
    rows = []
    for engine in measured.engines:
        spread = measured.spread(engine.name)
        rate = flops / spread.median / 1e9
        row = [engine.name, spread.show(1e3), lib.show(tokens / spread.median), lib.show(rate)]
        if peak:
            most = peak.get("f32" if engine.is_f32 else "bf16")
            row.append(f"{100 * rate / most:.0f} %" if most else "—")
        rows.append(row)
    kinds = ", ".join(f"{kind} {lib.show(value)}" for kind, value in peak.items())
    lib.table(["", "ms a step", "tokens/s", "GFLOP/s", *([f"of the peak ({kinds})"] if peak else [])], rows)
    lib.problems(measured)


def peaks(program: Path | None, threads: int) -> dict[str, float]:
    """Returns the processor's measured peaks of fused multiply-adds, in GFLOP/s, or nothing without pipe's `peak`."""
    if program is None:
        return {}
    found: dict[str, float] = {}
    for _ in range(3):
        try:
            records, _ = lib.run(Engine("peak", [str(program), str(threads)], is_pipe=True), threads)
        except lib.EngineError as error:
            lib.note(f"failed: {error}")
            return found
        for kind in ("f32", "bf16"):
            if records and records[-1].get(kind):
                found[kind] = max(found.get(kind, 0.0), records[-1][kind])
    return found


if __name__ == "__main__":
    main()
