"""Trains a naive Bayes classifier on a GLUE task: counts of words by label. Needs nothing but Python."""

import argparse
import collections
import csv
import json
import os

TEXTS = ("sentence", "sentence1", "sentence2", "question")


def examples(path):
    """Yields the words and the label of each line."""
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            words = " ".join(row[name] for name in TEXTS if name in row).lower().split()
            yield words, row["label"]


def progress(done, total):
    """Tells the runner how far the work is, if a runner is there."""
    if "PIPE_PROGRESS_FD" in os.environ:
        line = json.dumps({"done": done, "total": total, "unit": "example"})
        os.write(int(os.environ["PIPE_PROGRESS_FD"]), line.encode() + b"\n")


arguments = argparse.ArgumentParser()
arguments.add_argument("--data", required=True)
arguments.add_argument("--out", required=True)
arguments.add_argument("--limit", type=int, required=True, help="examples to learn from")
arguments = arguments.parse_args()

lines = list(examples(os.path.join(arguments.data, "train.tsv")))[: arguments.limit]
labels, words = collections.Counter(), collections.defaultdict(collections.Counter)
for done, (text, label) in enumerate(lines, start=1):
    labels[label] += 1
    words[label].update(text)
    if done % 100 == 0:
        progress(done, len(lines))

with open(arguments.out, "w", encoding="utf-8") as file:
    json.dump({"labels": labels, "words": words}, file, sort_keys=True)
print(f"learnt from {len(lines)} examples")
