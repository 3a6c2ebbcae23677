"""Turns text into Parquet with Hugging Face's tokenizers; `tokens.py` runs it. Prints a JSON line, as pipe's
`tokenize_bench` does."""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers.implementations import BertWordPieceTokenizer

# Number of lines that are tokenised at a time: enough for all threads, and few enough for memory.
LINES = 8192


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("vocab")
    options.add_argument("text", type=Path)
    options.add_argument("out", type=Path)
    given = options.parse_args()
    # The wrapper's `_tokenizer` has the call that leaves offsets out, the fastest there is.
    tokenizer = BertWordPieceTokenizer.from_file(given.vocab)._tokenizer
    tokenizer.encode_batch_fast(["a word"])

    start = time.perf_counter()
    schema = pa.schema([pa.field("input_ids", pa.list_(pa.int32()))])
    tokens = 0
    with given.text.open(encoding="utf-8", newline="\n") as text, \
            pq.ParquetWriter(given.out, schema, compression="zstd", compression_level=1) as writer:
        while lines := [line.rstrip("\n") for line in islice(text, LINES)]:
            found = tokenizer.encode_batch_fast(lines, add_special_tokens=False)
            rows = [np.array(encoding.ids, np.int32) for encoding in found]
            offsets = np.zeros(len(rows) + 1, np.int32)
            np.cumsum([len(row) for row in rows], out=offsets[1:])
            column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(rows)))
            writer.write_table(pa.table([column], schema=schema))
            tokens += int(offsets[-1])
    seconds = time.perf_counter() - start
    print(json.dumps({"bytes": given.text.stat().st_size, "tokens": tokens, "seconds": seconds}))


if __name__ == "__main__":
    main()
