"""Times masked language modelling steps in PyTorch; `train.py` runs it. Prints a JSON line per step, as pipe's `step` does."""

from __future__ import annotations

import argparse
import json
import os
import time
from contextlib import nullcontext

import torch
import torch._inductor.config as inductor

from lib import SIZES
from model import Encoder, optimizer

# For each mode: whether activations are bfloat16, the mode of torch.compile (or none), and the precision of products of 32-bit
# floats ("medium" lets them run in bfloat16 where the processor can).
MODES: dict[str, tuple[bool, str | None, str]] = {
    "eager": (False, None, "highest"),
    "compile": (False, "default", "highest"),
    "compile-max": (False, "max-autotune-no-cudagraphs", "highest"),
    "medium": (False, None, "medium"),
    "medium-compile": (False, "default", "medium"),
    "bf16": (True, None, "highest"),
    "bf16-compile": (True, "default", "highest"),
    "bf16-compile-max": (True, "max-autotune-no-cudagraphs", "highest"),
}
F32 = {"eager", "compile", "compile-max"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("mode", choices=MODES)
    options.add_argument("size", choices=SIZES)
    for name in ("sequences", "length", "vocabulary", "predicted", "steps"):
        options.add_argument(name, type=int)
    options.add_argument("--dropout", type=float, default=0.1)
    given = options.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    bf16, compiled, precision = MODES[given.mode]
    torch.set_float32_matmul_precision(precision)
    # Compiled dropout draws its random numbers as uncompiled dropout does, which is faster on a CPU than inductor's own.
    inductor.fallback_random = True
    model = Encoder(SIZES[given.size], given.vocabulary, given.length, given.dropout)
    update = optimizer(model)
    forward = torch.compile(model, mode=compiled, fullgraph=True, dynamic=False) if compiled else model
    cast = torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext()

    tokens = given.sequences * given.length
    for step in range(given.steps):
        ids = torch.randint(given.vocabulary, (given.sequences, given.length))
        rows = torch.randperm(tokens)[: given.predicted].sort().values
        targets = torch.randint(given.vocabulary, (given.predicted,))

        start = time.perf_counter()
        with cast:
            loss = forward(ids, rows, targets)
        loss.backward()
        update.step()
        update.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - start
        print(json.dumps({"step": step, "seconds": seconds, "tokens": tokens, "loss": loss.item()}), flush=True)


if __name__ == "__main__":
    main()
