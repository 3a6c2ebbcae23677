"""Times contrastive training without labels (SimCSE): sentence-transformers' trainer and pipe.

Both train on the same sentences, 64 at a time and at most 32 tokens each, whose two passes differ by dropout. The trainer pads
each batch to its longest sentence and tokenises as it goes; pipe does not pad. Needs a file with a sentence a line and a
WordPiece vocabulary.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import lib
from lib import SIZES, Engine, Record, Size
from machine import heading
from torch_contrast import MODES

HERE = Path(__file__).resolve().parent
SHAPES = SIZES | {"minilm": Size(6, 384, 12)}
LENGTH = 32


def main() -> None:
    options = lib.parser(__doc__, repetitions=5)
    options.add_argument("--sentences", required=True, help="a text file with a sentence a line")
    options.add_argument("--vocab", required=True, help="a WordPiece vocab.txt, or the folder that holds it")
    options.add_argument("--sizes", default="mini,minilm", help="of the usual ones and minilm, 6 layers of 384 (mini,minilm)")
    options.add_argument("--modes", default="trainer,trainer-bf16", help=f"of {', '.join(MODES)}")
    options.add_argument("--pipe-modes", default="f32", help="pipe's precisions (f32)")
    options.add_argument("--batch", type=int, default=64, help="sentences in an update (64)")
    options.add_argument("--batches", type=int, default=20, help="updates that count in each process (20)")
    options.add_argument("--warmup", type=int, default=3, help="updates before these (3)")
    given = options.parse_args()
    sizes = lib.names(given.sizes, SHAPES, "size")
    modes = lib.names(given.modes, MODES, "mode")
    if given.warmup < 1:
        lib.fail("--warmup: give at least 1")
    path, vocab = lib.existing(given.sentences, "--sentences"), lib.vocabulary(given.vocab)
    program = lib.example(given.examples, "contrast_bench")
    pipe_modes = given.pipe_modes.split(",") if program else []
    texts, ids = read(path, vocab, given.batch * (given.batches + given.warmup))
    mean = sum(map(len, ids)) / len(ids)

    def seconds(_engine: Engine, records: list[Record], _output: str) -> float:
        """Returns the seconds per sentence of one process."""
        if not records:
            raise ValueError("no JSON line in its output")
        return sum(r["seconds"] for r in records) / sum(r["examples"] for r in records)

    heading("Contrastive training")
    print(f"Batches of {given.batch} sentences of {mean:.1f} tokens, at most {LENGTH}; two passes of each, dropout 0.1, cosines over 0.05, "
          f"mean pooling, AdamW, gradients clipped at norm 1. Medians over {given.repetitions} processes, run in turn, of "
          f"{given.batches} batches each; in brackets the lowest and highest.\n")
    summary: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            work = Path(folder) / f"{size}.json"
            write(work, SHAPES[size], vocab, given.batch, given.warmup, texts, ids)
            for threads in lib.numbers(given.threads):
                engines = [
                    Engine(mode, [sys.executable, str(HERE / "torch_contrast.py"), mode, str(work), str(vocab)],
                           is_f32="bf16" not in mode)
                    for mode in modes
                ] + lib.pipe_engines(program, [str(work)], pipe_modes)
                measured = lib.interleave(engines, given.repetitions, threads, seconds, given.torch_env)
                print(f"### {size}, {lib.count(threads)}\n")
                lib.table(["", "sentences/s"], ([e.name, measured.spread(e.name).rates().show()] for e in measured.engines))
                lib.problems(measured)
                summary.append([f"{size}, {threads}", *lib.compare(measured)])
    lib.comparison("size, threads", summary)


def read(path: Path, vocab: Path, count: int) -> tuple[list[str], list[list[int]]]:
    """Returns so many sentences, in an order decided by chance, and their token ids."""
    from tokenizers.implementations import BertWordPieceTokenizer

    lines = sorted({line.strip() for line in path.read_text(encoding="utf-8").splitlines() if len(line.split()) > 3})
    if len(lines) < count:
        lib.fail(f"{path}: {len(lines)} different sentences, but {count} are needed; lower --batches")
    texts = random.Random(1).sample(lines, count)
    tokenizer = BertWordPieceTokenizer.from_file(str(vocab))
    tokenizer.enable_truncation(LENGTH)
    return texts, [encoded.ids for encoded in tokenizer.encode_batch(texts)]


def write(path: Path, shape: Size, vocab: Path, batch: int, warmup: int, texts: list[str], ids: list[list[int]]) -> None:
    """Writes what both sides read; README.md says what the fields mean."""
    work: Record = {
        "layers": shape.layers, "hidden": shape.hidden, "heads": shape.heads,
        "vocabulary": sum(1 for _ in vocab.open(encoding="utf-8")), "max_length": LENGTH, "batch": batch,
        "warmup": warmup, "seed": 1, "dropout": 0.1, "learning_rate": 3e-5, "clip": 1.0, "temperature": 0.05,
        "texts": texts, "sentences": ids,
    }
    path.write_text(json.dumps(work))


if __name__ == "__main__":
    main()
