#!/usr/bin/env python3
"""Writes tests.jsonl: tests, effect sizes, agreement, power and distributions by independent libraries.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-tests.txt && .venv/bin/python generate_tests.py

With a number, each kind has that many times as many cases, and with a path they go there: for a comparison at large.

One JSON object a line: `id, function, class, inputs, params, expected, tolerance, source`, where a row must match within
`abs + rel * |expected|`. NaN and infinities are the strings "NaN", "Infinity" and "-Infinity". Inputs are of our own,
from a seeded generator: normal, skewed, ordinal with ties, and 0/1 data.
"""

import fractions
import json
import math
import pathlib
import sys
import warnings

import krippendorff
import mpmath
import numpy as np
import pingouin
import scipy.special
import scipy.stats as st
import sklearn.metrics
import statsmodels.api
import statsmodels.stats.contingency_tables as tables
import statsmodels.stats.effect_size as effect_size
import statsmodels.stats.inter_rater as inter_rater
import statsmodels.stats.multitest as multitest
import statsmodels.stats.power as power
import statsmodels.stats.proportion as proportion

warnings.simplefilter("ignore")
mpmath.mp.dps = 40

HERE = pathlib.Path(__file__).parent
MANY = int(sys.argv[1]) if len(sys.argv) > 1 else 1
TARGET = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "tests.jsonl"
RNG = np.random.Generator(np.random.PCG64(20260101))
ALTERNATIVES = ["two-sided", "less", "greater"]
LARGER = {"two-sided": "two-sided", "less": "smaller", "greater": "larger"}
LEVELS = [0.8, 0.9, 0.95, 0.99]

rows = []


