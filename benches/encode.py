"""Times the encoding of STS sentences: sentence-transformers, plain PyTorch, and pipe; compares their cosine similarities.

The encoders are BERTs with random weights and mean pooling. Needs a SentEval folder and a WordPiece vocabulary.
"""

from __future__ import annotations

import random
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import lib
from lib import MAX_LENGTH, SIZES, Engine, Record
from machine import heading
from torch_encode import MODES

HERE = Path(__file__).resolve().parent


def main() -> None:
    options = lib.parser(__doc__, repetitions=5)
    options.add_argument("--senteval", required=True, help="the SentEval folder")
    options.add_argument("--vocab", required=True, help="a WordPiece vocab.txt, or the folder that holds it")
    options.add_argument("--sizes", default="mini,small,base")
    options.add_argument("--modes", default="st-32,st-128,st-128-bf16,sorted-compile,sorted-bf16-compile",
                         help=f"of {', '.join(MODES)}")
    options.add_argument("--pipe-modes", default="f32", help="pipe's precisions (f32)")
    options.add_argument("--pairs", type=int, default=1024, help="pairs of sentences (1024)")
    given = options.parse_args()
    sizes = lib.names(given.sizes, SIZES, "size")
    modes = lib.names(given.modes, MODES, "mode")
    vocab = lib.vocabulary(given.vocab)
    pairs = read(lib.existing(given.senteval, "--senteval"), given.pairs)
    # Each sentence occurs once, so that no program gains from remembering sentences.
    sentences = list(dict.fromkeys(sentence for pair in pairs for sentence in pair))
    places = {sentence: place for place, sentence in enumerate(sentences)}
    left, right = ([places[pair[side]] for pair in pairs] for side in (0, 1))
    program = lib.example(given.examples, "encode_bench")
    pipe_modes = given.pipe_modes.split(",") if program else []

    heading("Encoding sentences")
    print(f"{len(sentences):,} distinct sentences of {len(pairs):,} pairs from STS, at most {MAX_LENGTH} tokens each, mean "
          f"pooling; from text to vectors in memory. Medians over {given.repetitions} processes, run in turn; in brackets "
          f"the lowest and highest.\n")
    summary: list[list[str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "sentences.txt"
        text.write_text("\n".join(sentences) + "\n", encoding="utf-8")
        for size in sizes:
            folder = Path(scratch) / size
            make(folder, size, vocab)
            tokens = count_tokens(folder, sentences)
            for threads in lib.numbers(given.threads):
                out = {name: Path(scratch) / f"{name}.npy" for name in [*modes, *(f"pipe {m}" for m in pipe_modes)]}
                engines = [
                    Engine(mode, [sys.executable, str(HERE / "torch_encode.py"), mode, str(folder), str(text), "--out",
                                  str(out[mode])], is_f32="bf16" not in mode)
                    for mode in modes
                ] + [
                    engine
                    for m in pipe_modes
                    for engine in lib.pipe_engines(program, [str(folder), str(text), "--out", str(out[f"pipe {m}"])], [m])
                ]
                value = partial(seconds, len(sentences), tokens)
                measured = lib.interleave(engines, given.repetitions, threads, value, given.torch_env)
                print(f"### {size}, {lib.count(threads)}; {tokens / len(sentences):.1f} tokens a sentence\n")
                cosines = {e.name: cosine(out[e.name], left, right) for e in measured.engines}
                yardstick = next((name for name in cosines if name in ("st-32", "st-128", "sorted")), None)
                rows = []
                for engine in measured.engines:
                    spread = measured.spread(engine.name)
                    apart = "—"
                    if yardstick:
                        apart = f"{np.abs(cosines[engine.name] - cosines[yardstick]).max():.1e}"
                    rate = tokens / len(sentences)
                    rows.append([engine.name, spread.rates().show(), lib.show(rate / spread.median), apart])
                lib.table(["", "sentences/s", "tokens/s", f"largest difference of a cosine from {yardstick}"], rows)
                lib.problems(measured)
                summary.append([f"{size}, {threads}", *lib.compare(measured)])
    lib.comparison("size, threads", summary)


def seconds(sentences: int, tokens: int, _engine: Engine, records: list[Record], _output: str) -> float:
    """Returns the seconds per sentence of one process, which must have done the work that was asked for."""
    if not records:
        raise ValueError("no JSON line in its output")
    for record in records:
        done = (record["sentences"], record.get("tokens", tokens))
        if done != (sentences, tokens):
            raise ValueError(f"it encoded {done[0]} sentences and {done[1]} tokens, not {sentences} and {tokens}")
    return sum(record["seconds"] for record in records) / (sentences * len(records))


def read(folder: Path, count: int) -> list[tuple[str, str]]:
    """Returns so many pairs of sentences of STS 2012 to 2016, drawn by chance, in lower case."""
    root = next((f for f in (folder / "data/downstream/STS", folder / "downstream/STS", folder / "STS") if f.is_dir()), None)
    if root is None:
        lib.fail(f"--senteval: there is no data/downstream/STS in {folder}")
    files = sorted(root.glob("STS1?-en-test/STS.input.*.txt"))
    pairs = []
    for file in files:
        for line in file.read_text(encoding="utf-8").split("\n"):
            parts = [part.strip().lower() for part in line.split("\t")[:2]]
            if len(parts) == 2 and all(parts):
                pairs.append((" ".join(parts[0].split()), " ".join(parts[1].split())))
    if len(pairs) < count:
        lib.fail(f"{root}: {len(pairs)} pairs, but {count} are needed; lower --pairs")
    return random.Random(1).sample(pairs, count)


def make(folder: Path, size: str, vocab: Path) -> None:
    """Writes a sentence-transformers folder with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(1)
    shape = SIZES[size]
    tokenizer = BertTokenizer(vocab=str(vocab), model_max_length=MAX_LENGTH)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=shape.hidden, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, intermediate_size=4 * shape.hidden, max_position_embeddings=MAX_LENGTH,
        # Wider than BERT's initial weights, so that the vectors of sentences differ.
        initializer_range=0.1,
    )
    plain = folder.with_name(f"{folder.name}-plain")
    BertModel(config).save_pretrained(plain)
    tokenizer.save_pretrained(plain)
    transformer = Transformer(str(plain), max_seq_length=MAX_LENGTH)
    SentenceTransformer(modules=[transformer, Pooling(shape.hidden, "mean")], device="cpu").save(str(folder))


def count_tokens(folder: Path, sentences: list[str]) -> int:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LENGTH)
    return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(sentences))


def cosine(path: Path, left: list[int], right: list[int]) -> np.ndarray:
    """Returns the cosine similarity of each pair."""
    vectors = np.load(path).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors[left] * vectors[right]).sum(1)


if __name__ == "__main__":
    main()
