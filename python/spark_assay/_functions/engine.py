"""What the engine tells of itself, and where it computes."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import call


def assay_model(model: str) -> Column:
    """What is in force for a model that the session knows.

    Args:
        model: Its name in the configuration.

    Returns:
        STRING: JSON with ``provider``, ``endpoint``, ``model``, ``key`` (``none``, ``env``, ``file`` or ``value``),
        ``key_env`` (the names of environment variables), ``quota_group``, ``limits`` per minute, ``max_concurrency``,
        ``context_window`` and ``price`` in US dollars per million tokens. No key is in it.

    Examples:
        >>> spark.range(1).select(F.get_json_object(assay_model("echo"), "$.provider")).first()[0]
        'mock'
    """
    return call("assay_model", F.lit(model))


def assay_on_driver(statistic: Column) -> Column:
    """The same statistic, computed by the driver on all its cores, from the states that executors made.

    For few groups of a statistic that takes long, such as a bootstrap: elsewhere it is computed where Spark runs the
    last step of the aggregate, on one core for each group. All states travel to the driver, so they must fit there.

    Args:
        statistic: A call of a statistic, over a GROUP BY or over all rows, not over a window.

    Returns:
        What the statistic gives, to the last bit.

    Examples:
        >>> from spark_assay.functions import bootstrap_ci
        >>> df = spark.createDataFrame([(1,), (2,), (4,), (8,), (9,)], "x INT")
        >>> r = df.select(assay_on_driver(bootstrap_ci("x", statistic="median"))).first()[0]
        >>> r.estimate, r.lower, r.upper
        (4.0, 1.0, 9.0)
    """
    return call("assay_on_driver", statistic)


def assay_progress() -> Column:
    """How far the model calls of the application are.

    Holds nothing of a request or an answer. It is what the driver knows when the query is analyzed: make the column
    again for newer values.

    Returns:
        STRING: JSON with ``active``, ``rows``, ``rows_ok``, ``rows_failed``, ``requests``, retries by cause, tokens,
        ``cost_usd``, ``rows_per_second``, ``tasks``, ``tasks_done``, ``elapsed_seconds``, ``seconds_left`` (null where
        it is unknown), ``quotas``: of each limit its ``group``, ``dimension``, ``limit`` a minute and what of it was
        ``used`` in the last minute, and ``budget_used``: the ``requests``, ``tokens`` and ``usd`` of the application.

    Examples:
        >>> spark.range(1).select(F.get_json_object(assay_progress(), "$.active")).first()[0]
        'false'
    """
    return call("assay_progress")


def assay_version() -> Column:
    """The version of the jar that the session uses.

    Returns:
        STRING.

    Examples:
        >>> spark.range(1).select(assay_version()).first()[0]
        '0.1.0'
    """
    return call("assay_version")
