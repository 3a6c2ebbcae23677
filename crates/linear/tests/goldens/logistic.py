"""Makes logistic.json: logistic regression by scikit-learn, fitted to its minimum.

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python logistic.py > logistic.json
"""

import json

import numpy
from sklearn.linear_model import LogisticRegression


def problem(rows, width, classes):
    """Numbers that the test makes as well: whole, over 64, with components of different spreads, and classes that depend on them."""
    values = [[(row * row * 31 + row * column * 17 + column * 53 + row) % 257 - 128 for column in range(width)] for row in range(rows)]
    scales = [2 ** (column % 4) for column in range(width)]
    features = [[value * scale / 64 + column for column, (value, scale) in enumerate(zip(row, scales))] for row in values]
    labels = [(row[0] + 2 * row[1] + row[2] + (at * at) % 97 + 1000) // 80 % classes for at, row in enumerate(values)]
    return features, labels


cases = []
for rows, width, classes in [(90, 7, 2), (120, 5, 4)]:
    features, labels = problem(rows, width, classes)
    for penalty in [0.25, 1.0, 32.0]:
        model = LogisticRegression(C=penalty, tol=1e-13, max_iter=100_000, solver="newton-cholesky")
        model.fit(numpy.array(features), labels)
        weights, intercepts = model.coef_, model.intercept_
        if classes > 2:
            # The softmax does not change when all outputs get the same intercept on top: the sum is not penalised.
            intercepts = intercepts - intercepts.mean()
        cases.append({
            "rows": rows, "width": width, "classes": classes, "inverse_penalty": penalty,
            "labels": labels, "weights": weights.tolist(), "intercepts": intercepts.tolist(),
        })
print(json.dumps(cases))
