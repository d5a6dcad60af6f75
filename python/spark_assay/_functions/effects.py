"""Effect sizes."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call_with, column


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
        a: The candidate of a pair, or the value of a row.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        variant: What the mean difference of pairs is divided by, ``d_z`` by default: the deviation of the
            differences.
        interval: How the interval is made; ``auto`` (default) is ``noncentral_t`` where there is one.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(cohens_d("a", "b")).first()[0]
        >>> round(r.estimate, 3), r.method
        (1.134, 'd_z')
    """
    options = {"variant": variant, "interval": interval, "level": level}
    return call_with("cohens_d", options, column(a), column(b))


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
        a: The candidate of a pair, or the value of a row.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        variant: What the mean difference of pairs is divided by, ``d_z`` by default: the deviation of the
            differences.
        correction: How the bias is corrected: ``approximate`` (default) or by the gamma function.
        interval: How the interval is made; ``auto`` (default) is ``noncentral_t`` where there is one.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(hedges_g("x", "c")).first()[0]
        >>> round(r.estimate, 3)
        1.652
    """
    options = {"variant": variant, "correction": correction, "interval": interval, "level": level}
    return call_with("hedges_g", options, column(a), column(b))


def cliffs_delta(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """Cliff's delta of two samples, with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(cliffs_delta("x", "c")).first()[0]
        >>> round(r.estimate, 3)
        0.889
    """
    options = {"level": level}
    return call_with("cliffs_delta", options, column(x), column(is_candidate))


def rank_biserial(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """The rank-biserial correlation of pairs, or Cliff's delta of two samples, with its interval: an aggregate.

    Args:
        a: The candidate of a pair, or the value of a row.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(rank_biserial("a", "b")).first()[0]
        >>> round(r.estimate, 3)
        0.867
    """
    options = {"level": level}
    return call_with("rank_biserial", options, column(a), column(b))


def cohens_h(
    x: ColumnOrName,
    is_candidate: ColumnOrName,
    *,
    level: float | None = None,
) -> Column:
    """Cohen's h of the shares of 1 in two samples, with its interval: an aggregate.

    Args:
        x: Numeric, or BOOLEAN as 0/1.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, True), (0, True), (0, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(cohens_h("x", "c")).first()[0]
        >>> round(r.estimate, 3)
        1.571
    """
    options = {"level": level}
    return call_with("cohens_h", options, column(x), column(is_candidate))


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
        a: The candidate of a pair, or the value of a row.
        b: The baseline of the pair; where it is BOOLEAN, whether the row is of the candidate, and there are two
            samples.
        kind: Of two samples: a d / (b c) (default), or the likeliest given the sums of rows and columns.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. Of two samples ``std_error`` is that of the
        logarithm; of pairs there is no ``p_value``.

    Examples:
        >>> rows = [(1, True), (1, True), (0, True), (1, False), (0, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(odds_ratio("x", "c")).first()[0]
        >>> r.estimate
        2.0
    """
    options = {"kind": kind, "alternative": alternative, "level": level}
    return call_with("odds_ratio", options, column(a), column(b))
