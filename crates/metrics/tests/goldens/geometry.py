"""Makes geometry.json: how vectors lie in their space, by NumPy and SciPy.

    python geometry.py > geometry.json

Alignment and uniformity are those of Wang and Isola's `align_uniform`; IsoScore follows Rudman et al. 2022, section 4.
"""

import json

import numpy
from scipy.spatial.distance import pdist

COUNT, WIDTH = 40, 6


def isoscore(variances):
    n = len(variances)
    normalised = numpy.sqrt(n) * variances / numpy.linalg.norm(variances)
    defect = numpy.linalg.norm(normalised - 1) / numpy.sqrt(2 * (n - numpy.sqrt(n)))
    used = (n - defect**2 * (n - numpy.sqrt(n))) ** 2 / n**2
    return (n * used - 1) / (n - 1)


def main():
    generator = numpy.random.default_rng(0)
    vectors = generator.normal(size=(COUNT, WIDTH)) * numpy.arange(1, WIDTH + 1) + 0.5
    vectors = vectors.astype(numpy.float32).astype(numpy.float64)
    units = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [(place, place + 1) for place in range(0, COUNT, 4)]
    singular = numpy.linalg.svd(vectors, compute_uv=False)
    shares = singular / singular.sum()
    cosines = units @ units.T
    covariance = numpy.cov(vectors.T)
    values, basis = numpy.linalg.eigh(covariance)
    print(
        json.dumps(
            {
                "vectors": vectors.tolist(),
                "pairs": pairs,
                "alignment": float(numpy.mean([((units[a] - units[b]) ** 2).sum() for a, b in pairs])),
                "uniformity": float(numpy.log(numpy.mean(numpy.exp(-2 * pdist(units) ** 2)))),
                "mean_cosine": float(cosines[numpy.triu_indices(COUNT, 1)].mean()),
                "singular": singular.tolist(),
                "effective_rank": float(numpy.exp(-(shares * numpy.log(shares)).sum())),
                "variances": values[::-1].tolist(),
                "components": numpy.abs(basis[:, ::-1].T).tolist(),
                "isotropy": float(isoscore(values)),
            },
            indent=1,
        )
    )


main()
