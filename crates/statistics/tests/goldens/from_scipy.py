"""Makes from_scipy.json: t tests, the t distribution and permutation tests of SciPy, and Holm's correction of statsmodels.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
    python crates/statistics/tests/goldens/from_scipy.py > crates/statistics/tests/goldens/from_scipy.json
"""

import itertools
import json
import warnings

import numpy
from scipy import stats
from statsmodels.stats.multitest import multipletests

warnings.simplefilter("ignore")
generator = numpy.random.default_rng(20220616)
LEVEL = 0.95


def sample(count, middle, spread):
    return (middle + spread * generator.normal(size=count)).tolist()


def tested(result):
    interval = result.confidence_interval(LEVEL)
    return {
        "t": float(result.statistic),
        "freedom": float(result.df),
        "p": float(result.pvalue),
        "low": float(interval.low),
        "high": float(interval.high),
    }


def t_tests():
    paired, fixed, unpaired = [], [], []
    for count, shift, spread in itertools.product((2, 3, 5, 20, 400), (0.0, 0.3, 30.0), (1e-3, 1.0)):
        base, other = sample(count, 80.0, spread), sample(count, 80.0 + shift, 2 * spread)
        paired.append({"base": base, "other": other} | tested(stats.ttest_rel(other, base)))
    for count, shift in itertools.product((2, 3, 10, 50), (0.0, 2.0)):
        scores = sample(count, 70.0 + shift, 1.0)
        fixed.append({"base": [70.0], "other": scores} | tested(stats.ttest_1samp(numpy.array(scores) - 70.0, 0.0)))
    # Spreads and sizes far apart: the degrees of freedom are near those of the smaller sample.
    for sizes, shift, spreads in itertools.product(
        ((2, 2), (3, 4), (10, 3), (5, 300)), (0.0, 0.5, 20.0), ((1.0, 1.0), (1e-3, 3.0), (2.0, 1e-6))
    ):
        base, other = sample(sizes[0], 60.0, spreads[0]), sample(sizes[1], 60.0 + shift, spreads[1])
        unpaired.append({"base": base, "other": other} | tested(stats.ttest_ind(other, base, equal_var=False)))
    return {"paired": paired, "fixed": fixed, "unpaired": unpaired}


def distribution():
    """Quantiles, and probabilities of |T| >= |t|, over a grid."""
    freedoms = [1.0, 1.3, 2.0, 2.5, 3.0, 4.0, 7.0, 10.0, 19.5, 30.0, 100.0, 999.0, 1e4, 1e5]
    levels = [0.5, 0.55, 0.7, 0.8, 0.9, 0.975, 0.995, 0.9999, 1 - 1e-6, 1 - 1e-9, 1 - 1e-12]
    probabilities = [1.0, 0.999, 0.9, 0.5, 0.2, 0.1, 0.05, 1e-2, 1e-3, 1e-5, 1e-8, 1e-10, 1e-12]
    quantiles = [[freedom, level, float(stats.t.isf(1 - level, freedom))] for freedom in freedoms for level in levels]
    tails = []
    for freedom, probability in itertools.product(freedoms, probabilities):
        t = float(stats.t.isf(probability / 2, freedom))
        tails.append([freedom, t, float(2 * stats.t.sf(t, freedom))])
    normals = [[level, float(stats.norm.isf(1 - level))] for level in levels]
    return {"quantiles": quantiles, "tails": tails, "normals": normals}


def permutations():
    """Exact tests; whole numbers make ties."""
    paired, unpaired = [], []
    mean = lambda x, axis: numpy.mean(x, axis=axis)
    difference = lambda x, y, axis: numpy.mean(x, axis=axis) - numpy.mean(y, axis=axis)
    for count, shift, whole in itertools.product((2, 3, 5, 8, 11), (0.0, 0.8), (False, True)):
        values = sample(count, shift, 1.0)
        values = [round(2 * value) for value in values] if whole else values
        result = stats.permutation_test(
            (values,), mean, permutation_type="samples", n_resamples=numpy.inf, vectorized=True
        )
        paired.append({"other": values, "p": float(result.pvalue)})
    for sizes, shift, whole in itertools.product(
        ((2, 2), (2, 3), (4, 3), (5, 5), (7, 6)), (0.0, 2.0), (False, True)
    ):
        base, other = sample(sizes[0], 5.0, 1.0), sample(sizes[1], 5.0 + shift, 1.0)
        if whole:
            base, other = [round(value) for value in base], [round(value) for value in other]
        result = stats.permutation_test(
            (other, base), difference, permutation_type="independent", n_resamples=numpy.inf, vectorized=True
        )
        unpaired.append({"base": base, "other": other, "p": float(result.pvalue)})
    return {"paired": paired, "unpaired": unpaired}


def holm():
    lists = [generator.random(count) ** 3 for count in (1, 2, 10, 40)]
    lists += [numpy.array([0.01, 0.01, 0.04, 0.03, 0.03]), numpy.array([0.0, 1.0, 0.5])]
    return [[values.tolist(), multipletests(values, method="holm")[1].tolist()] for values in lists]


sections = {
    "t_tests": t_tests(),
    "distribution": distribution(),
    "permutations": permutations(),
    "holm": holm(),
}
print(json.dumps(sections, separators=(",", ":"), allow_nan=False).replace("],[", "],\n[").replace("},{", "},\n{"))
