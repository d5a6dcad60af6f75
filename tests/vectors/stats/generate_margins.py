#!/usr/bin/env python3
"""Writes margins.jsonl: margins, repeats, missing values, Hall's interval and paired comparisons of corpora.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-margins.txt && .venv/bin/python generate_margins.py

The format is that of generate_tests.py. Margins of shares come from a likelihood that is maximised numerically, Hall's
interval from an equation that is solved numerically, the components of repeats from statsmodels' analysis of variance and
pingouin, corpora from sacrebleu's scores: all exchanges of rows for approximate randomization, sacrebleu's own paired test for
its bootstrap. A p-value that is drawn has as its tolerance five standard errors of both sides.
"""

import itertools
import json
import logging
import math
import pathlib
import warnings

import numpy as np
import pandas as pd
import pingouin
import scipy.optimize as opt
import scipy.stats as st
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.weightstats import ttost_paired

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

HERE = pathlib.Path(__file__).parent
RNG = np.random.Generator(np.random.PCG64(20260303))
LEVELS = [0.9, 0.95, 0.99]

rows = []


def case(function, inputs, params, expected, source, rel=1e-8, absolute=1e-10):
    number = sum(row["function"] == function for row in rows) + 1
    rows.append(
        {
            "id": f"{function}-{number:03}",
            "function": function,
            "class": "strict",
            "inputs": inputs,
            "params": params,
            "expected": {name: float(value) for name, value in expected.items()},
            "tolerance": {"type": "abs_rel", "abs": absolute, "rel": rel},
            "source": source,
        }
    )


def pick(items):
    return items[int(RNG.integers(len(items)))]


def numbers(n):
    kind = pick(["normal", "exponential", "ordinal"])
    if kind == "normal":
        x = RNG.normal(0.1, 1, n)
    elif kind == "exponential":
        x = RNG.exponential(1, n)
    else:
        x = RNG.integers(1, 6, n).astype(float)
    return np.round(x, 6)


def means_with_margins():
    for _ in range(30):
        n = pick([3, 8, 25, 120])
        a, b = numbers(n), numbers(n)
        margin, level = float(np.round(RNG.uniform(0.05, 1.5), 3)), pick(LEVELS)
        p, lower, _ = ttost_paired(a, b, -margin, margin)
        d = a - b
        half = st.t.ppf(level, n - 1) * d.std(ddof=1) / math.sqrt(n)
        inputs = {"a": a.tolist(), "b": b.tolist()}
        params = {"margin": margin, "confidence": level}
        source = "statsmodels ttost_paired; scipy t"
        low, high = d.mean() - half, d.mean() + half
        case("equivalence", inputs, params, {"pvalue": p, "ci_low": low, "ci_high": high}, source)
        expected = {"pvalue": lower[1], "statistic": lower[0], "ci_low": low}
        case("non_inferiority", inputs, params, expected, source)


