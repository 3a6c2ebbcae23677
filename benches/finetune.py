"""Times fine-tuning on GLUE sentences of their real lengths: Hugging Face's Trainer and pipe.

Both read the same tokens in the same order, 32 examples at a time; the Trainer pads each batch to its longest example, pipe
does not pad. Needs a GLUE folder and a WordPiece vocabulary.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import lib
from lib import SIZES, Engine, Record
from machine import heading
from torch_finetune import MODES

HERE = Path(__file__).resolve().parent

# For each task: the columns of its sentences, and its labels in the order of the classes.
TASKS: dict[str, tuple[list[str], list[str]]] = {
    "SST-2": (["sentence"], ["0", "1"]),
    "QNLI": (["question", "sentence"], ["entailment", "not_entailment"]),
}


def main() -> None:
    options = lib.parser(__doc__, repetitions=5)
    options.add_argument("--glue", required=True, help="the glue_data folder")
    options.add_argument("--vocab", required=True, help="a WordPiece vocab.txt, or the folder that holds it")
    options.add_argument("--tasks", default="SST-2,QNLI")
    options.add_argument("--sizes", default="tiny,mini,small")
    options.add_argument("--modes", default="trainer,trainer-grouped,trainer-bf16-grouped", help=f"of {', '.join(MODES)}")
    options.add_argument("--pipe-modes", default="f32", help="pipe's precisions (f32)")
    options.add_argument("--batches", type=int, default=40, help="batches of 32 that count in each process (40)")
    options.add_argument("--warmup", type=int, default=4, help="batches before these (4)")
    given = options.parse_args()
    sizes = lib.names(given.sizes, SIZES, "size")
    modes = lib.names(given.modes, MODES, "mode")
    tasks = lib.names(given.tasks, TASKS, "task")
    if given.warmup < 1:
        lib.fail("--warmup: give at least 1")
    glue, vocab = lib.existing(given.glue, "--glue"), lib.vocabulary(given.vocab)
    program = lib.example(given.examples, "finetune_bench")
    pipe_modes = given.pipe_modes.split(",") if program else []

    def seconds(_engine: Engine, records: list[Record], _output: str) -> float:
        """Returns the seconds per token of one process."""
        if not records:
            raise ValueError("no JSON line in its output")
        return sum(r["seconds"] for r in records) / sum(r["tokens"] for r in records)

    heading("Fine-tuning")
    print(f"Batches of 32, at most 128 tokens an example, dropout 0.1, AdamW, gradients clipped at norm 1. Tokens are those "
          f"of the examples, padding left out. Medians over {given.repetitions} processes, run in turn, of "
          f"{given.batches} batches each; in brackets the lowest and highest.\n")
    summary: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for task in tasks:
            examples = read(glue, task, vocab, 32 * (given.batches + given.warmup))
            mean = sum(len(e["ids"]) for e in examples) / len(examples)
            for size in sizes:
                work = Path(folder) / f"{task}-{size}.json"
                write(work, size, vocab, given.warmup, examples)
                for threads in lib.numbers(given.threads):
                    engines = [
                        Engine(mode, [sys.executable, str(HERE / "torch_finetune.py"), mode, str(work), str(vocab)],
                               is_f32="bf16" not in mode)
                        for mode in modes
                    ] + lib.pipe_engines(program, [str(work)], pipe_modes)
                    measured = lib.interleave(engines, given.repetitions, threads, seconds, given.torch_env)
                    print(f"### {task}, {size}, {lib.count(threads)}; {mean:.1f} tokens an example\n")
                    lib.table(["", "examples/s", "tokens/s"], (
                        [e.name, measured.spread(e.name).rates(1 / mean).show(), measured.spread(e.name).rates().show()]
                        for e in measured.engines
                    ))
                    lib.problems(measured)
                    summary.append([f"{task}, {size}, {threads}", *lib.compare(measured)])
    lib.comparison("task, size, threads", summary)


def read(glue: Path, task: str, vocab: Path, count: int) -> list[Record]:
    """Returns so many of a task's training examples as token ids, in an order decided by chance."""
    from tokenizers.implementations import BertWordPieceTokenizer

    path = lib.existing(str(glue / task / "train.tsv"), "--glue")
    lines = path.read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"))) for line in lines[1:]]
    sentences, labels = TASKS[task]
    rows = [row for row in rows if row.get("label") in labels and all(row.get(name) for name in sentences)]
    if len(rows) < count:
        lib.fail(f"{path}: {len(rows)} examples, but {count} are needed; lower --batches")
    rows = random.Random(1).sample(rows, count)
    tokenizer = BertWordPieceTokenizer.from_file(str(vocab))
    tokenizer.enable_truncation(128)
    texts = [tuple(row[name] for name in sentences) for row in rows]
    encoded = tokenizer.encode_batch([text if len(text) > 1 else text[0] for text in texts])
    return [
        {"ids": e.ids, "types": e.type_ids, "label": labels.index(row["label"])} for e, row in zip(encoded, rows)
    ]


def write(path: Path, size: str, vocab: Path, warmup: int, examples: list[Record]) -> None:
    """Writes what both sides read; README.md says what the fields mean."""
    work: Record = {
        "size": size, "vocabulary": sum(1 for _ in vocab.open(encoding="utf-8")), "max_length": 128, "classes": 2,
        "batch": 32, "warmup": warmup, "seed": 1, "dropout": 0.1, "learning_rate": 5e-5, "clip": 1.0,
        "examples": examples,
    }
    path.write_text(json.dumps(work))


if __name__ == "__main__":
    main()
