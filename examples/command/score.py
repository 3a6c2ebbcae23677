"""Scores a naive Bayes classifier (train.py) on the development set of a GLUE task."""

import argparse
import csv
import json
import math
import os

TEXTS = ("sentence", "sentence1", "sentence2", "question")

arguments = argparse.ArgumentParser()
arguments.add_argument("--model", required=True)
arguments.add_argument("--data", required=True)
arguments.add_argument("--out", required=True)
arguments.add_argument("--smoothing", type=float, required=True)
arguments = arguments.parse_args()

with open(arguments.model, encoding="utf-8") as file:
    model = json.load(file)
vocabulary = {word for counts in model["words"].values() for word in counts}
totals = {label: sum(counts.values()) for label, counts in model["words"].items()}


def likelihood(label, words):
    counts, total = model["words"][label], totals[label] + arguments.smoothing * len(vocabulary)
    known = (counts.get(word, 0) + arguments.smoothing for word in words if word in vocabulary)
    return math.log(model["labels"][label]) + sum(math.log(count / total) for count in known)


right = examples = 0
with open(os.path.join(arguments.data, "dev.tsv"), encoding="utf-8") as file:
    for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
        words = " ".join(row[name] for name in TEXTS if name in row).lower().split()
        guess = max(sorted(model["labels"]), key=lambda label: likelihood(label, words))
        right += guess == row["label"]
        examples += 1

score = {"name": "accuracy", "value": 100 * right / examples, "unit": "%", "split": "validation", "examples": examples}
with open(arguments.out, "w", encoding="utf-8") as file:
    json.dump([score], file)
