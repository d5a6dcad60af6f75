"""Power, sample sizes and the smallest effects that are detected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call_with, column


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


def _numbers(name: str, options: Mapping[str, object], *arguments: ColumnOrName | float) -> Column:
    columns = (F.lit(a) if isinstance(a, (int, float)) else column(a) for a in arguments)
    return call_with(name, options, *columns)
