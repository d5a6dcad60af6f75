"""Estimates of one sample with their intervals."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call_with, column


def mean_ci(
    x: ColumnOrName,
    *,
    level: float | None = None,
    method: Literal[
        "auto",
        "hall",
        "t",
        "normal",
        "wilson",
        "clopper_pearson",
        "agresti_coull",
        "jeffreys",
        "percentile",
        "basic",
        "bca",
        "bootstrap_t",
        "bca_analytic",
    ]
    | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
    kind: Literal["auto", "binary", "bounded", "ordinal", "unbounded"] | None = None,
) -> Column:
    """The mean with its confidence interval: an aggregate.

    Args:
        x: DOUBLE, or BOOLEAN as 0/1.
        level: The confidence level, 0.95 by default.
        method: How the interval is made. ``auto`` (default) is ``wilson`` for kind ``binary`` and ``hall``, Student's t
            that follows the skewness of the values, for others.
        n_resamples: How many resamples the bootstrap methods draw, 9,999 by default.
        seed: The seed of the resampling, 0 by default.
        kind: What the values are. ``auto`` (default) is ``binary`` where all of them are 0 or 1.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> df = spark.createDataFrame([(1.0,), (1.0,), (1.0,), (0.0,)], "x DOUBLE")
        >>> ci = df.select(mean_ci("x")).first()[0]
        >>> ci.estimate, round(ci.lower, 3), round(ci.upper, 3), ci.method
        (0.75, 0.301, 0.954, 'wilson')
    """
    options = {"level": level, "method": method, "n_resamples": n_resamples, "seed": seed, "kind": kind}
    return call_with("mean_ci", options, column(x))


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
        x: Numeric, or BOOLEAN as 0/1.
        statistic: What is computed of each resample, ``mean`` by default; ``std`` has n - 1.
        q: The probability of ``quantile``, 0.5 by default.
        proportiontocut: The share that ``trimmed_mean`` leaves out at each end, 0.1 by default.
        method: How the interval is made; ``auto`` (default) is ``bca``. ``bootstrap_t`` and ``bca_analytic`` are for
            the mean.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

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
    return call_with("bootstrap_ci", options, column(x))


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
        x: Numeric, or BOOLEAN as 0/1.
        cluster: Of any type but MAP; equal values are one cluster.
        correction: How the variance is corrected for few clusters, ``cr2`` by default.
        use_t: Whether quantiles are those of t, which is the default, or normal.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, "a"), (1, "a"), (0, "b"), (1, "c")]
        >>> df = spark.createDataFrame(rows, "x INT, c STRING")
        >>> r = df.select(cluster_mean_ci("x", "c")).first()[0]
        >>> r.estimate, r.method
        (0.75, 'cr2')
    """
    options = {"correction": correction, "use_t": use_t, "level": level}
    return call_with("cluster_mean_ci", options, column(x), column(cluster))


def weighted_mean_ci(
    x: ColumnOrName,
    w: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """The weighted mean with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1.
        w: The weights, 0 or more, of any scale.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, 3), (0, 1)]
        >>> df = spark.createDataFrame(rows, "x INT, w INT")
        >>> r = df.select(weighted_mean_ci("x", "w")).first()[0]
        >>> r.estimate
        0.75
    """
    options = {"level": level}
    return call_with("weighted_mean_ci", options, column(x), column(w))


def ratio_ci(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """The ratio of two sums with its interval, such as dollars per answer: an aggregate.

    Args:
        a: What is above.
        b: What is below.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, 2), (3, 2)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(ratio_ci("a", "b")).first()[0]
        >>> r.estimate
        1.0
    """
    options = {"level": level}
    return call_with("ratio_ci", options, column(a), column(b))


def pass_at_k(
    n: ColumnOrName,
    c: ColumnOrName,
    k: int,
    *,
    level: float | None = None,
) -> Column:
    """The probability that one at least of ``k`` attempts succeeds, with its interval: an aggregate over problems.

    Args:
        n: Attempts at the problem.
        c: How many of them succeeded.
        k: How many attempts are made. Problems of fewer attempts are left out and counted in ``n_null``.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(4, 2), (4, 4)]
        >>> df = spark.createDataFrame(rows, "n INT, c INT")
        >>> r = df.select(pass_at_k("n", "c", 2)).first()[0]
        >>> round(r.estimate, 4)
        0.9167
    """
    options = {"level": level}
    return call_with("pass_at_k", options, column(n), column(c), F.lit(k))


def pass_hat_k(
    n: ColumnOrName,
    c: ColumnOrName,
    k: int,
    *,
    level: float | None = None,
) -> Column:
    """The probability that all of ``k`` attempts succeed, with its interval: an aggregate over problems.

    Args:
        n: Attempts at the problem.
        c: How many of them succeeded.
        k: How many attempts are made. Problems of fewer attempts are left out and counted in ``n_null``.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(4, 2), (4, 4)]
        >>> df = spark.createDataFrame(rows, "n INT, c INT")
        >>> r = df.select(pass_hat_k("n", "c", 2)).first()[0]
        >>> round(r.estimate, 4)
        0.5833
    """
    options = {"level": level}
    return call_with("pass_hat_k", options, column(n), column(c), F.lit(k))
