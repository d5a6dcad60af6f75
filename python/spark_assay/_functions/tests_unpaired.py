"""Tests of two samples."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call_with, column


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
        x: Numeric, or BOOLEAN as 0/1.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        equal_var: Whether both are taken to have one variance, which is Student's test; not by default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. The effect is Cohen's d by the pooled deviation,
        ``cohens_d``.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(welch_t_test("x", "c")).first()[0]
        >>> round(r.estimate, 3), round(r.statistic, 3)
        (2.667, 2.53)
    """
    options = {"equal_var": equal_var, "alternative": alternative, "level": level}
    return call_with("welch_t_test", options, column(x), column(is_candidate))


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
        x: Numeric, or BOOLEAN as 0/1.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        method: How the p-value is computed; ``auto`` (default) is exact for few values without ties.
        use_continuity: Whether the normal approximation is corrected for continuity, which is the default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``statistic`` is U of the candidate. The effect is
        ``cliffs_delta``.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(mann_whitney_test("x", "c")).first()[0]
        >>> r.statistic
        8.5
    """
    options = {"method": method, "use_continuity": use_continuity, "alternative": alternative, "level": level}
    return call_with("mann_whitney_test", options, column(x), column(is_candidate))


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
        x: Numeric, or BOOLEAN as 0/1.
        is_candidate: BOOLEAN: whether the row is of the candidate; the estimate is candidate minus the other.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`.

    Examples:
        >>> rows = [(5, True), (7, True), (8, True), (4, False), (5, False), (3, False)]
        >>> df = spark.createDataFrame(rows, "x INT, c BOOLEAN")
        >>> r = df.select(permutation_test_unpaired("x", "c")).first()[0]
        >>> r.p_value, r.method
        (0.2, 'exact')
    """
    options = {"alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return call_with("permutation_test_unpaired", options, column(x), column(is_candidate))
