"""What a run may spend: rows above it end as ``budget_stopped``, without a call."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spark_assay import functions as fn
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KINDS = ("usd", "tokens", "requests")
_PREFIX = "spark.assay.budget."


def of(budget: object) -> dict[str, float | int] | None:
    """What ``budget=`` means: US dollars, or a dict of ``usd``, ``tokens`` and ``requests``.

    Raises:
        TypeError: Neither a number nor a dict.
        ValueError: A kind that there is not, or an amount that is none.

    Examples:
        >>> of(2.5), of({"requests": 100})
        ({'usd': 2.5}, {'requests': 100})
    """
    if budget is None:
        return None
    if isinstance(budget, (int, float)) and not isinstance(budget, bool):
        budget = {"usd": budget}
    if not isinstance(budget, Mapping) or not budget:
        raise TypeError(f"budget must be US dollars, or a dict of {', '.join(KINDS)}, not a {type(budget).__name__}")
    for kind, amount in budget.items():
        if kind not in KINDS:
            raise ValueError(f"budget has no '{kind}'{hint(str(kind), KINDS)}")
        is_number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not is_number or not math.isfinite(amount) or amount <= 0:
            raise ValueError(f"budget: {kind} must be a number above 0")
        if kind != "usd" and not isinstance(amount, int):
            raise ValueError(f"budget: {kind} must be a whole number")
    return dict(budget)


@contextmanager
def used(spark: SparkSession, budget: Mapping[str, float | int] | None) -> Iterator[None]:
    """Allows what runs in the block to spend ``budget`` and no more; the session's own settings hold again after it."""
    if budget is None:
        yield
        return
    row = spark.range(1).select(fn.assay_progress()).first()
    spent = json.loads(row[0]).get("budget_used", {}) if row is not None else {}
    before = {kind: spark.conf.get(_PREFIX + kind, None) for kind in KINDS}
    for kind in KINDS:
        own = before[kind]
        if kind not in budget:
            continue
        # The engine counts from the start of the application, and the application's own budget holds as well.
        most = (spent.get(kind) or 0) + budget[kind]
        spark.conf.set(_PREFIX + kind, str(most if own is None else min(most, type(most)(float(own)))))
    try:
        yield
    finally:
        for kind, value in before.items():
            if value is None:
                spark.conf.unset(_PREFIX + kind)
            else:
                spark.conf.set(_PREFIX + kind, value)
