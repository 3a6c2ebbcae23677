"""Fine-tunes with Hugging Face's Trainer; `finetune.py` runs it. Prints one JSON line, as pipe's `finetune_bench` does."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from lib import SIZES

# The arguments of each mode besides those that all modes share.
MODES: dict[str, dict[str, Any]] = {
    "trainer": {},
    "trainer-grouped": {"train_sampling_strategy": "group_by_length"},
    "trainer-compile": {"torch_compile": True},
    "trainer-bf16": {"bf16": True},
    "trainer-bf16-grouped": {"bf16": True, "train_sampling_strategy": "group_by_length"},
}


class Clock(TrainerCallback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


class CountingTrainer(Trainer):
    """Counts the examples and tokens of each step, padding left out."""

    counts: list[tuple[int, int]]

    def training_step(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor], *rest: Any) -> torch.Tensor:
        mask = inputs["attention_mask"]
        self.counts.append((len(mask), int(mask.sum())))
        return super().training_step(model, inputs, *rest)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("mode", choices=MODES)
    options.add_argument("work", type=Path, help="the JSON file that finetune.py wrote")
    options.add_argument("vocab", type=Path)
    given = options.parse_args()

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    work = json.loads(given.work.read_text())
    size, dropout, maximum = SIZES[work["size"]], work["dropout"], work["max_length"]
    torch.manual_seed(work["seed"])
    config = BertConfig(
        vocab_size=work["vocabulary"], hidden_size=size.hidden, num_hidden_layers=size.layers,
        num_attention_heads=size.heads, intermediate_size=4 * size.hidden, max_position_embeddings=maximum,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, num_labels=work["classes"],
    )
    examples = [
        {"input_ids": e["ids"], "token_type_ids": e["types"], "attention_mask": [1] * len(e["ids"]), "labels": e["label"]}
        for e in work["examples"]
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "output_dir": folder, "per_device_train_batch_size": work["batch"], "num_train_epochs": 1, "use_cpu": True,
            "learning_rate": work["learning_rate"], "max_grad_norm": work["clip"], "optim": "adamw_torch_fused",
            "weight_decay": 0.01, "logging_strategy": "no", "save_strategy": "no", "report_to": "none",
            "disable_tqdm": True, "seed": work["seed"], "train_sampling_strategy": "sequential",
            "dataloader_pin_memory": False,
        }
        trainer = CountingTrainer(
            model=BertForSequenceClassification(config),
            args=TrainingArguments(**(settings | MODES[given.mode])),
            train_dataset=examples,
            data_collator=DataCollatorWithPadding(BertTokenizer(vocab=str(given.vocab))),
            callbacks=[clock],
        )
        trainer.counts = []
        trainer.train()

    warmup = work["warmup"]
    timed = trainer.counts[warmup:]
    print()
    print(json.dumps({
        "examples": sum(examples for examples, _ in timed),
        "tokens": sum(tokens for _, tokens in timed),
        "seconds": clock.ends[-1] - clock.ends[warmup - 1],
    }))


if __name__ == "__main__":
    main()
