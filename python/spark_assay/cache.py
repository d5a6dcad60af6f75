"""Answers that are kept: what they are kept in, what is in it, and what is done to it.

The table is a Delta table of one row per request; everything here is SQL on it, so it also runs on Spark Connect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_assay import session
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Mode: TypeAlias = Literal["off", "session", "read", "write", "read_write", "replay"]
"""Which answers are served and kept; see the setting ``spark.assay.cache.mode``."""

_PREFIX = "spark.assay.cache."
_WITHOUT_TABLE = ("off", "session")


@dataclass(frozen=True)
class Cache:
    """Where answers are kept, and which of them are served.

    Attributes:
        table: The Delta table: a name, or a path, which has a slash in it.
        mode: ``off``: no answers are kept. ``session``: those of this application. ``read``: the table's are served
            too. ``write``: every request is made anew and goes into the table. ``read_write``: both. ``replay``: the
            table's alone, nothing is called, and what is not there has the status ``replay_miss``. By default
            ``read_write`` with a table and ``session`` without.
        ttl: How old an answer of the table may be to be served: a number and ``s``, ``m``, ``h`` or ``d``.

    Raises:
        ValueError: A mode or a duration that there is not, or a mode without the table that it needs.

    Examples:
        >>> Cache("main.evals.answers", ttl="30d").mode
        'read_write'
        >>> Cache(mode="replay")
        Traceback (most recent call last):
        ...
        ValueError: mode='replay' needs a table
    """

    table: str | None = None
    mode: Mode | None = None
    ttl: str | None = None

    def __post_init__(self) -> None:
        if self.mode is None:
            object.__setattr__(self, "mode", "session" if self.table is None else "read_write")
        if self.mode not in get_args(Mode):
            raise ValueError(f"there is no cache mode {self.mode!r}{hint(str(self.mode), get_args(Mode))}")
        if self.table is None and self.mode not in _WITHOUT_TABLE:
            raise ValueError(f"mode={self.mode!r} needs a table")
        if self.ttl is not None and not re.fullmatch(r"\d+[smhd]", self.ttl):
            raise ValueError(f"ttl must be a number and s, m, h or d, for instance '7d', not {self.ttl!r}")

    @property
    def writes(self) -> bool:
        """Whether answers go into the table."""
        return self.mode in ("write", "read_write")

    def settings(self) -> dict[str, str]:
        """As Spark settings, for `use` and for ``--conf``."""
        given = {"mode": self.mode, "table": self.table, "ttl": self.ttl}
        return {_PREFIX + name: value for name, value in given.items() if value is not None}

    def use(self, spark: SparkSession) -> None:
        """Keeps and serves answers in this way in every query of the session from now on."""
        for name in ("mode", "table", "ttl"):
            spark.conf.unset(_PREFIX + name)
        for key, value in self.settings().items():
            spark.conf.set(key, value)


def of(value: str | Cache | None) -> Cache | None:
    """What ``cache=`` means: a mode that needs no table, a table, or a `Cache`."""
    if value is None or isinstance(value, Cache):
        return value
    if not isinstance(value, str) or not value:
        raise TypeError(f"cache must be a table, 'off', 'session' or a Cache, not {value!r}")
    if value in get_args(Mode):
        return Cache(mode=value)  # type: ignore[arg-type]
    return Cache(table=value)


@contextmanager
def used(spark: SparkSession, cache: Cache | None) -> Iterator[None]:
    """Uses ``cache`` while the block runs; the session's own settings hold again after it."""
    if cache is None:
        yield
        return
    keys = [_PREFIX + name for name in ("mode", "table", "ttl")]
    before = {key: spark.conf.get(key, None) for key in keys}
    cache.use(spark)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, value)


