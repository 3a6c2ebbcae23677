"""Times text becoming token ids in a Parquet file: Hugging Face's tokenizers and pyarrow, and pipe; compares the ids.

(Not called `tokenize.py`, which would stand in for Python's own module of that name.)
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

import lib
from lib import Engine, Record
from machine import heading

HERE = Path(__file__).resolve().parent
SIDES = ("tokenizers", "pipe")


def main() -> None:
    options = lib.parser(__doc__, repetitions=5)
    options.add_argument("--text", required=True, help="a text file, or a folder of them; WikiExtractor's <doc> lines go")
    options.add_argument("--vocab", required=True, help="a WordPiece vocab.txt, or the folder that holds it")
    options.add_argument("--megabytes", type=float, default=20.0, help="how much of the text (20)")
    given = options.parse_args()
    source, vocab = lib.existing(given.text, "--text"), lib.vocabulary(given.vocab)
    program = lib.example(given.examples, "tokenize_bench")

    def seconds(_engine: Engine, records: list[Record], _output: str) -> float:
        """Returns the seconds per byte of one process."""
        if not records:
            raise ValueError("no JSON line in its output")
        return records[-1]["seconds"] / records[-1]["bytes"]

    heading("Text to Parquet of token ids")
    summary: list[list[str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "text.txt"
        lines, size = write(source, text, given.megabytes)
        print(f"{size / 1e6:.1f} MB in {lines:,} lines; a row of ids for each, without special tokens, compressed with zstd. "
              f"Medians over {given.repetitions} processes, run in turn; in brackets the lowest and highest.\n")
        out = {side: Path(scratch) / f"{side}.parquet" for side in SIDES}
        work = {side: [str(vocab), str(text), str(out[side])] for side in SIDES}
        engines = [Engine("tokenizers", [sys.executable, str(HERE / "hf_tokens.py"), *work["tokenizers"]])]
        if program:
            engines.append(Engine("pipe", [str(program), *work["pipe"]], is_pipe=True))
        for threads in lib.numbers(given.threads):
            measured = lib.interleave(engines, given.repetitions, threads, seconds, given.torch_env)
            print(f"### {lib.count(threads)}\n")
            rows = []
            for engine in measured.engines:
                tokens = measured.records[engine.name][-1]["tokens"]
                spread = measured.spread(engine.name)
                rows.append([engine.name, spread.rates(1e-6).show(), spread.rates(tokens / size).show(), f"{tokens:,}"])
            lib.table(["", "MB/s", "tokens/s", "tokens"], rows)
            lib.problems(measured)
            ratio = lib.times(measured.times_as_fast(measured.pipe(f32=True), measured.best(f32=True)))
            summary.append([str(threads), ratio, same(out) if len(measured.engines) == len(SIDES) else "—"])
    print("### How many times as fast pipe is\n")
    lib.table(["threads", "pipe to tokenizers", "ids"], summary)


def write(source: Path, target: Path, megabytes: float) -> tuple[int, int]:
    """Writes text without empty lines and WikiExtractor's marks; returns how many lines and bytes there are."""
    files = sorted(f for f in source.rglob("*") if f.is_file()) if source.is_dir() else [source]
    lines = size = 0
    with target.open("w", encoding="utf-8", newline="\n") as out:
        for line in clean(files):
            out.write(line + "\n")
            lines, size = lines + 1, size + len(line.encode()) + 1
            if size >= 1e6 * megabytes:
                break
    if not lines:
        lib.fail(f"--text: there is no text in {source}")
    return lines, size


def clean(files: list[Path]) -> Iterator[str]:
    for file in files:
        for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
            line = line.strip()
            if line and not line.startswith(("<doc ", "</doc>")):
                yield line


def same(out: dict[str, Path]) -> str:
    """Says whether both sides wrote the same ids."""
    first, second = (pq.read_table(out[side], columns=["input_ids"])["input_ids"].to_pylist() for side in SIDES)
    if len(first) != len(second):
        return f"{len(first)} and {len(second)} rows"
    different = sum(a != b for a, b in zip(first, second, strict=True))
    return f"{different:,} rows differ" if different else "the same"


if __name__ == "__main__":
    main()
