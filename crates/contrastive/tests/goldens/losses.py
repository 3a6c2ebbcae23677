"""Makes supervised.json and tokens.json: losses over vectors and their gradients, by PyTorch in 64 bits.

    python losses.py

Needs torch and NumPy. Vectors are drawn by NumPy's generator with a fixed seed, and rounded to 32 bits.
"""

import json
import pathlib

import numpy
import torch

WIDTH = 12
HERE = pathlib.Path(__file__).parent


def drawn(generator, count):
    values = generator.normal(size=(count, WIDTH)).astype(numpy.float32).astype(numpy.float64)
    return torch.tensor(values, requires_grad=True)


def flat(tensor):
    return [float(value) for value in tensor.detach().flatten()]


def supervised(generator, classes, temperature):
    """Gunel et al. 2021, equation 3, summed over the examples: written out as the sums stand there."""
    vectors = drawn(generator, len(classes))
    units = torch.nn.functional.normalize(vectors, dim=1)
    exponentials = torch.exp(units @ units.T / temperature)
    loss = torch.zeros((), dtype=torch.float64)
    for i, own in enumerate(classes):
        positives = [j for j, other in enumerate(classes) if other == own and j != i]
        others = sum(exponentials[i, k] for k in range(len(classes)) if k != i)
        for j in positives:
            loss = loss - torch.log(exponentials[i, j] / others) / len(positives)
    loss.backward()
    return {
        "classes": classes,
        "temperature": temperature,
        "vectors": flat(vectors),
        "loss": float(loss.detach()),
        "gradient": flat(vectors.grad),
    }


def tokens(generator, length, places, temperature):
    """TaCL, bert_contrastive.py: cosines of all places of student and teacher, and the cross-entropy of the masked rows."""
    student, teacher = drawn(generator, length), drawn(generator, length)
    cosines = torch.nn.functional.normalize(student, dim=1) @ torch.nn.functional.normalize(teacher, dim=1).T
    losses = torch.nn.functional.cross_entropy(cosines / temperature, torch.arange(length), reduction="none")
    loss = losses[places].sum()
    loss.backward()
    return {
        "places": places,
        "temperature": temperature,
        "student": flat(student[places]),
        "teacher": flat(teacher),
        "loss": float(loss.detach()),
        "gradient": flat(student.grad[places]),
    }


def main():
    generator = numpy.random.default_rng(1)
    cases = [
        supervised(generator, [0, 1, 0, 1, 1, 0, 0], 0.3),
        supervised(generator, [2, 0, 1, 0, 0, 1], 0.1),
        supervised(generator, [0, 0], 0.7),
        supervised(generator, [1, 1, 1, 1, 1], 0.5),
    ]
    (HERE / "supervised.json").write_text(json.dumps({"width": WIDTH, "cases": cases}, indent=1) + "\n")
    cases = [
        tokens(generator, 7, [0, 2, 5, 6], 0.01),
        tokens(generator, 5, [3], 0.1),
        tokens(generator, 20, list(range(20)), 0.05),
    ]
    (HERE / "tokens.json").write_text(json.dumps({"width": WIDTH, "cases": cases}, indent=1) + "\n")


main()
