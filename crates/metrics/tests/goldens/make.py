"""Makes metrics.json: scores of small random lists by scikit-learn and SciPy.

    pip install numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1
    python make.py > metrics.json

Where SciPy gives NaN (a constant list), the file has null.
"""

import json
import math
import warnings

import numpy
from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")
generator = numpy.random.default_rng(20220216)


def or_none(value):
    return None if math.isnan(value) else float(value)


def classes(count, kinds, agreement):
    labels = generator.integers(0, kinds, count)
    guesses = generator.integers(0, kinds, count)
    predictions = numpy.where(generator.random(count) < agreement, labels, guesses)
    return predictions.tolist(), labels.tolist()


classification = []
cases = [classes(count, 2, 0.6) for count in (1, 2, 7, 50, 211)]
cases += [classes(count, 3, 0.5) for count in (9, 120)]
cases += [([0, 0, 0], [0, 0, 0]), ([1, 1, 1], [0, 1, 0]), ([0, 0, 0], [0, 1, 0]), ([1, 0], [0, 1])]
for predictions, labels in cases:
    binary_predictions = [int(value == 1) for value in predictions]
    binary_labels = [int(value == 1) for value in labels]
    classification.append({
        "predictions": predictions,
        "labels": labels,
        "accuracy": float(metrics.accuracy_score(labels, predictions)),
        "f1": float(metrics.f1_score(binary_labels, binary_predictions, zero_division=0)),
        "matthews": float(metrics.matthews_corrcoef(labels, predictions)),
    })


def numbers(count, noise, left_decimals, right_decimals):
    right = generator.random(count) * 5
    left = right / 5 + generator.normal(size=count) * noise
    return left.round(left_decimals).tolist(), right.round(right_decimals).tolist()


correlation = []
cases = [
    numbers(2, 0.1, 6, 6),
    numbers(30, 0.3, 9, 9),
    numbers(150, 0.5, 1, 1),  # Ties in both lists.
    numbers(150, 0.2, 12, 0),  # Gold scores in whole numbers.
    ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
    ([1e-8, 3e-8, 2e-8, 2e-8], [5.0, 1.0, 3.0, 3.0]),
    ([1e6 + value for value in (0.25, 0.5, 0.75, 1.5)], [1.0, 2.0, 2.0, 3.0]),
]
for left, right in cases:
    correlation.append({
        "left": left,
        "right": right,
        "pearson": or_none(stats.pearsonr(left, right)[0]),
        "spearman": or_none(stats.spearmanr(left, right)[0]),
    })

spread = []
for count in (2, 3, 5, 20):
    values = (80 + generator.normal(size=count)).tolist()
    spread.append({
        "values": values,
        "mean": float(numpy.mean(values)),
        "standard_deviation": float(numpy.std(values, ddof=1)),
    })

print(json.dumps({"classification": classification, "correlation": correlation, "spread": spread}))
