"""Tests of candidate and baseline on the same rows."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call_with, column


def paired_t_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Student's t test that the mean difference of pairs is 0: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. The effect is Cohen's d_z, ``cohens_d_z``.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(paired_t_test("a", "b")).first()[0]
        >>> r.estimate, round(r.statistic, 3), round(r.p_value, 3)
        (1.5, 2.535, 0.064)
    """
    options = {"alternative": alternative, "level": level}
    return call_with("paired_t_test", options, column(candidate), column(baseline))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        zero_method: What is done with differences of zero, ``wilcox`` by default: dropped, ranked and then dropped,
            or shared between both signs.
        method: How the p-value is computed; ``auto`` (default) is exact for few values without ties.
        correction: Whether the normal approximation is corrected for continuity; not by default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``statistic`` is the sum of positive ranks, and the lesser of
        both sums if two-sided. The effect is ``rank_biserial``.

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
    return call_with("wilcoxon_test", options, column(candidate), column(baseline))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        method: How the p-value is computed, ``midp`` by default.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``statistic`` is how many pairs differ in the rarer
        direction, or chi-square. The effect is ``odds_ratio``, of the pairs that differ.

    Examples:
        >>> rows = [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(mcnemar_test("a", "b", method="exact")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3), r.n_discordant
        (0.6, 0.25, 3)
    """
    options = {"method": method, "alternative": alternative, "level": level}
    return call_with("mcnemar_test", options, column(candidate), column(baseline))


def sign_test(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """The test that pairs differ upwards as often as downwards: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``estimate`` is the share of pairs that differ upwards less
        that of those that differ downwards, among those that differ.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(sign_test("a", "b")).first()[0]
        >>> r.estimate, round(r.p_value, 3)
        (0.6, 0.375)
    """
    options = {"alternative": alternative, "level": level}
    return call_with("sign_test", options, column(candidate), column(baseline))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. The effect is Cohen's d_z, ``cohens_d_z``.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(permutation_test("a", "b")).first()[0]
        >>> r.estimate, r.p_value, r.method
        (1.5, 0.125, 'exact')
    """
    options = {"alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return call_with("permutation_test", options, column(candidate), column(baseline))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        kind: What the values are; ``auto`` (default) is ``binary`` where all of them are 0 or 1, else ``unbounded``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. The effect is that of the test that ran.

    Examples:
        >>> rows = [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(compare_paired("a", "b")).first()[0]
        >>> r.method, r.p_value
        ('mcnemar_midp', 0.125)
    """
    options = {"kind": kind, "alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return call_with("compare_paired", options, column(candidate), column(baseline))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        cluster: Of any type but MAP; equal values are one cluster.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples are drawn, where any are; 9,999 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`.

    Examples:
        >>> rows = [(5.0, 3.0, "x"), (6.0, 5.0, "x"), (4.0, 4.5, "y"), (8.0, 6.0, "z")]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE, c STRING")
        >>> r = df.select(compare_paired_clustered("a", "b", "c")).first()[0]
        >>> r.estimate, r.method
        (1.125, 'cluster_permutation')
    """
    options = {"alternative": alternative, "level": level, "n_resamples": n_resamples, "seed": seed}
    return call_with("compare_paired_clustered", options, column(candidate), column(baseline), column(cluster))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        margin: The largest difference that does not matter, above 0.
        kind: What the values are; ``auto`` (default) is ``binary`` where all of them are 0 or 1, else ``unbounded``.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``lower`` is the one-sided bound of the same test and
        ``upper`` is open.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(non_inferiority_test("a", "b", margin=1.0)).first()[0]
        >>> round(r.p_value, 3)
        0.007
    """
    options = {"margin": margin, "kind": kind, "level": level}
    return call_with("non_inferiority_test", options, column(candidate), column(baseline))


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
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        margin: The largest difference that does not matter, above 0.
        kind: What the values are; ``auto`` (default) is ``binary`` where all of them are 0 or 1, else ``unbounded``.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. The interval lies between the margins where the test
        finds equivalence; its level, in the field ``level`` too, is twice the given one less 1.

    Examples:
        >>> rows = [(5.0, 3.0), (6.0, 5.0), (4.0, 4.5), (8.0, 6.0), (7.0, 4.0)]
        >>> df = spark.createDataFrame(rows, "a DOUBLE, b DOUBLE")
        >>> r = df.select(equivalence_test("a", "b", margin=4.0)).first()[0]
        >>> round(r.p_value, 3)
        0.007
    """
    options = {"margin": margin, "kind": kind, "level": level}
    return call_with("equivalence_test", options, column(candidate), column(baseline))


def risk_difference(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """The difference of the shares of 1 in pairs of 0 and 1, with Tango's interval: an aggregate.

    Args:
        candidate: Numeric, or BOOLEAN as 0/1.
        baseline: The same of the baseline; the estimate is candidate minus baseline.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. The test is McNemar's, asymptotic. The effect is
        ``odds_ratio``, of the pairs that differ.

    Examples:
        >>> rows = [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(risk_difference("a", "b")).first()[0]
        >>> round(r.estimate, 3), r.method
        (0.6, 'tango')
    """
    options = {"alternative": alternative, "level": level}
    return call_with("risk_difference", options, column(candidate), column(baseline))
