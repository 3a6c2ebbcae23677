"""Encodes sentences with sentence-transformers or plain PyTorch; `encode.py` runs it.

Prints one JSON line, as pipe's `encode_bench` does. Time runs from sentences to vectors, after a pass that is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from lib import MAX_LENGTH

MODES = ("st-32", "st-128", "st-128-bf16", "sorted", "sorted-compile", "sorted-bf16", "sorted-bf16-compile")
# The most tokens in a batch of sentences of one length.
BATCH_TOKENS = 4096

Encode = Callable[[Sequence[str]], np.ndarray]


def sentence_transformers(folder: Path, batch: int, bf16: bool) -> Encode:
    """What a user of the library calls; it sorts sentences by length and pads each batch to its longest."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    if bf16:
        model = model.to(torch.bfloat16)
    # NumPy has no bfloat16.
    return lambda sentences: model.encode(
        list(sentences), batch_size=batch, show_progress_bar=False, convert_to_tensor=True
    ).float().numpy()


def sorted_lengths(folder: Path, bf16: bool, compiled: bool) -> Encode:
    """What somebody who knows PyTorch well writes: no padding, no mask, batches of one length each."""
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LENGTH)
    model = AutoModel.from_pretrained(folder, attn_implementation="sdpa", add_pooling_layer=False)
    model = model.to(torch.bfloat16 if bf16 else torch.float32).eval()

    def forward(ids: torch.Tensor) -> torch.Tensor:
        return model(input_ids=ids).last_hidden_state.mean(1, dtype=torch.float32)

    run = torch.compile(forward, dynamic=True) if compiled else forward

    def encode(sentences: Sequence[str]) -> np.ndarray:
        tokens = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(sentences))]
        order = sorted(range(len(tokens)), key=lambda at: len(tokens[at]))
        vectors = np.empty((len(tokens), model.config.hidden_size), np.float32)
        for length, group in groupby(order, key=lambda at: len(tokens[at])):
            places = list(group)
            most = max(1, BATCH_TOKENS // length)
            for start in range(0, len(places), most):
                part = places[start : start + most]
                vectors[part] = run(torch.tensor([tokens[at] for at in part])).numpy()
        return vectors

    return encode


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("mode", choices=MODES)
    options.add_argument("folder", type=Path)
    options.add_argument("sentences", type=Path, help="one sentence a line")
    options.add_argument("--out", type=Path, help="where to write the vectors, as .npy")
    given = options.parse_args()

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    sentences = given.sentences.read_text(encoding="utf-8").splitlines()
    bf16, compiled = "bf16" in given.mode, "compile" in given.mode
    if given.mode.startswith("st-"):
        encode = sentence_transformers(given.folder, int(given.mode.split("-")[1]), bf16)
    else:
        encode = sorted_lengths(given.folder, bf16, compiled)
    with torch.inference_mode():
        encode(sentences)
        start = time.perf_counter()
        vectors = encode(sentences)
        seconds = time.perf_counter() - start
    if given.out:
        np.save(given.out, vectors)
    print(json.dumps({"sentences": len(sentences), "seconds": seconds}))


if __name__ == "__main__":
    main()