def inspect(spark: SparkSession, table: str | None = None) -> DataFrame:
    """All stored answers, one row for each request: those in the table and those in journals only.

    Args:
        spark: The session.
        table: The table; by default the one that the session uses.

    Returns:
        ``request_key``, ``status``, ``provider``, ``model``, ``model_answered``, ``created_at``, ``response``,
        ``error``, ``usage``, ``cost_usd``, ``latency_ms``, ``ttft_ms``, ``attempts``, ``request`` (canonical JSON),
        ``run_id``, ``key_version``.

    Raises:
        pyspark.errors.PySparkException: A table that is not there or is no cache table (``ASSAY_CACHE_TABLE``).
    """
    return _function(spark, "assay_cache", table)


def fold(spark: SparkSession, table: str | None = None) -> dict[str, int]:
    """Puts what stands in journals only into the table, which happens by itself after queries.

    Returns:
        ``files`` of journals, keys ``inserted`` and ``updated``, and torn or damaged places ``dropped``.
    """
    return _one(_function(spark, "assay_cache_fold", table))


def invalidate(
    spark: SparkSession,
    table: str | None = None,
    *,
    model: str | None = None,
    provider: str | None = None,
    status: str | None = None,
    older_than: str | None = None,
    request_key: str | None = None,
) -> int:
    """Deletes answers, so that they are called for anew. All conditions that are given must hold, one at least.

    Args:
        spark: The session.
        table: The table; by default the one that the session uses.
        model: The model as the provider names it.
        provider: The provider.
        status: The status.
        older_than: A number and ``s``, ``m``, ``h`` or ``d``.
        request_key: One key.

    Returns:
        How many were deleted.
    """
    conditions = {
        "model": model,
        "provider": provider,
        "status": status,
        "older_than": older_than,
        "request_key": request_key,
    }
    if all(value is None for value in conditions.values()):
        raise ValueError(f"invalidate needs a condition: {', '.join(conditions)}")
    return _one(_function(spark, "assay_cache_invalidate", table, **conditions))["deleted"]


def vacuum(spark: SparkSession, table: str | None = None) -> dict[str, int]:
    """Orders the table's files by key and deletes files and journals that nobody needs any more, once a week old.

    Args:
        spark: The session.
        table: The table; by default the one that the session uses.

    Returns:
        ``journals_deleted``, ``files_before`` and ``files``.
    """
    return _one(_function(spark, "assay_cache_vacuum", table))


def export(spark: SparkSession, path: str, table: str | None = None, *, format: str = "parquet") -> None:
    """Writes all stored answers to ``path``, which must not exist yet, in a format that Spark writes."""
    inspect(spark, table).write.format(format).mode("error").save(path)


def hit_rate(rows: DataFrame, completion: str | Column = "completion") -> dict[str, Any]:
    """What the cache has served of some rows.

    Args:
        rows: Rows with completions: an `EvalResult`'s ``rows``, or any other.
        completion: The column of the completions.

    Returns:
        ``rows`` (that asked for something), ``hits``, ``shared`` (rows whose answer an equal row has bought), ``rate``
        (hits by rows, None without rows), ``cost_usd`` and ``cost_avoided_usd``.

    Examples:
        >>> df = spark.sql("SELECT llm_complete('echo', 'Hi') AS completion")
        >>> hit_rate(df)["rows"]
        1
    """
    given = F.col(completion) if isinstance(completion, str) else completion
    row = rows.agg(
        F.count(given).alias("rows"),
        F.count_if(given["cache_hit"]).alias("hits"),
        F.count_if(given["deduplicated"]).alias("shared"),
        F.sum(given["cost_usd"]).alias("cost_usd"),
        F.sum(given["cost_avoided_usd"]).alias("cost_avoided_usd"),
    ).first()
    assert row is not None
    counts = row.asDict()
    return {**counts, "rate": counts["hits"] / counts["rows"] if counts["rows"] else None}


def _function(spark: SparkSession, name: str, table: str | None, **options: str | None) -> DataFrame:
    session.use(spark)
    given = {key: value for key, value in {"table": table, **options}.items() if value is not None}
    arguments = ", ".join(f"{_literal(key)}, {_literal(value)}" for key, value in given.items())
    return spark.sql(f"SELECT * FROM {name}({f'map({arguments})' if given else ''})")


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _one(df: DataFrame) -> dict[str, int]:
    row = df.first()
    assert row is not None
    return row.asDict()