def score(b, c, n, delta, correction):
    """The score of the hypothesis, its nuisance parameter by numerical maximisation of the likelihood."""

    def log(count, share):
        return 0.0 if count == 0 else count * math.log(share) if share > 0 else -math.inf

    def likelihood(c_share):
        b_share = c_share + delta
        return -(log(b, b_share) + log(c, c_share) + log(n - b - c, 1 - b_share - c_share))

    least, most = max(0.0, -delta), (1 - delta) / 2
    # Golden sections in two steps, for the first has no more than the root of the precision.
    best = opt.minimize_scalar(likelihood, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x

    def slope(x):
        ends = [b / (x + delta) if b else 0.0, c / x if c else 0.0]
        return sum(ends) - 2 * (n - b - c) / (1 - 2 * x - delta)

    width = 1e-4 * (most - least)
    low, high = max(best - width, least + 1e-15), min(best + width, most - 1e-15)
    if slope(low) > 0 > slope(high):
        best = opt.brentq(slope, low, high, xtol=1e-16)
    elif slope(low) <= 0:
        best = least
    variance = n * (2 * best + delta - delta * delta)
    return (b - c - n * delta - correction) / math.sqrt(variance)


def score_bound(b, c, n, z, least, most):
    return opt.brentq(lambda delta: score(b, c, n, delta, math.copysign(0.25, z)) - z, least, most, xtol=1e-13)


def shares_with_margins():
    for _ in range(40):
        n = pick([20, 60, 200, 1000])
        differ = int(RNG.binomial(n, pick([0.05, 0.1, 0.3])))
        b = int(RNG.binomial(differ, pick([0.3, 0.5, 0.6])))
        c = differ - b
        margin, level = float(np.round(RNG.uniform(0.02, 0.2), 3)), pick(LEVELS)
        above, below = score(b, c, n, -margin, 0.25), score(b, c, n, margin, -0.25)
        z = st.norm.ppf(level)
        estimate = (b - c) / n
        low = score_bound(b, c, n, z, -0.999, estimate - 1e-9)
        high = score_bound(b, c, n, -z, estimate + 1e-9, 0.999)
        both = int(RNG.integers(0, n - differ + 1))
        inputs = {"both": both, "b": b, "c": c, "neither": n - differ - both}
        params = {"margin": margin, "confidence": level}
        source = "T. Tango (1998), maximised numerically, corrected by 1/4"
        expected = {"pvalue": st.norm.sf(above), "statistic": above, "ci_low": low}
        case("non_inferiority_counts", inputs, params, expected, source, 1e-6, 1e-8)
        p = max(st.norm.sf(above), st.norm.cdf(below))
        case("equivalence_counts", inputs, params, {"pvalue": p, "ci_low": low, "ci_high": high}, source, 1e-6, 1e-8)


def repeats():
    for index in range(20):
        groups, balanced = pick([4, 12, 40]), index % 2 == 0
        size = pick([2, 3, 8])
        sizes = [size] * groups if balanced else [int(RNG.integers(1, 9)) for _ in range(groups)]
        sizes[0] = max(sizes[0], 2)
        example = np.repeat(np.arange(groups), sizes)
        x = np.round(RNG.normal(0, 1, groups)[example] + RNG.normal(0, pick([0.5, 1.0]), len(example)), 6)
        frame = pd.DataFrame({"x": x, "example": example})
        table = anova_lm(ols("x ~ C(example)", frame).fit())
        between, within = table["mean_sq"]
        n0 = (len(x) - sum(s * s for s in sizes) / len(x)) / (groups - 1)
        component = max(0.0, (between - within) / n0)
        means = frame.groupby("example")["x"].mean()
        level = pick(LEVELS)
        half = st.t.ppf((1 + level) / 2, groups - 1) * means.std(ddof=1) / math.sqrt(groups)
        expected = {
            "mean": means.mean(),
            "within": within,
            "between": component,
            "ci_low": means.mean() - half,
            "ci_high": means.mean() + half,
        }
        if balanced and component > 0:
            frame["repeat"] = frame.groupby("example").cumcount()
            table = pingouin.intraclass_corr(frame, targets="example", raters="repeat", ratings="x")
            first = table[table["Type"].isin(["ICC1", "ICC(1,1)"])]
            expected["icc"] = first["ICC"].iloc[0]
        inputs = {"x": x.tolist(), "examples": example.tolist()}
        case("two_level_mean", inputs, {"confidence": level}, expected, "statsmodels anova_lm; pingouin", 1e-8)


def missing():
    for _ in range(8):
        n, m = int(RNG.integers(1, 12)), int(RNG.integers(0, 6))
        x = np.round(RNG.uniform(0, 1, n), 4)
        low, high = (np.concatenate([x, np.full(m, end)]).mean() for end in (0.0, 1.0))
        inputs = {"mean": float(x.mean()), "n": n, "n_missing": m}
        case("missing_mean", inputs, {"range": [0.0, 1.0]}, {"low": low, "high": high}, "numpy")
    for _ in range(8):
        n = int(RNG.integers(2, 6))
        pairs = [
            [None if RNG.random() < 0.3 else float(np.round(RNG.uniform(0, 1), 3)) for _ in "ab"] for _ in range(n)
        ]
        holes = [(i, k) for i in range(n) for k in range(2) if pairs[i][k] is None]
        found = []
        for fill in itertools.product([0.0, 1.0], repeat=len(holes)):
            filled = [list(pair) for pair in pairs]
            for (i, k), value in zip(holes, fill, strict=True):
                filled[i][k] = value
            found.append(np.mean([a - b for a, b in filled]))
        case(
            "missing_difference",
            {"pairs": pairs},
            {"range": [0.0, 1.0]},
            {"low": min(found), "high": max(found)},
            "numpy",
        )


def deviation(skewness, n, bound):
    """The w that Hall's transformation takes to the bound."""

    def equation(w):
        return w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * n) - bound / math.sqrt(n)

    return opt.brentq(equation, -1e4, 1e4, xtol=1e-14, rtol=1e-14)


