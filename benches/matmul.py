"""Times the matrix products of an encoder: PyTorch's (MKL, oneDNN) and pipe's, at the shapes of BERT.

A linear map from `inputs` to `outputs` numbers over `rows` tokens takes three: x Wᵀ forward, dy W and dyᵀ x backward.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import lib
from lib import Engine, Record
from machine import heading

HERE = Path(__file__).resolve().parent


def main() -> None:
    options = lib.parser(__doc__, repetitions=3)
    options.add_argument("--precisions", default="f32,bf16")
    given = options.parse_args()
    program = lib.example(given.examples, "matrix")
    if program is None:
        lib.fail("there is nothing to compare with")
    heading("Matrix products")
    print("GFLOP/s of x Wᵀ, dy W and dyᵀ x: the medians over "
          f"{given.repetitions} processes, run in turn, of each one's best of seven. PyTorch's operands and results in bf16 "
          "are bf16 in memory; pipe's are 32-bit floats, which it rounds as it packs them, so that pipe does more work and moves "
          "twice the bytes.\n")
    for threads in lib.numbers(given.threads):
        for precision in given.precisions.split(","):
            # The shapes come from pipe's example.
            pipe = Engine("pipe", [str(program), precision, "--json"], is_pipe=True, is_f32=precision == "f32")
            records, _ = lib.run(pipe, threads)
            shapes = [",".join(map(str, record["shape"])) for record in records]
            torch = Engine("torch", [sys.executable, str(HERE / "torch_matmul.py"), precision, *shapes],
                           is_f32=precision == "f32")
            measured = lib.interleave([torch, pipe], given.repetitions, threads, seconds, given.torch_env)
            print(f"### {precision}, {lib.count(threads)}\n")
            rows = []
            for shape in shapes:
                sides = [median(measured.records[name], shape) for name in ("torch", "pipe")]
                texts = [" · ".join(lib.show(rate) for rate in side) for side in sides]
                ratios = " · ".join(lib.show(b / a) for a, b in zip(*sides, strict=True))
                rows.append([shape.replace(",", " × "), *texts, ratios])
            lib.table(["rows × outputs × inputs", "torch", "pipe", "pipe to torch"], rows)
            ratio = measured.times_as_fast("pipe", "torch")
            print(f"All shapes together, each product given the same number of operations: {lib.times(ratio)}\n")
            lib.problems(measured)


def seconds(_engine: Engine, records: list[Record], _output: str) -> float:
    """Returns how long one billion operations take, the same share of them in every product."""
    if not records:
        raise ValueError("no JSON line in its output")
    return statistics.fmean(1 / rate for record in records for rate in record["gflops"])


def median(records: list[Record], shape: str) -> list[float]:
    """Returns the medians of the three products of a shape."""
    found = [record["gflops"] for record in records if ",".join(map(str, record["shape"])) == shape]
    return [statistics.median(rates) for rates in zip(*found, strict=True)]


if __name__ == "__main__":
    main()