def clean(value):
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [clean(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        value = float(value)
        if math.isnan(value):
            return "NaN"
        return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def case(function, inputs, params, expected, source, rel=1e-8, absolute=1e-12):
    number = sum(row["function"] == function for row in rows[-2000:]) if MANY == 1 else len(rows)
    rows.append(
        {
            "id": f"{function}-{number + 1:03}",
            "function": function,
            "class": "strict",
            "inputs": clean(inputs),
            "params": clean(params),
            "expected": clean(expected),
            "tolerance": {"type": "abs_rel", "abs": absolute, "rel": rel},
            "source": source,
        }
    )


def pick(items):
    return items[int(RNG.integers(len(items)))]


def sample(n, kind=None):
    kind = kind or pick(["normal", "lognormal", "ordinal", "binary", "rounded", "offset"])
    if kind == "normal":
        x = RNG.normal(0.3, 1.2, n)
    elif kind == "lognormal":
        x = RNG.lognormal(0, 1, n)
    elif kind == "ordinal":
        x = RNG.integers(1, 6, n).astype(float)
    elif kind == "binary":
        x = (RNG.uniform(size=n) < RNG.uniform(0.1, 0.9)).astype(float)
    elif kind == "rounded":
        x = np.round(RNG.normal(0.2, 1, n), 1)
    else:
        x = 1000.0 + RNG.normal(0, 1, n)
    return np.round(x, 6)


def spread(x):
    return len(x) > 1 and np.ptp(x) > 0


def times(count):
    return range(count * MANY)


def intervals():
    for _ in times(40):
        n = pick([1, 2, 5, 17, 100, 1319, 100_000])
        k = int(RNG.integers(0, n + 1))
        level = pick(LEVELS)
        for name, method in [
            ("wilson", "wilson"),
            ("clopper_pearson", "beta"),
            ("agresti_coull", "agresti_coull"),
            ("jeffreys", "jeffreys"),
            ("wald", "normal"),
        ]:
            if name == "wald" and k in (0, n):
                continue
            low, high = proportion.proportion_confint(k, n, 1 - level, method)
            expected = {"estimate": k / n, "low": low, "high": high}
            case(
                "proportion_ci",
                {"successes": k, "n": n},
                {"method": name, "confidence": level},
                expected,
                "statsmodels proportion_confint",
                1e-7,
                1e-10,
            )
        ci = st.binomtest(k, n).proportion_ci(level, "wilsoncc")
        case(
            "proportion_ci",
            {"successes": k, "n": n},
            {"method": "wilson_cc", "confidence": level},
            {"estimate": k / n, "low": max(ci.low, 0.0), "high": min(ci.high, 1.0)},
            "scipy binomtest",
            1e-7,
            1e-10,
        )
    for _ in times(15):
        n1, n2 = (int(RNG.integers(3, 200)) for _ in range(2))
        k1, k2 = int(RNG.integers(0, n1 + 1)), int(RNG.integers(0, n2 + 1))
        level = pick(LEVELS)
        for name, method in [("wald", "wald"), ("agresti-caffo", "agresti-caffo"), ("newcombe", "newcomb")]:
            low, high = proportion.confint_proportions_2indep(k1, n1, k2, n2, method, "diff", 1 - level)
            case(
                "proportion_diff_ci_independent",
                {"k1": k1, "n1": n1, "k2": k2, "n2": n2},
                {"method": name, "confidence": level},
                {"diff": k1 / n1 - k2 / n2, "low": low, "high": high},
                "statsmodels confint_proportions_2indep",
                1e-7,
                1e-10,
            )


def two_by_two():
    for _ in times(25):
        b, c = (int(RNG.integers(0, pick([4, 15, 80, 400]))) for _ in range(2))
        if b + c == 0:
            continue
        table = [[int(RNG.integers(0, 99)), b], [c, int(RNG.integers(0, 99))]]
        inputs = {"table": table, "b": b, "c": c}
        exact = tables.mcnemar(table, exact=True)
        case(
            "mcnemar",
            inputs,
            {"method": "exact"},
            {"statistic": exact.statistic, "pvalue": exact.pvalue},
            "statsmodels mcnemar",
            absolute=1e-300,
        )
        for correction in [False, True]:
            if correction and b == c:
                continue
            found = tables.mcnemar(table, exact=False, correction=correction)
            case(
                "mcnemar",
                inputs,
                {"method": "asymptotic", "correction": correction},
                {"statistic": found.statistic, "pvalue": found.pvalue},
                "statsmodels mcnemar",
                absolute=1e-300,
            )
        least, n = min(b, c), b + c
        midp = min(1.0, 2 * st.binom.cdf(least, n, 0.5) - st.binom.pmf(least, n, 0.5)) if b != c else 1.0
        case("mcnemar", inputs, {"method": "midp"}, {"pvalue": midp}, "scipy binom", absolute=1e-300)
    for _ in times(12):
        table = [[int(x) for x in row] for row in RNG.integers(1, pick([6, 25, 90]), (2, 2))]
        level = pick(LEVELS)
        whole = tables.Table2x2(np.array(table))
        low, high = whole.oddsratio_confint(1 - level)
        rlow, rhigh = whole.riskratio_confint(1 - level)
        conditional = st.contingency.odds_ratio(np.array(table))
        ci = conditional.confidence_interval(level)
        case(
            "odds_ratio",
            {"table": table},
            {"confidence": level},
            {
                "odds_ratio": whole.oddsratio,
                "wald_low": low,
                "wald_high": high,
                "log_se": whole.log_oddsratio_se,
                "risk_ratio": whole.riskratio,
                "rr_low": rlow,
                "rr_high": rhigh,
                "conditional_odds_ratio": conditional.statistic,
                "conditional_low": ci.low,
                "conditional_high": ci.high,
                "fisher_exact_p": st.fisher_exact(table).pvalue,
            },
            "statsmodels Table2x2; scipy odds_ratio",
            1e-6,
            1e-8,
        )
    for _ in times(12):
        n = int(RNG.integers(1, pick([10, 60, 3000])))
        k, p = int(RNG.integers(0, n + 1)), pick([0.1, 0.3, 0.5, 0.77, 0.99])
        for alternative in ALTERNATIVES:
            case(
                "binomtest",
                {"k": k, "n": n},
                {"p": p, "alternative": alternative},
                {"pvalue": st.binomtest(k, n, p, alternative).pvalue},
                "scipy binomtest",
                absolute=1e-300,
            )


def t_tests():
    for _ in times(15):
        a, b = sample(int(RNG.integers(2, 40))), sample(int(RNG.integers(2, 40)))
        level = pick(LEVELS)
        for alternative in ALTERNATIVES:

            def answer(found, level=level):
                ci = found.confidence_interval(level)
                return {
                    "statistic": found.statistic,
                    "pvalue": found.pvalue,
                    "df": found.df,
                    "ci_low": ci.low,
                    "ci_high": ci.high,
                }

            params = {"alternative": alternative, "confidence": level}
            if spread(a):
                case(
                    "ttest_1samp",
                    {"x": a},
                    {**params, "popmean": 0.25},
                    answer(st.ttest_1samp(a, 0.25, alternative=alternative)),
                    "scipy ttest_1samp",
                    1e-7,
                    1e-10,
                )
            if spread(a) or spread(b):
                for equal in [True, False]:
                    case(
                        "ttest_ind",
                        {"a": a, "b": b},
                        {**params, "equal_var": equal},
                        answer(st.ttest_ind(a, b, equal_var=equal, alternative=alternative)),
                        "scipy ttest_ind",
                        1e-7,
                        1e-10,
                    )
            n = min(len(a), len(b))
            if spread(a[:n] - b[:n]) and np.std(a[:n] - b[:n]) > 1e-9:
                case(
                    "ttest_paired",
                    {"a": a[:n], "b": b[:n]},
                    params,
                    answer(st.ttest_rel(a[:n], b[:n], alternative=alternative)),
                    "scipy ttest_rel",
                    1e-7,
                    1e-10,
                )


def rank_tests():
    for _ in times(20):
        d = sample(int(RNG.integers(2, pick([8, 14, 45, 90])))) - sample(1, "normal")[0] * RNG.integers(0, 2)
        if RNG.uniform() < 0.5:
            d = np.round(d * 2) / 2
        d = np.round(d, 6)
        if not np.any(d != 0):
            continue
        for zero_method in ["wilcox", "pratt", "zsplit"]:
            for method in ["auto", "exact", "asymptotic"]:
                if method == "exact" and len(d) > 60:
                    continue
                alternative, correction = pick(ALTERNATIVES), bool(RNG.integers(2))
                found = st.wilcoxon(
                    d, zero_method=zero_method, method=method, correction=correction, alternative=alternative
                )
                expected = {"statistic": found.statistic, "pvalue": found.pvalue}
                if method == "asymptotic":
                    expected["z"] = found.zstatistic
                case(
                    "wilcoxon",
                    {"d": d},
                    {
                        "zero_method": zero_method,
                        "method": method,
                        "correction": correction,
                        "alternative": alternative,
                    },
                    expected,
                    "scipy wilcoxon",
                )
    for _ in times(20):
        a, b = sample(int(RNG.integers(1, pick([9, 30])))), sample(int(RNG.integers(1, pick([9, 30]))))
        if len(set(a) | set(b)) < 2:
            continue
        for method in ["auto", "exact", "asymptotic"]:
            if method == "exact" and len(set(a) | set(b)) < len(a) + len(b):
                continue
            alternative, continuity = pick(ALTERNATIVES), bool(RNG.integers(2))
            found = st.mannwhitneyu(a, b, continuity, alternative, method=method)
            case(
                "mannwhitneyu",
                {"a": a, "b": b},
                {"method": method, "use_continuity": continuity, "alternative": alternative},
                {"statistic": found.statistic, "pvalue": found.pvalue},
                "scipy mannwhitneyu",
            )
        u = st.mannwhitneyu(a, b).statistic
        case(
            "cliffs_delta", {"a": a, "b": b}, {}, {"delta": 2 * u / (len(a) * len(b)) - 1, "U": u}, "scipy mannwhitneyu"
        )
    for _ in times(10):
        d = np.round(RNG.normal(0.2, 1, int(RNG.integers(1, 60))) * 2) / 2
        positive, negative = int((d > 0).sum()), int((d < 0).sum())
        if positive + negative:
            for alternative in ALTERNATIVES:
                case(
                    "sign_test",
                    {"d": d},
                    {"alternative": alternative},
                    {
                        "n_pos": positive,
                        "n_neg": negative,
                        "M": (positive - negative) / 2,
                        "pvalue": st.binomtest(positive, positive + negative, 0.5, alternative).pvalue,
                    },
                    "scipy binomtest",
                )


def permutations():
    def difference(a, b, axis):
        return np.mean(a, axis) - np.mean(b, axis)

    for _ in times(6):
        d = sample(int(RNG.integers(2, 10))) - 0.5
        a, b = sample(int(RNG.integers(2, 6))), sample(int(RNG.integers(2, 6)))
        for alternative in ALTERNATIVES:
            found = st.permutation_test(
                (d,),
                lambda x, axis: np.mean(x, axis),
                permutation_type="samples",
                n_resamples=np.inf,
                vectorized=True,
                alternative=alternative,
            )
            if np.any(d):
                case(
                    "permutation_paired",
                    {"d": d},
                    {"alternative": alternative},
                    {"statistic": found.statistic, "pvalue": found.pvalue},
                    "scipy permutation_test",
                    1e-9,
                )
            if len(set(a) | set(b)) > 1:
                found = st.permutation_test(
                    (a, b), difference, n_resamples=np.inf, vectorized=True, alternative=alternative
                )
                case(
                    "permutation_independent",
                    {"a": a, "b": b},
                    {"alternative": alternative},
                    {"statistic": found.statistic, "pvalue": found.pvalue},
                    "scipy permutation_test",
                    1e-9,
                )


def effects():
    for _ in times(12):
        a, b = sample(int(RNG.integers(3, 40)), "normal"), sample(int(RNG.integers(3, 40)), "lognormal")
        level, n = pick(LEVELS), None
        n = min(len(a), len(b))
        d = pingouin.compute_effsize(a, b, eftype="cohen")
        low, high = pingouin.compute_esci(d, len(a), len(b), confidence=level, decimals=12)
        factor, df = math.sqrt(1 / len(a) + 1 / len(b)), len(a) + len(b) - 2
        nct = effect_size._noncentrality_t(d / factor, df, 1 - level).confint * factor
        exact = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
        case(
            "cohens_d_independent",
            {"a": a, "b": b},
            {"confidence": level},
            {
                "d": d,
                "hedges_g": pingouin.compute_effsize(a, b, eftype="hedges"),
                "hedges_g_exactJ": d * exact,
                "ci_low_t_approx": low,
                "ci_high_t_approx": high,
                "ci_low_nct": nct[0],
                "ci_high_nct": nct[1],
            },
            "pingouin compute_effsize, compute_esci; statsmodels _noncentrality_t",
            1e-6,
            1e-8,
        )
        a, b = a[:n], b[:n]
        z = pingouin.compute_effsize(a, b, paired=True, eftype="cohen_dz")
        low, high = pingouin.compute_esci(z, n, n, paired=True, confidence=level, decimals=12)
        nct = effect_size._noncentrality_t(z * math.sqrt(n), n - 1, 1 - level).confint / math.sqrt(n)
        case(
            "cohens_d_paired",
            {"a": a, "b": b},
            {"confidence": level},
            {
                "d_z": z,
                "d_av": pingouin.compute_effsize(a, b, paired=True, eftype="cohen"),
                "hedges_g_av": pingouin.compute_effsize(a, b, paired=True, eftype="hedges"),
                "d_z_ci_low_t_approx": low,
                "d_z_ci_high_t_approx": high,
                "d_z_ci_low_nct": nct[0],
                "d_z_ci_high_nct": nct[1],
            },
            "pingouin; statsmodels _noncentrality_t",
            1e-6,
            1e-8,
        )
        p1, p2 = RNG.uniform(size=2)
        case(
            "cohens_h",
            {"p1": p1, "p2": p2},
            {},
            {"h": proportion.proportion_effectsize(p1, p2)},
            "statsmodels proportion_effectsize",
        )


def multiplicity():
    for _ in times(6):
        p = np.round(RNG.beta(0.4, 2, int(RNG.integers(1, 30))), 4)
        for name, method in [
            ("bonferroni",) * 2,
            ("sidak",) * 2,
            ("holm",) * 2,
            ("holm_sidak", "holm-sidak"),
            ("hochberg", "simes-hochberg"),
            ("hommel",) * 2,
            ("bh", "fdr_bh"),
            ("by", "fdr_by"),
        ]:
            reject, adjusted = multitest.multipletests(p, 0.05, method)[:2]
            case(
                "multiple_comparisons",
                {"p": p},
                {"method": name, "alpha": 0.05},
                {"adjusted": adjusted, "reject": reject},
                "statsmodels multipletests",
                1e-9,
                1e-15,
            )


def clusters():
    for _ in times(10):
        n = int(RNG.integers(6, 80))
        groups = RNG.integers(0, int(RNG.integers(2, 20)), n)
        x = np.round(RNG.normal(size=n) + groups * 0.2, 6)
        if len(set(groups)) < 2:
            continue
        for correction in [True, False]:
            for use_t in [True, False]:
                level = pick(LEVELS)
                fit = statsmodels.api.OLS(x, np.ones(n)).fit(
                    cov_type="cluster", cov_kwds={"groups": groups, "use_correction": correction}, use_t=use_t
                )
                low, high = fit.conf_int(1 - level)[0]
                case(
                    "cluster_se_mean",
                    {"x": x, "groups": groups},
                    {"small_sample_correction": correction, "use_t": use_t, "confidence": level},
                    {"mean": fit.params[0], "se": fit.bse[0], "low": low, "high": high},
                    "statsmodels OLS",
                    1e-8,
                    1e-10,
                )


def powers():
    for _ in times(12):
        effect, n, alpha = pick([0.1, 0.2, 0.35, 0.5, 0.8]), int(RNG.integers(5, 120)), pick([0.01, 0.05, 0.1])
        goal, ratio = pick([0.7, 0.8, 0.95]), pick([0.5, 1.0, 2.0])
        for alternative in ["two-sided", "larger"]:
            params = {"alpha": alpha, "alternative": alternative}
            found = power.TTestPower().power(effect, n, alpha, alternative=alternative)
            if not math.isnan(found):
                case(
                    "power_ttest_paired",
                    {},
                    {**params, "effect_size_dz": effect, "n": n},
                    {"power": found},
                    "statsmodels TTestPower",
                    1e-7,
                    1e-9,
                )
            found = power.TTestPower().solve_power(effect, None, alpha, goal, alternative)
            case(
                "power_ttest_paired",
                {},
                {**params, "effect_size_dz": effect, "power": goal},
                {"n": found},
                "statsmodels TTestPower",
                1e-6,
                2e-5,
            )
            found = power.TTestIndPower().power(effect, n, alpha, ratio, alternative=alternative)
            if not math.isnan(found):
                case(
                    "power_ttest_ind",
                    {},
                    {**params, "effect_size_d": effect, "n1": n, "ratio": ratio},
                    {"power": found},
                    "statsmodels TTestIndPower",
                    1e-7,
                    1e-9,
                )
            found = power.NormalIndPower().power(effect, n, alpha, ratio, alternative)
            case(
                "power_two_proportions_h",
                {},
                {**params, "effect_size_h": effect, "n1": n, "ratio": ratio},
                {"power": found},
                "statsmodels NormalIndPower",
                1e-7,
                1e-9,
            )
            found = power.NormalIndPower().solve_power(None, n, alpha, goal, ratio, alternative)
            case(
                "mde_two_proportions_h",
                {},
                {**params, "n1": n, "power": goal, "ratio": ratio},
                {"effect_size_h": float(found)},
                "statsmodels NormalIndPower",
                1e-6,
                1e-6,
            )
            p1, p2 = np.round(RNG.uniform(0.05, 0.95, 2), 3)
            found = proportion.power_proportions_2indep(p1 - p2, p2, n, ratio, alpha, alternative=alternative)
            case(
                "power_two_proportions",
                {},
                {**params, "p1": p1, "p2": p2, "n1": n, "ratio": ratio},
                {"power": found.power},
                "statsmodels power_proportions_2indep",
                1e-7,
                1e-9,
            )


def agreement():
    for _ in times(12):
        n, k = int(RNG.integers(3, 80)), int(RNG.integers(2, 7))
        a = RNG.integers(0, k, n)
        b = np.where(RNG.uniform(size=n) < 0.6, a, RNG.integers(0, k, n))
        labels = sorted(set(a) | set(b))
        if len(labels) > 1:
            table = sklearn.metrics.confusion_matrix(a, b, labels=labels)
            for weights in ["none", "linear", "quadratic"]:
                kappa = sklearn.metrics.cohen_kappa_score(a, b, weights=None if weights == "none" else weights)
                result = inter_rater.cohens_kappa(table, wt=None if weights == "none" else weights)
                case(
                    "cohens_kappa",
                    {"a": a, "b": b},
                    {"weights": weights},
                    {
                        "kappa": kappa,
                        "observed_agreement": np.mean(a == b),
                        "se": result.std_kappa,
                        "low": result.kappa_low,
                        "high": result.kappa_upp,
                    },
                    "scikit-learn cohen_kappa_score, statsmodels cohens_kappa",
                    1e-8,
                    1e-9,
                )
        ratings = RNG.integers(0, k, (n, int(RNG.integers(2, 5))))
        ratings[:, 0] = ratings[:, 1]
        table = inter_rater.aggregate_raters(ratings)[0]
        if table.shape[1] > 1:
            case(
                "fleiss_kappa",
                {"ratings_items_by_raters": ratings},
                {},
                {"kappa": inter_rater.fleiss_kappa(table), "randolph": inter_rater.fleiss_kappa(table, "randolph")},
                "statsmodels fleiss_kappa",
                1e-9,
            )
        ratings = np.where(RNG.uniform(size=ratings.shape) < 0.2, np.nan, ratings)
        for level in ["nominal", "ordinal", "interval", "ratio"]:
            try:
                alpha = krippendorff.alpha(ratings.T, level_of_measurement=level)
            except ValueError:
                continue
            if not math.isnan(alpha):
                case(
                    "krippendorff_alpha",
                    {"ratings_raters_by_items": ratings.T},
                    {"level": level},
                    {"alpha": alpha},
                    "krippendorff",
                    1e-9,
                )
    for _ in times(20):
        n = int(RNG.integers(4, 60))
        a, b = sample(n), sample(n)
        if RNG.uniform() < 0.5:
            b = np.round(b + a, 6)
        if not (spread(a) and spread(b)):
            continue
        alternative, level = pick(ALTERNATIVES), pick(LEVELS)
        found = st.pearsonr(a, b, alternative=alternative)
        ci = found.confidence_interval(level)
        params = {"alternative": alternative, "confidence": level}
        case(
            "pearson",
            {"a": a, "b": b},
            params,
            {"r": found.statistic, "pvalue": found.pvalue, "low": ci.low, "high": ci.high},
            "scipy pearsonr",
            1e-7,
            1e-9,
        )
        found = st.spearmanr(a, b, alternative=alternative)
        case(
            "spearman",
            {"a": a, "b": b},
            params,
            {"rho": found.statistic, "pvalue": found.pvalue},
            "scipy spearmanr",
            1e-7,
            1e-9,
        )
        for variant in "bc":
            for method in ["auto", "asymptotic"]:
                found = st.kendalltau(a, b, method=method, variant=variant, alternative=alternative)
                case(
                    "kendall",
                    {"a": a, "b": b},
                    {**params, "variant": variant, "method": method},
                    {"tau": found.statistic, "pvalue": found.pvalue},
                    "scipy kendalltau",
                    1e-7,
                    1e-10,
                )


def passes():
    for _ in times(15):
        n = int(RNG.integers(1, 200))
        c, k = int(RNG.integers(0, n + 1)), int(RNG.integers(1, n + 1))
        exact = 1 - fractions.Fraction(math.comb(n - c, k), math.comb(n, k))
        case("pass_at_k", {"n": n, "c": c}, {"k": k}, {"pass_at_k": float(exact)}, "python fractions", 1e-9)


def distributions():
    for _ in times(15):
        x = round(RNG.normal() * pick([1, 5, 15]), 3)
        case(
            "norm_cdf",
            {"x": x},
            {},
            {"value": float(mpmath.ncdf(x)), "sf": float(mpmath.ncdf(-x))},
            "mpmath",
            1e-12,
            1e-300,
        )
        df, t = pick([1, 2, 3.5, 9, 40, 1e3, 1e6]), round(RNG.normal() * pick([1, 4, 20]), 3)
        two = float(mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, df / (df + mpmath.mpf(t) ** 2), True))
        if two > 1e-300:
            case("t_two_sided_p", {"t": t, "df": df}, {}, {"value": two}, "mpmath", 1e-9, 1e-300)
        df, x = pick([1, 2, 5, 17, 300]), round(float(RNG.uniform(0, 3)) * pick([1, 10, 100]), 3)
        upper = float(mpmath.gammainc(mpmath.mpf(df) / 2, mpmath.mpf(x) / 2, mpmath.inf, True))
        case("chi2_sf", {"x": x, "df": df}, {}, {"value": upper}, "mpmath", 1e-10, 1e-300)
        a, b, x = pick([0.5, 1, 3, 40, 900]), pick([0.5, 2, 11, 300]), round(float(RNG.uniform(0.001, 0.999)), 4)
        lower = float(mpmath.betainc(a, b, 0, x, True))
        case("beta_cdf", {"a": a, "b": b, "x": x}, {}, {"value": lower}, "mpmath", 1e-9, 1e-300)
        p = pick([1e-6, 0.01, 0.025, 0.5, 0.975])
        case(
            "beta_ppf",
            {"a": a, "b": b, "p": p},
            {},
            {"value": float(scipy.special.betaincinv(a, b, p))},
            "scipy betaincinv",
            1e-9,
            1e-14,
        )
        n = pick([5, 60, 2000])
        k, p = int(RNG.integers(0, n)), pick([0.02, 0.3, 0.5, 0.9])
        total = sum(mpmath.binomial(n, j) * mpmath.mpf(p) ** j * (1 - mpmath.mpf(p)) ** (n - j) for j in range(k + 1))
        case("binom_cdf", {"k": k, "n": n, "p": p}, {}, {"value": float(total)}, "mpmath", 1e-9, 1e-300)
        df, p = pick([1, 2, 3, 7, 29, 1000]), round(float(RNG.uniform(0.001, 0.999)), 4)
        case("t_ppf", {"p": p, "df": df}, {}, {"value": float(st.t.ppf(p, df))}, "scipy t.ppf", 1e-8)


def descriptions():
    for _ in times(10):
        x = sample(int(RNG.integers(2, 60)))
        probabilities = [0, 0.025, 0.25, 0.5, 0.9, 1]
        case(
            "descriptive",
            {"x": x},
            {"quantiles": probabilities},
            {
                "n": len(x),
                "mean": np.mean(x),
                "var": np.var(x, ddof=1),
                "std": np.std(x, ddof=1),
                "sem": st.sem(x),
                "median": np.median(x),
                "quantiles": np.quantile(x, probabilities),
                "min": min(x),
                "max": max(x),
            },
            "numpy",
            1e-9,
        )
        statistics = {"mean": np.mean, "median": np.median, "std": lambda x: np.std(x, ddof=1)}
        for name, statistic in statistics.items():
            jackknife = np.array([statistic(np.delete(x, i)) for i in range(len(x))])
            u = jackknife.mean() - jackknife
            if len(x) > 3 and np.ptp(jackknife) > 1e-9:
                case(
                    "bca_acceleration",
                    {"x": x},
                    {"statistic": name},
                    {"acceleration": (u**3).sum() / (6 * (u**2).sum() ** 1.5), "theta_hat": statistic(x)},
                    "numpy, leaving out one value at a time",
                    1e-6,
                    1e-7,
                )


for make in [
    intervals,
    two_by_two,
    t_tests,
    rank_tests,
    permutations,
    effects,
    multiplicity,
    clusters,
    powers,
    agreement,
    passes,
    distributions,
    descriptions,
]:
    make()
with TARGET.open("w") as file:
    for row in rows:
        file.write(json.dumps(row) + "\n")
print(len(rows), "rows")