def hall():
    for _ in range(30):
        n = pick([2, 5, 12, 40, 300])
        x = numbers(n)
        while np.ptp(x) == 0:
            x = numbers(n)
        level = pick([0.8, 0.9, 0.95, 0.99])
        mean, skewness, kurtosis = x.mean(), st.skew(x), st.kurtosis(x)
        t = st.t.ppf((1 + level) / 2, n - 1)
        light = min(0.0, max(-1 / 32, kurtosis / (6 * n)))
        t *= 1 + light * (1 + 2 * min(4.0, t * t))

        std = x.std(ddof=1)
        expected = {"low": mean - std * deviation(skewness, n, t), "high": mean - std * deviation(skewness, n, -t)}
        case(
            "hall_ci",
            {"x": x.tolist()},
            {"confidence": level},
            expected,
            "P. Hall (1992), solved numerically",
            1e-7,
            1e-9,
        )


TEXT = "the a cat dog bird sat ran slept on under near mat tree house old small red and then quickly away"
WORDS = TEXT.split()


def corpus(n, noise):
    references = [" ".join(pick(WORDS) for _ in range(int(RNG.integers(5, 14)))) for _ in range(n)]

    def system(noise):
        texts = []
        for reference in references:
            words = [pick(WORDS) if RNG.random() < noise else word for word in reference.split()]
            texts.append(" ".join(words))
        return texts

    return references, system(noise), system(noise + 0.08)


def difference(metric, first, second):
    score = metric._compute_score_from_stats
    return (score(first.tolist()).score - score(second.tolist()).score) / 100


def corpora():
    for n, noise in [(10, 0.2), (11, 0.5), (60, 0.3)]:
        references, a, b = corpus(n, noise)
        inputs = {"candidate": a, "baseline": b, "references": references}
        for name, metric in [("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())]:
            stats = [np.array(metric._extract_corpus_statistics(texts, [references])) for texts in (a, b)]

            seen = difference(metric, stats[0].sum(0), stats[1].sum(0))
            source = "sacrebleu"
            case("corpus_difference", inputs, {"metric": name}, {"estimate": seen}, source, 1e-9, 1e-12)
            if n <= 11:
                sizes = []
                for swap in itertools.product([0, 1], repeat=n):
                    keep = np.array(swap)[:, None]
                    first = (keep * stats[0] + (1 - keep) * stats[1]).sum(0)
                    second = (keep * stats[1] + (1 - keep) * stats[0]).sum(0)
                    sizes.append(abs(difference(metric, first, second)))
                p = np.mean(np.array(sizes) >= abs(seen) - 1e-12)
                tolerance = 5 * math.sqrt(p * (1 - p) / 10_000) + 2e-4
                params = {"metric": name, "method": "approximate_randomization", "n_resamples": 10_000}
                case(
                    "corpus_comparison", inputs, params, {"pvalue": p}, "sacrebleu scores, all exchanges", 0, tolerance
                )
                continue
            drawn = RNG.integers(0, n, (4000, n))
            differences = np.array([difference(metric, stats[0][i].sum(0), stats[1][i].sum(0)) for i in drawn])
            deviations = np.abs(differences - differences.mean())
            p = np.mean(deviations >= abs(seen))
            params = {"metric": name, "method": "paired_bootstrap", "n_resamples": 10_000}
            tolerance = 5 * math.sqrt(p * (1 - p) * (1 / 4000 + 1 / 10_000)) + 1e-3
            case("corpus_comparison", inputs, params, {"pvalue": p}, "sacrebleu scores, resampled", 0, tolerance)
            for method, kind in [("sacrebleu_bootstrap", "bs"), ("approximate_randomization", "ar")]:
                systems = [("baseline", b), ("candidate", a)]
                tested = PairedTest(systems, {name: metric}, [references], kind, 4000)()[1]
                p = next(results for key, results in tested.items() if key != "System")[1].p_value
                params = {"metric": name, "method": method, "n_resamples": 10_000}
                tolerance = 5 * math.sqrt(p * (1 - p) * (1 / 4000 + 1 / 10_000)) + 1e-3
                case("corpus_comparison", inputs, params, {"pvalue": p}, "sacrebleu PairedTest", 0, tolerance)


for make in [means_with_margins, shares_with_margins, repeats, missing, hall, corpora]:
    make()
with (HERE / "margins.jsonl").open("w") as file:
    for row in rows:
        file.write(json.dumps(row) + "\n")
print(f"{len(rows)} rows")
