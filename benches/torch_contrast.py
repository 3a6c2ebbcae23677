"""Trains with sentence-transformers' trainer; `contrast.py` runs it. Prints one JSON line, as pipe's `contrast_bench` does."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments, models
from sentence_transformers.losses import MultipleNegativesRankingLoss
from transformers import BertConfig, BertModel, BertTokenizer, TrainerCallback

# The arguments of each mode besides those that all modes share.
MODES: dict[str, dict[str, Any]] = {"trainer": {}, "trainer-bf16": {"bf16": True}}


class Clock(TrainerCallback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("mode", choices=MODES)
    options.add_argument("work", type=Path, help="the JSON file that contrast.py wrote")
    options.add_argument("vocab", type=Path)
    given = options.parse_args()

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    work = json.loads(given.work.read_text())
    torch.manual_seed(work["seed"])
    config = BertConfig(
        vocab_size=work["vocabulary"], hidden_size=work["hidden"], num_hidden_layers=work["layers"],
        num_attention_heads=work["heads"], intermediate_size=4 * work["hidden"],
        max_position_embeddings=work["max_length"], hidden_dropout_prob=work["dropout"],
        attention_probs_dropout_prob=work["dropout"],
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
        BertTokenizer(vocab=str(given.vocab)).save_pretrained(folder)
        transformer = models.Transformer(folder, max_seq_length=work["max_length"])
        model = SentenceTransformer(modules=[transformer, models.Pooling(work["hidden"], pooling_mode="mean")], device="cpu")
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=folder, per_device_train_batch_size=work["batch"], num_train_epochs=1, use_cpu=True,
                learning_rate=work["learning_rate"], max_grad_norm=work["clip"], optim="adamw_torch_fused",
                weight_decay=0.01, logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
                seed=work["seed"], dataloader_pin_memory=False, **MODES[given.mode],
            ),
            train_dataset=Dataset.from_dict({"anchor": work["texts"], "positive": work["texts"]}),
            loss=MultipleNegativesRankingLoss(model, scale=1 / work["temperature"]),
            callbacks=[clock],
        )
        trainer.train()

    warmup = work["warmup"]
    counted = len(work["texts"]) - warmup * work["batch"]
    # The trainer shuffles: the tokens of the updates that count are taken to be those of an average sentence.
    mean = sum(len(ids) for ids in work["sentences"]) / len(work["sentences"])
    print()
    print(json.dumps({
        "examples": counted,
        "tokens": round(2 * counted * mean),
        "seconds": clock.ends[-1] - clock.ends[warmup - 1],
    }))


if __name__ == "__main__":
    main()
