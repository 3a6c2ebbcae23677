"""Makes multibootstrap.json: what the published Multi-Bootstrap (Sellam et al. 2022, Apache-2.0) says of small random
predictions, with the draws that it really used.

    curl -O https://raw.githubusercontent.com/google-research/language/c040a31519dc58c87de1a39fc3b03de6815d44fb/language/multiberts/multibootstrap.py
    pip install numpy==2.4.6 pandas==3.1.1 scikit-learn==1.9.1 scipy==1.17.1
    python crates/statistics/tests/goldens/multibootstrap.py PATH/TO/multibootstrap.py > multibootstrap.json

The published file is run as it is. Its random state is wrapped: each call of `choice` is written down, in the order in which the
file makes them (seeds of the base, seeds of the other side, examples; one call for both sides where seeds are paired).
"""

import importlib.util
import json
import sys
import warnings

import numpy
import pandas
from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")
EXAMPLES, DRAWS = 40, 24
SCORES = {
    "accuracy": lambda labels, predictions: metrics.accuracy_score(labels, predictions),
    "f1": lambda labels, predictions: metrics.f1_score(labels, predictions),
    "matthews": lambda labels, predictions: metrics.matthews_corrcoef(labels, predictions),
    "spearman": lambda labels, predictions: stats.spearmanr(predictions, labels).statistic,
}


class Recorder:
    """A random state that writes down the places of what it chose."""

    def __init__(self, seed):
        self.state = numpy.random.RandomState(seed)
        self.calls = []

    def choice(self, items, size, replace):
        count = items if isinstance(items, int) else len(items)
        places = self.state.choice(count, size=size, replace=replace)
        # Of a list the elements are the seeds' names, of a number the places themselves.
        names = None if isinstance(items, int) else list(items)
        self.calls.append((names, [int(place) for place in places]))
        return places if names is None else numpy.array(names)[places]


def published(path):
    specification = importlib.util.spec_from_file_location("multibootstrap", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def runs(nested, paired):
    """The runs: (seed, whether it is of the other side). Unpaired sides have different numbers of seeds."""
    sides = [[11, 12, 13, 14], [11, 12, 13, 14] if paired else [21, 22, 23, 24, 25]]
    found = []
    for other, seeds in enumerate(sides):
        for rank, seed in enumerate(seeds):
            # Nested: one to three runs for each seed, as where some failed.
            found += [(seed, bool(other))] * (1 + (rank + other) % 3 if nested else 1)
    # Seeds do not come in order.
    return [found[place] for place in numpy.random.RandomState(len(found)).permutation(len(found))]


def predicted(score, structure, generator):
    if score == "spearman":
        labels = generator.integers(0, 26, EXAMPLES) / 5
        noise = generator.normal(size=(len(structure), EXAMPLES))
        return labels, numpy.round(labels + noise * 1.5, 1)
    kinds = 3 if score == "matthews" else 2
    labels = generator.integers(0, kinds, EXAMPLES)
    guesses = generator.integers(0, kinds, (len(structure), EXAMPLES))
    knows = generator.random((len(structure), EXAMPLES)) < 0.6
    return labels, numpy.where(knows, labels, guesses)


def case(module, score, place, paired, nested, seeds=True, examples=True):
    generator = numpy.random.default_rng(place)
    structure = runs(nested, paired)
    labels, predictions = predicted(score, structure, generator)
    recorder = Recorder(place)
    samples = module.multibootstrap(
        pandas.DataFrame(structure, columns=["seed", "intervention"]),
        predictions,
        labels,
        SCORES[score],
        paired_seeds=paired,
        sample_seeds=seeds,
        sample_examples=examples,
        nboot=DRAWS,
        rng=recorder,
        verbose=False,
    )
    delta = module.report_ci(samples)["delta"]
    # One call for each thing that is drawn, over and over.
    a_draw = len(recorder.calls) // DRAWS
    assert a_draw * DRAWS == len(recorder.calls)
    seed_calls = (1 if paired else 2) if seeds else 0
    assert a_draw == seed_calls + int(examples)
    by_draw = [recorder.calls[a_draw * draw : a_draw * (draw + 1)] for draw in range(DRAWS)]
    orders = [names for names, _ in by_draw[0][:seed_calls]]
    return {
        "score": score,
        "paired": paired,
        "labels": labels.tolist(),
        "runs": [
            {"seed": seed, "other": other, "predictions": row.tolist()}
            for (seed, other), row in zip(structure, predictions)
        ],
        # The seeds in the order that picks count by; paired, one order is of both sides.
        "orders": [[int(name) for name in names] for names in orders],
        "picked": [[places for _, places in calls[:seed_calls]] for calls in by_draw],
        "examples": [calls[-1][1] for calls in by_draw] if examples else [],
        "differences": [float(other - base) for base, other in samples],
        "low": float(delta["low"]),
        "high": float(delta["high"]),
    }


def main():
    module = published(sys.argv[1])
    cases = []
    for score in SCORES:
        for paired in (True, False):
            for nested in (False, True):
                cases.append(case(module, score, len(cases), paired, nested))
            cases.append(case(module, score, len(cases), paired, True, seeds=False))
            cases.append(case(module, score, len(cases), paired, True, examples=False))
    # A case a line.
    print("[" + ",\n".join(json.dumps(one, separators=(",", ":"), allow_nan=False) for one in cases) + "]")


main()
