"""Metrics that users bring."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, NumericType

from spark_assay._columns import col
from spark_assay._metric import METRICS, Kind, Metric, MetricInfo, checked_label, has_reference, has_several
from spark_assay.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

Score: TypeAlias = str | Column | Callable[..., Column]
"""A SQL expression, a column, or a function of columns such as a UDF."""

_KINDS = ("binary", "bounded", "ordinal", "unbounded")


def custom(
    name: str,
    score: Score,
    *,
    kind: Kind,
    range: tuple[float, float] | None = None,
    needs_reference: bool = True,
    higher_is_better: bool = True,
) -> Metric:
    """A metric of your own, for ``metrics=`` of `evaluate`.

    Its score is NULL where the prediction is NULL or, with ``needs_reference``, where there is no reference, whatever
    ``score`` gives there. Values outside of ``range`` end the evaluation with an error that counts them.

    Args:
        name: The name of its column and in reports: letters, digits and ``_``, and not that of a metric of Assay.
        score: SQL text or a column over ``prediction``, ``reference`` and the evaluated row as ``input``, for instance
            ``"prediction = input.title"``; or a function that takes the columns ``prediction`` and, with
            ``needs_reference``, ``reference``, and gives a column, as Python and pandas UDFs do. What it gives must be
            numeric or BOOLEAN. A UDF is called for every row: for one without a prediction or a reference it gets an
            empty text (or an empty array), and what it gives for it is dropped.
        kind: ``binary`` (0 or 1), ``bounded`` (between two limits), ``ordinal`` (ranks) or ``unbounded``. It chooses
            the interval.
        range: The least and the greatest value: (0, 1) for ``binary``, by default for ``bounded`` too; allowed for
            ``ordinal``.
        needs_reference: Whether a row needs a reference. If no metric needs one, `evaluate` needs none.
        higher_is_better: Whether the least value is the worst, as which refused answers count, or the greatest.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: A name that is taken or cannot be a column's, an unknown kind, a range that does not fit it.

    Examples:
        >>> custom("is_short", "length(prediction) <= 80", kind="binary", needs_reference=False)
        custom('is_short', kind='binary')
        >>> custom("closeness", "1 / (1 + abs(length(prediction) - length(reference)))", kind="bounded").range
        (0.0, 1.0)
        >>> custom("words", "size(split(prediction, ' '))", kind="unbounded", range=(0, 9))
        Traceback (most recent call last):
        ...
        ValueError: metric 'words' is unbounded, so it has no range
    """
    return CustomMetric(
        name, score, kind=kind, range=range, needs_reference=needs_reference, higher_is_better=higher_is_better
    )


class CustomMetric(Metric):
    """What `custom` gives."""

    def __init__(
        self,
        name: str,
        score: Score,
        *,
        kind: Kind,
        range: tuple[float, float] | None,
        needs_reference: bool,
        higher_is_better: bool,
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a metric is named by text, not by a {type(name).__name__}")
        if name in METRICS:
            raise ValueError(f"there is a metric '{name}' already; give yours another name")
        if not isinstance(score, (str, Column)) and not callable(score):
            raise TypeError(
                f"metric '{name}': the score must be SQL text, a column or a UDF, not a {type(score).__name__}"
            )
        if kind not in _KINDS:
            raise ValueError(f"metric '{name}': kind must be one of {', '.join(_KINDS)}, not {kind!r}")
        self.label = checked_label(name, name)
        limits = _limits(name, kind, range)
        self.info = MetricInfo(
            name, "", kind, (), limits, needs_reference=bool(needs_reference), lower_is_better=not higher_is_better
        )
        self.options = {}
        self._score = score

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest value."""
        return self.info.range

    def to_dict(self) -> dict[str, Any]:
        """As `Metric.to_dict`; a column or a UDF cannot be written, so its ``score`` is null."""
        score = self._score if isinstance(self._score, str) else None
        said: dict[str, Any] = {"name": self.name, "score": score, "kind": self.info.kind}
        if self.info.limits is not None:
            said["range"] = list(self.info.limits)
        return {
            **said,
            "needs_reference": self.info.needs_reference,
            "higher_is_better": not self.info.lower_is_better,
        }

    def scores(self, rows: DataFrame) -> Column:
        """The DOUBLE column of the scores of rows with ``prediction``, ``reference`` and ``input``."""
        score = self._column(rows)
        found = rows.select(score.alias("score")).schema["score"].dataType
        if not isinstance(found, (NumericType, BooleanType)):
            raise ValueError(
                f"metric '{self.name}' gives {found.simpleString()}; it must give a number or a BOOLEAN"
                + (": declare the UDF's returnType" if callable(self._score) else "")
            )
        has_score = F.col("prediction").isNotNull()
        if self.info.needs_reference:
            has_score = has_score & has_reference(rows)
        return F.when(has_score, score.cast("double"))

    def _column(self, rows: DataFrame) -> Column:
        if isinstance(self._score, str):
            return F.expr(self._score)
        if isinstance(self._score, Column):
            return self._score
        # Spark calls a UDF for every row, also in a branch that is not taken.
        arguments = [F.coalesce(F.col("prediction"), F.lit(""))]
        if self.info.needs_reference:
            empty = F.array().cast("array<string>") if has_several(rows) else F.lit("")
            arguments.append(F.coalesce(F.col("reference"), empty))
        score = self._score(*arguments)
        if not isinstance(score, Column):
            raise TypeError(
                f"metric '{self.name}': its function gives a {type(score).__name__} for columns; make it a UDF with "
                "pyspark.sql.functions.udf or pandas_udf"
            )
        return score

    def __repr__(self) -> str:
        return f"custom({self.name!r}, kind={self.info.kind!r})"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def from_dict(values: Mapping[str, Any]) -> Metric:
    """The metric that ``to_dict`` told.

    A custom one whose score was a column or a UDF can be shown and compared, and not be scored anew.
    """
    given = dict(values)
    if "score" not in given:
        return Metric(given.pop("name"), **given)
    name = given.pop("name")
    if given["score"] is None:

        def not_kept(*columns: Column) -> Column:
            raise ValueError(f"metric '{name}' was a column or a UDF, which is not kept; give it to rescore again")

        given["score"] = not_kept
    return custom(name, given.pop("score"), **given)


