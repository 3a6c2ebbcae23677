"""Makes bag_of_words.json: fits of scikit-learn on small generated examples.

    pip install scikit-learn==1.9.1 numpy
    python stages/baseline/tests/goldens/bag_of_words.py
"""

import json
import pathlib
import random
import re

import numpy
from sklearn.linear_model import LogisticRegression, Ridge

WORDS = "the A dog Cat it's runs, sleeps. Über red-hot not very 42 house; sees? with \"this\" and".split()


def words(sentence):
    return re.findall(r"[^\W_]+|[^\w\s]|_", sentence.lower())


def features(first, second):
    counts = {}
    for word in words(first):
        counts["1", word] = counts.get(("1", word), 0) + 1
    for word in words(second or ""):
        counts["2", word] = counts.get(("2", word), 0) + 1
        if word in words(first):
            counts["both", word] = 1
    return counts


def golden(draws, kind, classes, pairs, inverse_penalty):
    sentence = lambda: " ".join(draws.choices(WORDS, k=draws.randint(1, 9)))
    examples = []
    for _ in range(60):
        first, second = sentence(), sentence() if pairs else None
        signal = len(set(words(first)) & set(words(second))) if pairs else first.count("not")
        noisy = signal + draws.random() * 2
        label = min(5.0, round(noisy, 2)) if kind == "regression" else min(classes - 1, int(noisy))
        examples.append((first, second, label))
    rows = [features(first, second) for first, second, _ in examples]
    columns = sorted(set().union(*rows))
    matrix = numpy.array([[row.get(column, 0) for column in columns] for row in rows], float)
    labels = numpy.array([label for _, _, label in examples])
    if kind == "regression":
        model = Ridge(alpha=1 / inverse_penalty, tol=1e-14).fit(matrix, labels)
        predictions = model.predict(matrix)[:, None]
    else:
        model = LogisticRegression(C=inverse_penalty, tol=1e-12, max_iter=100_000).fit(matrix, labels)
        predictions = model.predict_proba(matrix)
    return {
        "kind": kind,
        "classes": classes,
        "inverse_penalty": inverse_penalty,
        "examples": examples,
        "predictions": predictions.round(9).tolist(),
        "columns": len(columns),
        "squares": float((model.coef_**2).sum()),
    }


draws = random.Random(1)
goldens = [
    golden(draws, "classification", 2, False, 1.0),
    golden(draws, "classification", 3, True, 0.5),
    golden(draws, "regression", 0, True, 0.1),
]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in goldens) + "\n]\n")
