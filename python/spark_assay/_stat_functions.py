"""Statistics as SQL functions; `spark_assay.functions` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call, column, option_columns

__all__ = [
    "assay_on_driver",
    "bootstrap_ci",
    "cliffs_delta",
    "cluster_mean_ci",
    "cohens_d",
    "cohens_h",
    "cohens_kappa",
    "compare_corpus_bleu",
    "compare_corpus_chrf",
    "compare_corpus_ter",
    "compare_paired",
    "compare_paired_clustered",
    "equivalence_test",
    "fleiss_kappa",
    "hedges_g",
    "kendall_tau",
    "krippendorff_alpha",
    "mann_whitney_test",
    "mcnemar_test",
    "mde_independent_t",
    "mde_paired_t",
    "mde_two_proportions_h",
    "non_inferiority_test",
    "odds_ratio",
    "p_adjust",
    "paired_t_test",
    "pass_at_k",
    "pass_hat_k",
    "pearson",
    "permutation_test",
    "permutation_test_unpaired",
    "power_independent_t",
    "power_mcnemar",
    "power_paired_t",
    "power_two_proportions",
    "power_two_proportions_h",
    "rank_biserial",
    "ratio_ci",
    "risk_difference",
    "sample_size_independent_t",
    "sample_size_mcnemar",
    "sample_size_paired_t",
    "sample_size_two_proportions",
    "sample_size_two_proportions_h",
    "sign_test",
    "spearman",
    "weighted_mean_ci",
    "welch_t_test",
    "wilcoxon_test",
]


def assay_on_driver(statistic: Column) -> Column:
    """The same statistic, computed by the driver on all its cores, from the states that executors made.

    For few groups of a statistic that takes long, such as a bootstrap: elsewhere it is computed where Spark runs the
    last step of the aggregate, on one core for each group. All states travel to the driver, so they must fit there.

    Args:
        statistic: A call of a statistic, over a GROUP BY or over all rows, not over a window.

    Returns:
        What the statistic gives, to the last bit.

    Examples:
        >>> df = spark.createDataFrame([(1,), (2,), (4,), (8,), (9,)], "x INT")
        >>> r = df.select(assay_on_driver(bootstrap_ci("x", statistic="median"))).first()[0]
        >>> r.estimate, r.lower, r.upper
        (4.0, 1.0, 9.0)
    """
    return call("assay_on_driver", statistic)


def bootstrap_ci(
    x: ColumnOrName,
    *,
    statistic: Literal["mean", "median", "std", "quantile", "trimmed_mean"] | None = None,
    q: float | None = None,
    proportiontocut: float | None = None,
    method: Literal["auto", "bca", "percentile", "basic", "bootstrap_t", "bca_analytic"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """A statistic with its bootstrap interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        statistic: What is computed of each resample, ``mean`` by default; ``std`` has n - 1.
        q: The probability of ``quantile``, 0.5 by default.
        proportiontocut: The share that ``trimmed_mean`` leaves out at each end, 0.1 by default.
        method: How the interval is made; ``auto`` (default) is ``bca``. ``bootstrap_t`` and ``bca_analytic`` are for
            the mean.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1,), (2,), (4,), (8,), (9,)]
        >>> df = spark.createDataFrame(rows, "x INT")
        >>> r = df.select(bootstrap_ci("x", statistic="median")).first()[0]
        >>> r.estimate, r.lower, r.upper
        (4.0, 1.0, 9.0)
    """
    options = {
        "statistic": statistic,
        "q": q,
        "proportiontocut": proportiontocut,
        "method": method,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return _statistic("bootstrap_ci", options, column(x))


def cluster_mean_ci(
    x: ColumnOrName,
    cluster: ColumnOrName,
    *,
    correction: Literal["cr0", "cr1", "cr2"] | None = None,
    use_t: bool | None = None,
    level: float | None = None,
) -> Column:
    """The mean of rows that come in clusters, with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        cluster: Of any type but MAP; equal values are one cluster.
        correction: How the variance is corrected for few clusters, ``cr2`` by default.
        use_t: Whether quantiles are those of t, which is the default, or normal.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, "a"), (1, "a"), (0, "b"), (1, "c")]
        >>> df = spark.createDataFrame(rows, "x INT, c STRING")
        >>> r = df.select(cluster_mean_ci("x", "c")).first()[0]
        >>> r.estimate, r.method
        (0.75, 'cr2')
    """
    options = {"correction": correction, "use_t": use_t, "level": level}
    return _statistic("cluster_mean_ci", options, column(x), column(cluster))


def weighted_mean_ci(
    x: ColumnOrName,
    w: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """The weighted mean with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        w: The weights, 0 or more, of any scale.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 3), (0, 1)]
        >>> df = spark.createDataFrame(rows, "x INT, w INT")
        >>> r = df.select(weighted_mean_ci("x", "w")).first()[0]
        >>> r.estimate
        0.75
    """
    options = {"level": level}
    return _statistic("weighted_mean_ci", options, column(x), column(w))


def ratio_ci(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """The ratio of two sums with its interval, such as dollars per answer: an aggregate.

    Args:
        a: What is above. A row with a NULL is left out and counted.
        b: What is below.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 2), (3, 2)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(ratio_ci("a", "b")).first()[0]
        >>> r.estimate
        1.0
    """
    options = {"level": level}
    return _statistic("ratio_ci", options, column(a), column(b))


def pass_at_k(
    n: ColumnOrName,
    c: ColumnOrName,
    k: int,
    *,
    level: float | None = None,
) -> Column:
    """The probability that one at least of ``k`` attempts succeeds, with its interval: an aggregate over problems.

    Args:
        n: Attempts at the problem. A row with a NULL is left out and counted.
        c: How many of them succeeded.
        k: How many attempts are made. Problems of fewer attempts are left out and counted.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(4, 2), (4, 4)]
        >>> df = spark.createDataFrame(rows, "n INT, c INT")
        >>> r = df.select(pass_at_k("n", "c", 2)).first()[0]
        >>> round(r.estimate, 4)
        0.9167
    """
    options = {"level": level}
    return _statistic("pass_at_k", options, column(n), column(c), F.lit(k))


def pass_hat_k(
    n: ColumnOrName,
    c: ColumnOrName,
    k: int,
    *,
    level: float | None = None,
) -> Column:
    """The probability that all of ``k`` attempts succeed, with its interval: an aggregate over problems.

    Args:
        n: Attempts at the problem. A row with a NULL is left out and counted.
        c: How many of them succeeded.
        k: How many attempts are made. Problems of fewer attempts are left out and counted.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(4, 2), (4, 4)]
        >>> df = spark.createDataFrame(rows, "n INT, c INT")
        >>> r = df.select(pass_hat_k("n", "c", 2)).first()[0]
        >>> round(r.estimate, 4)
        0.5833
    """
    options = {"level": level}
    return _statistic("pass_hat_k", options, column(n), column(c), F.lit(k))


def paired_t_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Student's t test that the mean difference of pairs is 0: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(paired_t_test("a", "b")).first()[0]
        >>> r.estimate, round(r.statistic, 3), round(r.p_value, 3)
        (1.5, 2.535, 0.064)
    """
    options = {"alternative": alternative, "level": level}
    return _statistic("paired_t_test", options, column(candidate), column(baseline))


