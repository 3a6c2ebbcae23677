"""Times PyTorch's matrix products (oneDNN) at given shapes; `matmul.py` runs it. Prints a JSON line per shape, as pipe's
`matrix` does."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

import torch

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def best(operations: float, work: Callable[[], object]) -> float:
    """Returns the highest of seven rates, in GFLOP/s: as the example `matrix` measures."""
    repetitions = max(1, min(1000, int(4e8 / operations)))
    work()
    rates = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(repetitions):
            work()
        rates.append(operations * repetitions / (time.perf_counter() - start) / 1e9)
    return max(rates)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("precision", choices=TYPES)
    options.add_argument("shapes", nargs="+", help="ROWS,OUTPUTS,INPUTS")
    given = options.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    kind = TYPES[given.precision]
    for text in given.shapes:
        rows, outputs, inputs = (int(n) for n in text.split(","))
        x, w, dy = (torch.randn(a, b).to(kind) for a, b in ((rows, inputs), (outputs, inputs), (rows, outputs)))
        y, dx, dw = (torch.empty(a, b, dtype=kind) for a, b in ((rows, outputs), (rows, inputs), (outputs, inputs)))
        products = [(x, w.t(), y), (dy, w, dx), (dy.t(), x, dw)]
        with torch.no_grad():
            rates = [best(2.0 * rows * outputs * inputs, lambda p=p: torch.mm(p[0], p[1], out=p[2])) for p in products]
        print(json.dumps({"shape": [rows, outputs, inputs], "gflops": [round(rate, 1) for rate in rates]}), flush=True)


if __name__ == "__main__":
    main()
