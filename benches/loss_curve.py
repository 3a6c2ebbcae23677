"""Compares the losses of pipe and PyTorch over a training run from the same weights on the same batches, without dropout.

pipe's example `loss_curve` trains first and writes what it started from, what it read, and its losses; PyTorch repeats the run
in 32-bit floats. Ends with exit code 1 if a loss deviates by more than the bar: 0.5 %, or 1.5 % if pipe computes in bfloat16.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

import lib
from lib import SIZES, Engine
from machine import heading
from model import load

BARS = {"f32": 0.005, "bf16": 0.015}
FILES = ["model/config.json", "model/model.safetensors", "batches.safetensors", "losses.json"]


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    options.add_argument("--examples", help="folder of pipe's example programs (target/release/examples)")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--size", default="mini", choices=SIZES)
    options.add_argument("--updates", type=int, default=500)
    options.add_argument("--every", type=int, default=50, help="compare each so many updates, and the first (50)")
    options.add_argument("--precisions", default="f32", help="pipe's, by commas: f32, bf16")
    options.add_argument("--text", help="text for pipe to train on, instead of its own choice")
    options.add_argument("--vocab", help="a WordPiece vocab.txt for pipe to use, instead of its own choice")
    options.add_argument("--from", dest="folder", help="a folder that pipe's `loss_curve` wrote, instead of running it")
    given = options.parse_args()
    torch.set_num_threads(given.threads)

    if given.folder:
        heading("Losses")
        raise SystemExit(0 if compare(lib.existing(given.folder, "--from"), given.every) else 1)
    precisions = lib.names(given.precisions, BARS, "precision")
    program = lib.example(given.examples, "loss_curve")
    if program is None:
        return
    heading("Losses")
    inputs = [part for name in ("text", "vocab") if (value := getattr(given, name))
              for part in (f"--{name}", str(lib.existing(value, f"--{name}")))]
    passed = True
    for precision in precisions:
        with tempfile.TemporaryDirectory() as folder:
            command = [str(program), folder, given.size, str(given.updates), *inputs]
            command += [] if precision == "f32" else ["--precision", precision]
            try:
                lib.run(Engine(f"pipe {precision}", command, is_pipe=True), given.threads)
            except lib.EngineError as error:
                lib.fail(str(error))
            passed &= compare(Path(folder), given.every)
    raise SystemExit(0 if passed else 1)


def compare(folder: Path, every: int) -> bool:
    """Repeats the run in `folder`, prints both curves, and returns whether they agree."""
    for name in FILES:
        lib.existing(str(folder / name), "what pipe's `loss_curve` wrote")
    found = json.loads((folder / "losses.json").read_text())
    precision, theirs = found["precision"], found["losses"]
    ours = repeat(folder, found)
    if len(ours) != len(theirs):
        lib.fail(f"{folder}: batches for {len(ours)} updates, but {len(theirs)} losses")
    deviations = [abs(pipe / torch_ - 1) for pipe, torch_ in zip(theirs, ours, strict=True)]
    shown = sorted({1, len(ours)} | set(range(every, len(ours) + 1, every)))
    print(f"### pipe in {precision}, PyTorch in f32\n")
    lib.table(["update", "pipe", "PyTorch", "deviation"], (
        [str(n), f"{theirs[n - 1]:.5f}", f"{ours[n - 1]:.5f}", f"{100 * deviations[n - 1]:.4f} %"] for n in shown
    ))
    worst, bar = max(deviations[n - 1] for n in shown), BARS[precision]
    # Not `worst <= bar`: a loss that is not a number must not pass.
    passed = all(deviations[n - 1] <= bar for n in shown)
    print(f"Largest deviation: {100 * worst:.4f} % of {100 * bar:.1f} % allowed ({100 * max(deviations):.4f} % over all "
          f"updates): {'agreed' if passed else 'NOT agreed'}.\n", flush=True)
    return passed


def repeat(folder: Path, found: dict[str, Any]) -> list[float]:
    """Returns PyTorch's loss in each update."""
    model = load(folder / "model", dropout=0.0)
    batches: dict[str, Tensor] = load_file(folder / "batches.safetensors")
    ids, rows, targets = (batches[name].long() for name in ("ids", "rows", "targets"))
    constants = found["adamw"]
    update = torch.optim.AdamW(
        model.parameters(), betas=(constants["beta1"], constants["beta2"]), eps=constants["epsilon"],
        weight_decay=constants["weight_decay"], fused=True,
    )
    losses = []
    for step, rate in enumerate(found["learning_rates"]):
        # Updates with fewer predictions are filled up with rows of -1.
        wanted = rows[step] >= 0
        loss = model(ids[step], rows[step][wanted], targets[step][wanted])
        loss.backward()
        if found["clip"] > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), found["clip"])
        update.param_groups[0]["lr"] = rate
        update.step()
        update.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            print(f"  PyTorch: update {step + 1}, loss {losses[-1]:.4f}", file=sys.stderr, flush=True)
    return losses


if __name__ == "__main__":
    main()
