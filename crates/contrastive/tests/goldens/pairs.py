"""Makes pairs.json: contrastive losses and their gradients, by PyTorch in 64 bits.

    python pairs.py > pairs.json

Needs torch alone. Vectors are drawn by NumPy's generator with a fixed seed, and rounded to 32 bits.
"""

import json

import numpy
import torch

WIDTH = 12


def case(generator, count, negatives, similarity, temperature, weight):
    views = [
        torch.tensor(generator.normal(size=(count, WIDTH)).astype(numpy.float32).astype(numpy.float64), requires_grad=True)
        for _ in range(3 if negatives else 2)
    ]
    anchors, others = views[0], torch.cat(views[1:])
    if similarity == "cosine":
        logits = torch.nn.functional.cosine_similarity(anchors[:, None], others[None], dim=2)
    else:
        logits = anchors @ others.T
    logits = logits / temperature
    if negatives:
        # simcse/models.py, lines 204 to 210: the weight's logarithm is added to an anchor's own hard negative.
        own = torch.cat([torch.zeros(count, count), torch.eye(count) * numpy.log(weight)], dim=1)
        logits = logits + own
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(count), reduction="sum")
    loss.backward()
    flat = lambda tensor: [float(value) for value in tensor.detach().flatten()]
    return {
        "similarity": similarity,
        "temperature": temperature,
        "negative_weight": weight,
        "views": [flat(view) for view in views],
        "loss": float(loss.detach()),
        "gradients": [flat(view.grad) for view in views],
    }


def main():
    generator = numpy.random.default_rng(0)
    cases = [
        case(generator, 1, False, "cosine", 0.05, 1.0),
        case(generator, 5, False, "cosine", 0.05, 1.0),
        case(generator, 4, True, "cosine", 0.05, 1.0),
        case(generator, 4, True, "cosine", 0.1, 2.0),
        case(generator, 6, True, "dot", 1.0, 0.5),
        case(generator, 6, False, "dot", 1.0, 1.0),
    ]
    print(json.dumps({"width": WIDTH, "cases": cases}, indent=1))


main()
