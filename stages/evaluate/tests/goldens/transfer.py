"""Makes transfer.json: SentEval's transfer protocol in its scikit-learn mode, on small made-up sets.

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python transfer.py > transfer.json

With two arguments it scores real ones instead, with the vectors that `pipe` has made: the folder of a `benchmarks` artifact of task
`transfer` and that of an `embed` artifact of its sentences (`pip install pyarrow`); it prints the accuracies,
by scikit-learn's default and at the minimum.

    python transfer.py BENCHMARK EMBEDDINGS

The protocol is that of SentEval's validation.py, binary.py, sst.py, trec.py and mrpc.py: what is sorted, split, searched and rounded.
"""

import json
import pathlib
import sys

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

SEED = 1111
SMALL = [2.0**t for t in range(-2, 4)]
LARGE = [2.0**t for t in range(-1, 6)]
# What SentEval leaves at its default (L-BFGS with tol=1e-4 and max_iter=100), and a fit that goes on to the minimum. The default stops far
# from it where vectors hardly vary, as those of an encoder that has learnt little: 55.6 on TREC where the minimum has 62.0.
DEFAULT, TIGHT = {}, {"solver": "newton-cholesky", "tol": 1e-8, "max_iter": 1000}


def folds(k):
    return StratifiedKFold(n_splits=k, shuffle=True, random_state=SEED)


def fit(x, y, penalty, options):
    return LogisticRegression(C=penalty, random_state=SEED, **options).fit(x, y)


def choose(x, y, k, grid, options):
    means = []
    for penalty in grid:
        scores = [fit(x[a], y[a], penalty, options).score(x[b], y[b]) for a, b in folds(k).split(x, y)]
        means.append(round(100 * numpy.mean(scores), 2))
    return grid[int(numpy.argmax(means))]


def nested(x, y, k, options):
    scores = []
    for a, b in folds(k).split(x, y):
        penalty = choose(x[a], y[a], k, SMALL, options)
        scores.append(fit(x[a], y[a], penalty, options).score(x[b], y[b]))
    return 100 * float(numpy.mean(scores))


def by_folds(train, test, k, options):
    penalty = choose(*train, k, LARGE, options)
    return 100 * float(fit(*train, penalty, options).score(*test))


def by_validation(train, validation, test, options):
    scores = [round(100 * fit(*train, penalty, options).score(*validation), 2) for penalty in SMALL]
    return 100 * float(fit(*train, SMALL[int(numpy.argmax(scores))], options).score(*test))


def numbers(examples, vector):
    """Features and labels of (sentence, sentence or None, label) examples, in SentEval's order."""
    length = lambda text: len(text.split()) if text else 0
    ordered = sorted(examples, key=lambda one: (length(one[0]), length(one[1]), one[2]))
    rows = []
    for first, second, _ in ordered:
        if second is None:
            rows.append(vector(first))
        else:
            u, v = vector(first), vector(second)
            rows.append(numpy.concatenate([numpy.abs(u - v), u * v]))
    return numpy.array(rows, dtype=numpy.float64), numpy.array([int(label) for *_, label in ordered])


def score(splits, vector, k, options):
    """The accuracy on a set, by its splits."""
    parts = {name: numbers(examples, vector) for name, examples in splits.items()}
    if list(parts) == ["all"]:
        return nested(*parts["all"], k, options)
    if "validation" in parts:
        return by_validation(parts["train"], parts["validation"], parts["test"], options)
    return by_folds(parts["train"], parts["test"], k, options)


WIDTH = 6
# Of each set: the splits with their numbers of examples, and the number of classes.
SETS = {
    "mr": ({"all": 130}, 2),
    "cr": ({"all": 90}, 2),
    "subj": ({"all": 120}, 2),
    "mpqa": ({"all": 101}, 2),
    "sst2": ({"train": 120, "validation": 60, "test": 70}, 2),
    "trec": ({"train": 180, "test": 60}, 6),
    "mrpc": ({"train": 110, "test": 60}, 2),
}


def made_up(place, split, count, classes, pairs):
    """Examples of a set that the test makes as well: sentences whose first word is a number, of one to five words."""
    examples = []
    for at in range(count):
        number = 100_000 * place + 10_000 * split + at
        label = at % classes if classes > 2 else (at * at // 3) % classes
        # The number decides the vector; its last digit is the class.
        word = lambda number: f"{10 * number + label}" + " word" * (number * 7 % 5)
        examples.append((word(number), word(number + 5_000) if pairs else None, label))
    return examples


def made_up_vector(sentence):
    number = int(sentence.split()[0])
    own, label = divmod(number, 10)
    noise = [(own * own * 31 + own * column * 17 + column * 53) % 257 - 128 for column in range(WIDTH)]
    return numpy.array([(noise[column] + 60 * label * (column % 3 - 1)) / 64 for column in range(WIDTH)], dtype=numpy.float32)


def real(benchmark, embeddings):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(pathlib.Path(embeddings) / "embeddings.parquet")
    vectors = dict(zip(table["sentence"].to_pylist(), numpy.array(table["vector"].to_pylist(), dtype=numpy.float32)))
    sets = {}
    rows = pyarrow.parquet.read_table(pathlib.Path(benchmark) / "examples.parquet").to_pylist()
    for row in rows:
        splits = sets.setdefault(row["set"], {})
        splits.setdefault(row["split"], []).append((row["sentence1"], row["sentence2"], row["label"]))
    for name, splits in sets.items():
        for options in (DEFAULT, TIGHT):
            name = f"{name} {score(splits, vectors.__getitem__, 10, options):.4f}"
        print(name, flush=True)


if len(sys.argv) == 3:
    real(*sys.argv[1:])
else:
    golden = {}
    for place, (name, (splits, classes)) in enumerate(SETS.items()):
        examples = {
            split: made_up(place, number, count, classes, name == "mrpc")
            for number, (split, count) in enumerate(splits.items())
        }
        golden[name] = {
            "default": score(examples, made_up_vector, 5, DEFAULT),
            "minimum": score(examples, made_up_vector, 5, TIGHT),
        }
    print(json.dumps(golden, indent=1))