def _limits(name: str, kind: Kind, given: object) -> tuple[float, float] | None:
    if given is None:
        return (0.0, 1.0) if kind in ("binary", "bounded") else None
    if kind == "unbounded":
        raise ValueError(f"metric '{name}' is unbounded, so it has no range")
    try:
        low, high = (float(end) for end in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise TypeError(f"metric '{name}': range must be two numbers, the least and the greatest value") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"metric '{name}': range must be two finite numbers, the lesser first")
    if kind == "binary" and (low, high) != (0.0, 1.0):
        raise ValueError(f"metric '{name}' is binary, so its range is (0, 1)")
    return low, high


def check_ranges(rows: DataFrame, metrics: Sequence[Metric]) -> None:
    """Looks whether the scores of custom metrics are what was declared.

    Raises:
        DataError: Some are not.
    """
    declared = [(m, m.info.range) for m in metrics if isinstance(m, CustomMetric) and m.info.range is not None]
    if not declared:
        return
    aggregates = []
    for metric, (low, high) in declared:
        value = col(metric.label)
        is_wrong = ~value.isin(low, high) if metric.info.kind == "binary" else ~value.between(low, high)
        aggregates += [
            F.count_if(is_wrong).alias(f"n_{metric.label}"),
            F.min(F.when(is_wrong, value)).alias(f"min_{metric.label}"),
            F.max(F.when(is_wrong, value)).alias(f"max_{metric.label}"),
        ]
    found = rows.agg(*aggregates).collect()[0]
    for metric, (low, high) in declared:
        n, least, greatest = (found[f"{what}_{metric.label}"] for what in ("n", "min", "max"))
        if n > 0:
            allowed = "0 or 1" if metric.info.kind == "binary" else f"from {low:g} to {high:g}"
            raise DataError(
                f"metric '{metric.name}' is declared to be {allowed}, but {n} of its values are not: they go from "
                f"{least:g} to {greatest:g}; mend the score or declare another kind or range"
            )