def wilcoxon_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    zero_method: Literal["wilcox", "pratt", "zsplit"] | None = None,
    method: Literal["auto", "exact", "asymptotic"] | None = None,
    correction: bool | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Wilcoxon's signed-rank test of pairs: an aggregate. The estimate is that of Hodges and Lehmann.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        zero_method: What is done with differences of zero, ``wilcox`` by default: dropped, ranked and then dropped,
            or shared between both signs.
        method: How the p-value is computed; ``auto`` (default) is exact for few values without ties.
        correction: Whether the normal approximation is corrected for continuity; not by default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(wilcoxon_test("a", "b")).first()[0]
        >>> r.statistic, r.p_value
        (1.0, 0.125)
    """
    options = {
        "zero_method": zero_method,
        "method": method,
        "correction": correction,
        "alternative": alternative,
        "level": level,
    }
    return _statistic("wilcoxon_test", options, column(candidate), column(baseline))


def mcnemar_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    method: Literal["midp", "exact", "asymptotic", "corrected"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """McNemar's test of pairs of 0 and 1: an aggregate. The estimate is the difference of the shares of 1.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        method: How the p-value is computed, ``midp`` by default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(mcnemar_test("a", "b", method="exact")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3), r.n_discordant
        (0.6, 0.25, 3)
    """
    options = {"method": method, "alternative": alternative, "level": level}
    return _statistic("mcnemar_test", options, column(candidate), column(baseline))


def sign_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """The test that pairs differ upwards as often as downwards: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(sign_test("a", "b")).first()[0]
        >>> r.estimate, round(r.p_value, 3)
        (0.6, 0.375)
    """
    options = {"alternative": alternative, "level": level}
    return _statistic("sign_test", options, column(candidate), column(baseline))


def permutation_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """The test that the mean difference of pairs is 0 by turning signs, exact for few pairs: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(permutation_test("a", "b")).first()[0]
        >>> r.estimate, r.p_value, r.method
        (1.5, 0.125, 'exact')
    """
    options = {"alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return _statistic("permutation_test", options, column(candidate), column(baseline))


def compare_paired(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    kind: Literal["auto", "binary", "bounded", "ordinal", "unbounded"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether pairs differ, by the test that suits what the values are: an aggregate. ``method`` says which test.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        kind: What the values are; ``auto`` (default) is ``binary`` where all of them are 0 or 1, else ``unbounded``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(compare_paired("a", "b")).first()[0]
        >>> r.method, r.p_value
        ('mcnemar_midp', 0.125)
    """
    options = {"kind": kind, "alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return _statistic("compare_paired", options, column(candidate), column(baseline))


def compare_paired_clustered(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    cluster: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether pairs differ that come in clusters: an aggregate. ``method`` says by which test.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        cluster: Of any type but MAP; equal values are one cluster.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0, "x"), (6.0, 5.0, "x"), (4.0, 4.5, "y"), (8.0, 6.0, "z")]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE, c STRING")
        >>> r = df.select(compare_paired_clustered("a", "b", "c")).first()[0]
        >>> r.estimate, r.method
        (1.125, 'cluster_permutation')
    """
    options = {"alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return _statistic("compare_paired_clustered", options, column(candidate), column(baseline), column(cluster))


def non_inferiority_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    margin: float,
    kind: Literal["auto", "binary", "bounded", "ordinal", "unbounded"] | None = None,
    level: float | None = None,
) -> Column:
    """The test that the candidate is not worse than the baseline by ``margin`` or more: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        margin: The largest difference that does not matter, above 0.
        kind: What the values are; ``auto`` (default) is ``binary`` where all of them are 0 or 1, else ``unbounded``.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(non_inferiority_test("a", "b", margin=1.0)).first()[0]
        >>> round(r.p_value, 3)
        0.007
    """
    options = {"margin": margin, "kind": kind, "level": level}
    return _statistic("non_inferiority_test", options, column(candidate), column(baseline))


def equivalence_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    margin: float,
    kind: Literal["auto", "binary", "bounded", "ordinal", "unbounded"] | None = None,
    level: float | None = None,
) -> Column:
    """The test that candidate and baseline differ by less than ``margin``: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        margin: The largest difference that does not matter, above 0.
        kind: What the values are; ``auto`` (default) is ``binary`` where all of them are 0 or 1, else ``unbounded``.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(equivalence_test("a", "b", margin=4.0)).first()[0]
        >>> round(r.p_value, 3)
        0.007
    """
    options = {"margin": margin, "kind": kind, "level": level}
    return _statistic("equivalence_test", options, column(candidate), column(baseline))


def risk_difference(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """The difference of the shares of 1 in pairs of 0 and 1, with Tango's interval: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(risk_difference("a", "b")).first()[0]
        >>> round(r.estimate, 3), r.method
        (0.6, 'tango')
    """
    options = {"alternative": alternative, "level": level}
    return _statistic("risk_difference", options, column(candidate), column(baseline))


def welch_t_test(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    equal_var: bool | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Welch's t test that two samples have one mean: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        equal_var: Whether both are taken to have one variance, which is Student's test; not by default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(welch_t_test("x", "c")).first()[0]
        >>> round(r.estimate, 3), round(r.statistic, 3)
        (2.667, 2.53)
    """
    options = {"equal_var": equal_var, "alternative": alternative, "level": level}
    return _statistic("welch_t_test", options, column(x), column(is_candidate))


def mann_whitney_test(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    method: Literal["auto", "exact", "asymptotic"] | None = None,
    use_continuity: bool | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """The test of Mann and Whitney of two samples: an aggregate. The estimate is that of Hodges and Lehmann.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        method: How the p-value is computed; ``auto`` (default) is exact for few values without ties.
        use_continuity: Whether the normal approximation is corrected for continuity, which is the default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(mann_whitney_test("x", "c")).first()[0]
        >>> r.statistic
        8.5
    """
    options = {"method": method, "use_continuity": use_continuity, "alternative": alternative, "level": level}
    return _statistic("mann_whitney_test", options, column(x), column(is_candidate))


def permutation_test_unpaired(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """The test that two samples have one mean by splitting all values anew, exact for few: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(permutation_test_unpaired("x", "c")).first()[0]
        >>> r.p_value, r.method
        (0.2, 'exact')
    """
    options = {"alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return _statistic("permutation_test_unpaired", options, column(x), column(is_candidate))


def cohens_d(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    variant: Literal["d_z", "d_av", "d_av_mean_of_sds", "d_rm"] | None = None,
    interval: Literal["auto", "noncentral_t", "t_approx"] | None = None,
    level: float | None = None,
) -> Column:
    """Cohen's d of pairs or of two samples, with its interval: an aggregate.

    Args:
        a: The candidate of a pair, or the value of a row. A row with a NULL is left out and counted.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        variant: What the mean difference of pairs is divided by, ``d_z`` by default: the deviation of the
            differences.
        interval: How the interval is made; ``auto`` (default) is ``noncentral_t`` where there is one.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(cohens_d("a", "b")).first()[0]
        >>> round(r.estimate, 3), r.method
        (1.134, 'd_z')
    """
    options = {"variant": variant, "interval": interval, "level": level}
    return _statistic("cohens_d", options, column(a), column(b))


def hedges_g(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    variant: Literal["d_z", "d_av", "d_av_mean_of_sds", "d_rm"] | None = None,
    correction: Literal["approximate", "exact"] | None = None,
    interval: Literal["auto", "noncentral_t", "t_approx"] | None = None,
    level: float | None = None,
) -> Column:
    """Hedges' g, which is Cohen's d without its bias in small samples, with its interval: an aggregate.

    Args:
        a: The candidate of a pair, or the value of a row. A row with a NULL is left out and counted.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        variant: What the mean difference of pairs is divided by, ``d_z`` by default: the deviation of the
            differences.
        correction: How the bias is corrected: ``approximate`` (default) or by the gamma function.
        interval: How the interval is made; ``auto`` (default) is ``noncentral_t`` where there is one.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(hedges_g("x", "c")).first()[0]
        >>> round(r.estimate, 3)
        1.652
    """
    options = {"variant": variant, "correction": correction, "interval": interval, "level": level}
    return _statistic("hedges_g", options, column(a), column(b))


def cliffs_delta(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """Cliff's delta of two samples, with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(cliffs_delta("x", "c")).first()[0]
        >>> round(r.estimate, 3)
        0.889
    """
    options = {"level": level}
    return _statistic("cliffs_delta", options, column(x), column(is_candidate))


def rank_biserial(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """The rank-biserial correlation of pairs, or Cliff's delta of two samples, with its interval: an aggregate.

    Args:
        a: The candidate of a pair, or the value of a row. A row with a NULL is left out and counted.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(rank_biserial("a", "b")).first()[0]
        >>> round(r.estimate, 3)
        0.867
    """
    options = {"level": level}
    return _statistic("rank_biserial", options, column(a), column(b))


def cohens_h(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """Cohen's h of the shares of 1 in two samples, with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, True), (0, True), (0, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(cohens_h("x", "c")).first()[0]
        >>> round(r.estimate, 3)
        1.571
    """
    options = {"level": level}
    return _statistic("cohens_h", options, column(x), column(is_candidate))


def odds_ratio(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    kind: Literal["sample", "conditional"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """The odds ratio of two samples of 0 and 1, with Fisher's exact test, or of the pairs that differ: an aggregate.

    Args:
        a: The candidate of a pair, or the value of a row. A row with a NULL is left out and counted.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        kind: Of two samples: a d / (b c) (default), or the likeliest given the sums of rows and columns.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, True), (1, True), (0, True), (1, False), (0, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(odds_ratio("x", "c")).first()[0]
        >>> r.estimate
        2.0
    """
    options = {"kind": kind, "alternative": alternative, "level": level}
    return _statistic("odds_ratio", options, column(a), column(b))


def cohens_kappa(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    weights: Literal["none", "linear", "quadratic"] | None = None,
    level: float | None = None,
) -> Column:
    """Cohen's kappa of two raters, with its interval: an aggregate.

    Args:
        a: The category that the first gave, of any type but MAP. A row with a NULL is left out and counted.
        b: That of the second, of the same type.
        weights: How a disagreement weighs by the distance of its categories, which must be numbers then; ``none`` by
            default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [("x", "x"), ("y", "y"), ("x", "y")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING")
        >>> r = df.select(cohens_kappa("a", "b")).first()[0]
        >>> round(r.estimate, 3)
        0.4
    """
    options = {"weights": weights, "level": level}
    return _statistic("cohens_kappa", options, column(a), column(b))


def pearson(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Pearson's correlation, with Fisher's interval and the test that it is 0: an aggregate.

    Args:
        a: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        b: The same.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(pearson("a", "b")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3)
        (0.822, 0.088)
    """
    options = {"alternative": alternative, "level": level}
    return _statistic("pearson", options, column(a), column(b))


def spearman(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Spearman's correlation of ranks, with its interval and the test that it is 0: an aggregate.

    Args:
        a: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        b: The same.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(spearman("a", "b")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3)
        (0.8, 0.104)
    """
    options = {"alternative": alternative, "level": level}
    return _statistic("spearman", options, column(a), column(b))


def kendall_tau(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    variant: Literal["b", "c"] | None = None,
    method: Literal["auto", "exact", "asymptotic"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Kendall's tau, with its interval and the test that it is 0: an aggregate.

    Args:
        a: Numeric, or BOOLEAN as 0/1. A row with a NULL is left out and counted.
        b: The same.
        variant: Which tau: ``b`` (default) allows for ties, ``c`` for tables that are not square.
        method: How the p-value is computed; ``auto`` (default) is exact for few values without ties.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(kendall_tau("a", "b")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3)
        (0.6, 0.233)
    """
    options = {"variant": variant, "method": method, "alternative": alternative, "level": level}
    return _statistic("kendall_tau", options, column(a), column(b))


def fleiss_kappa(
    ratings: ColumnOrName,
    *,
    method: Literal["fleiss", "randolph"] | None = None,
    level: float | None = None,
) -> Column:
    """Fleiss' kappa of many raters, with its interval: an aggregate.

    Args:
        ratings: ARRAY with the category, of any type but MAP, that each rater gave. A row with a NULL is left out and
            counted.
        method: What agreement by chance is: by how often categories are used (default), or the same for each.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [(["x", "x"],), (["y", "y"],), (["x", "y"],)]
        >>> df = spark.createDataFrame(rows, "r ARRAY<STRING>")
        >>> r = df.select(fleiss_kappa("r")).first()[0]
        >>> round(r.estimate, 3)
        0.333
    """
    options = {"method": method, "level": level}
    return _statistic("fleiss_kappa", options, column(ratings))


def krippendorff_alpha(
    ratings: ColumnOrName,
    *,
    level_of_measurement: Literal["nominal", "ordinal", "interval", "ratio"] | None = None,
    level: float | None = None,
) -> Column:
    """Krippendorff's alpha of any number of raters, with its interval: an aggregate.

    Args:
        ratings: ARRAY of ratings, in which NULL is one that is missing. A row with a NULL is left out and counted.
        level_of_measurement: What ratings are, ``interval`` by default; those that are not numeric are ``nominal``.
        level: The confidence level, 0.95 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. What the rows do not allow is
        NULL and ``reason`` says why.

    Examples:
        >>> rows = [([1, 1],), ([2, 3],), ([3, None],)]
        >>> df = spark.createDataFrame(rows, "r ARRAY<INT>")
        >>> r = df.select(krippendorff_alpha("r", level_of_measurement="ordinal")).first()[0]
        >>> round(r.estimate, 3)
        0.833
    """
    options = {"level_of_measurement": level_of_measurement, "level": level}
    return _statistic("krippendorff_alpha", options, column(ratings))


def compare_corpus_bleu(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    reference: ColumnOrName,
    *,
    lowercase: bool | None = None,
    tokenize: Literal["13a", "intl", "char", "zh", "none"] | None = None,
    smooth_method: Literal["exp", "floor", "add-k", "none"] | None = None,
    smooth_value: float | None = None,
    max_ngram_order: int | None = None,
    effective_order: bool | None = None,
    method: Literal["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether two systems differ in BLEU of a corpus (sacrebleu's, over 100): an aggregate.

    Args:
        candidate: STRING.
        baseline: STRING; the estimate is candidate minus baseline.
        reference: STRING, or ARRAY<STRING>. A row in which one of the texts is NULL, or no reference is left, is
            counted in ``n_null``.
        lowercase: Whether the texts are lowered first.
        tokenize: sacrebleu's tokenizer, ``13a`` by default.
        smooth_method: What stands in for a precision of zero, ``exp`` by default.
        smooth_value: The value of ``floor`` (0.1) and ``add-k`` (1).
        max_ngram_order: The longest n-grams, 4 by default.
        effective_order: Whether lengths without n-grams are left out; ``False`` by default, as for corpora in
            sacrebleu.
        method: How chance is imitated; ``auto`` (default) is ``paired_bootstrap``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [("a b c d e", "a b c d", "a b c d e")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING, r STRING")
        >>> r = df.select(compare_corpus_bleu("a", "b", "r")).first()[0]
        >>> round(r.estimate, 3)
        0.221
    """
    options = {
        "lowercase": lowercase,
        "tokenize": tokenize,
        "smooth_method": smooth_method,
        "smooth_value": smooth_value,
        "max_ngram_order": max_ngram_order,
        "effective_order": effective_order,
        "method": method,
        "alternative": alternative,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return _statistic("compare_corpus_bleu", options, column(candidate), column(baseline), column(reference))


def compare_corpus_chrf(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    reference: ColumnOrName,
    *,
    char_order: int | None = None,
    word_order: int | None = None,
    beta: float | None = None,
    lowercase: bool | None = None,
    whitespace: bool | None = None,
    eps_smoothing: bool | None = None,
    method: Literal["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether two systems differ in chrF of a corpus (sacrebleu's, over 100): an aggregate.

    Args:
        candidate: STRING.
        baseline: STRING; the estimate is candidate minus baseline.
        reference: STRING, or ARRAY<STRING>. A row in which one of the texts is NULL, or no reference is left, is
            counted in ``n_null``.
        char_order: The longest n-grams of characters, 6 by default.
        word_order: The longest n-grams of words: 0 by default, 2 for chrF++.
        beta: How much more recall counts than precision, 2 by default.
        lowercase: Whether the texts are lowered first.
        whitespace: Whether whitespace counts as characters.
        eps_smoothing: Whether lengths without n-grams count as a tiny value.
        method: How chance is imitated; ``auto`` (default) is ``paired_bootstrap``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [("abcd", "abcx", "abcd")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING, r STRING")
        >>> r = df.select(compare_corpus_chrf("a", "b", "r")).first()[0]
        >>> round(r.estimate, 3)
        0.521
    """
    options = {
        "char_order": char_order,
        "word_order": word_order,
        "beta": beta,
        "lowercase": lowercase,
        "whitespace": whitespace,
        "eps_smoothing": eps_smoothing,
        "method": method,
        "alternative": alternative,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return _statistic("compare_corpus_chrf", options, column(candidate), column(baseline), column(reference))


def compare_corpus_ter(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalized: bool | None = None,
    no_punct: bool | None = None,
    asian_support: bool | None = None,
    case_sensitive: bool | None = None,
    method: Literal["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether two systems differ in the translation edit rate of a corpus (sacrebleu's, over 100): an aggregate.

    Args:
        candidate: STRING.
        baseline: STRING; the estimate is candidate minus baseline.
        reference: STRING, or ARRAY<STRING>. A row in which one of the texts is NULL, or no reference is left, is
            counted in ``n_null``.
        normalized: Whether punctuation is separated from words, as Tercom does.
        no_punct: Whether punctuation is removed.
        asian_support: Whether the two do the same for the scripts of East Asia.
        case_sensitive: Whether case counts.
        method: How chance is imitated; ``auto`` (default) is ``paired_bootstrap``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason, statistic, df, p_value,
        alternative, effect_size, effect_lower, effect_upper, effect_name, n_discordant>. What the rows do not allow
        is NULL and ``reason`` says why.

    Examples:
        >>> rows = [("a b c d", "a b c x", "a b c d")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING, r STRING")
        >>> r = df.select(compare_corpus_ter("a", "b", "r")).first()[0]
        >>> round(r.estimate, 3)
        -0.25
    """
    options = {
        "normalized": normalized,
        "no_punct": no_punct,
        "asian_support": asian_support,
        "case_sensitive": case_sensitive,
        "method": method,
        "alternative": alternative,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return _statistic("compare_corpus_ter", options, column(candidate), column(baseline), column(reference))


def power_paired_t(
    effect_size: ColumnOrName | float,
    n: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
) -> Column:
    """The power of a paired t test.

    Args:
        effect_size: The mean difference over its standard deviation, d_z.
        n: How many pairs.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(power_paired_t(0.5, 34)).first()[0], 3)
        0.808
    """
    options = {"alpha": alpha, "alternative": alternative}
    return _numbers("power_paired_t", options, effect_size, n)


def power_mcnemar(
    first_only: ColumnOrName | float,
    second_only: ColumnOrName | float,
    n: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
) -> Column:
    """The power of McNemar's test.

    Args:
        first_only: The share of pairs that are 1 in the first alone.
        second_only: The share of pairs that are 1 in the second alone.
        n: How many pairs.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(power_mcnemar(0.2, 0.1, 250)).first()[0], 3)
        0.827
    """
    options = {"alpha": alpha, "alternative": alternative}
    return _numbers("power_mcnemar", options, first_only, second_only, n)


def power_independent_t(
    effect_size: ColumnOrName | float,
    n1: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """The power of a t test of two samples.

    Args:
        effect_size: The difference of the means over the standard deviation, d.
        n1: How many values the first sample has.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(power_independent_t(0.5, 64)).first()[0], 3)
        0.801
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("power_independent_t", options, effect_size, n1)


def power_two_proportions(
    p1: ColumnOrName | float,
    p2: ColumnOrName | float,
    n1: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """The power of the test that two samples have one proportion.

    Args:
        p1: The proportion of the first.
        p2: The proportion of the second.
        n1: How many values the first sample has.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(power_two_proportions(0.6, 0.5, 388)).first()[0], 3)
        0.801
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("power_two_proportions", options, p1, p2, n1)


def power_two_proportions_h(
    effect_size: ColumnOrName | float,
    n1: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """The power of the test that two samples have one proportion, for an effect h.

    Args:
        effect_size: Cohen's h.
        n1: How many values the first sample has.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(power_two_proportions_h(0.2, 393)).first()[0], 3)
        0.801
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("power_two_proportions_h", options, effect_size, n1)


def sample_size_paired_t(
    effect_size: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
) -> Column:
    """How many pairs a paired t test needs.

    Args:
        effect_size: The mean difference over its standard deviation, d_z.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense, and where no sample is large enough. A number of
        rows is not rounded.

    Examples:
        >>> round(spark.range(1).select(sample_size_paired_t(0.5, 0.8)).first()[0], 3)
        33.367
    """
    options = {"alpha": alpha, "alternative": alternative}
    return _numbers("sample_size_paired_t", options, effect_size, power)


def sample_size_mcnemar(
    first_only: ColumnOrName | float,
    second_only: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
) -> Column:
    """How many pairs McNemar's test needs.

    Args:
        first_only: The share of pairs that are 1 in the first alone.
        second_only: The share of pairs that are 1 in the second alone.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense, and where no sample is large enough. A number of
        rows is not rounded.

    Examples:
        >>> round(spark.range(1).select(sample_size_mcnemar(0.2, 0.1, 0.8)).first()[0], 3)
        233.094
    """
    options = {"alpha": alpha, "alternative": alternative}
    return _numbers("sample_size_mcnemar", options, first_only, second_only, power)


def sample_size_independent_t(
    effect_size: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """How many values the first sample of a t test needs.

    Args:
        effect_size: The difference of the means over the standard deviation, d.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense, and where no sample is large enough. A number of
        rows is not rounded.

    Examples:
        >>> round(spark.range(1).select(sample_size_independent_t(0.5, 0.8)).first()[0], 3)
        63.766
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("sample_size_independent_t", options, effect_size, power)


def sample_size_two_proportions(
    p1: ColumnOrName | float,
    p2: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """How many values the first sample needs to tell two proportions apart.

    Args:
        p1: The proportion of the first.
        p2: The proportion of the second.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense, and where no sample is large enough. A number of
        rows is not rounded.

    Examples:
        >>> round(spark.range(1).select(sample_size_two_proportions(0.6, 0.5, 0.8)).first()[0], 3)
        387.338
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("sample_size_two_proportions", options, p1, p2, power)


def sample_size_two_proportions_h(
    effect_size: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """How many values the first sample needs to tell proportions an effect h apart.

    Args:
        effect_size: Cohen's h.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense, and where no sample is large enough. A number of
        rows is not rounded.

    Examples:
        >>> round(spark.range(1).select(sample_size_two_proportions_h(0.2, 0.8)).first()[0], 3)
        392.443
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("sample_size_two_proportions_h", options, effect_size, power)


def mde_paired_t(
    n: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
) -> Column:
    """The smallest effect d_z that a paired t test detects; below 0 for alternative ``less``.

    Args:
        n: How many pairs.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(mde_paired_t(34, 0.8)).first()[0], 3)
        0.495
    """
    options = {"alpha": alpha, "alternative": alternative}
    return _numbers("mde_paired_t", options, n, power)


def mde_independent_t(
    n1: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """The smallest effect d that a t test of two samples detects; below 0 for alternative ``less``.

    Args:
        n1: How many values the first sample has.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(mde_independent_t(64, 0.8)).first()[0], 3)
        0.499
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("mde_independent_t", options, n1, power)


def mde_two_proportions_h(
    n1: ColumnOrName | float,
    power: ColumnOrName | float,
    *,
    alpha: float | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    ratio: float | None = None,
) -> Column:
    """The smallest effect h that the test of two proportions detects; below 0 for alternative ``less``.

    Args:
        n1: How many values the first sample has.
        power: The power that is wanted, between 0 and 1.
        alpha: The level of significance of the test, 0.05 by default.
        alternative: The alternative of the test; ``two-sided`` by default.
        ratio: How many values the second sample has for each of the first, 1 by default.

    Returns:
        DOUBLE; NULL where an argument is NULL or makes no sense.

    Examples:
        >>> round(spark.range(1).select(mde_two_proportions_h(392, 0.8)).first()[0], 3)
        0.2
    """
    options = {"alpha": alpha, "alternative": alternative, "ratio": ratio}
    return _numbers("mde_two_proportions_h", options, n1, power)


def p_adjust(
    p_values: ColumnOrName,
    method: Literal["bonferroni", "sidak", "holm", "holm_sidak", "hochberg", "hommel", "bh", "by"] | None = None,
) -> Column:
    """p-values adjusted for how many there are.

    Args:
        p_values: ARRAY<DOUBLE>. A NULL stays NULL and does not count.
        method: ``holm`` by default; ``bh`` and ``by`` are for the false discovery rate, the others for any false one.

    Returns:
        ARRAY<DOUBLE>, in the same places.

    Examples:
        >>> df = spark.createDataFrame([([0.01, 0.04, 0.03],)], "p ARRAY<DOUBLE>")
        >>> df.select(p_adjust("p", "bonferroni")).first()[0]
        [0.03, 0.12, 0.09]
    """
    return call("p_adjust", column(p_values), *option_columns("p_adjust", {"method": method}))


def _statistic(name: str, options: Mapping[str, object], *arguments: Column) -> Column:
    return call(name, *arguments, *option_columns(name, options))


def _numbers(name: str, options: Mapping[str, object], *arguments: ColumnOrName | float) -> Column:
    columns = (F.lit(a) if isinstance(a, (int, float)) else column(a) for a in arguments)
    return call(name, *columns, *option_columns(name, options))
