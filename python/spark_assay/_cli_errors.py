"""Errors as the command tells them: one line, and an exit code."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable

from pyspark.errors import PySparkException

from spark_assay.errors import AssayError, ConfigError

DONE, FAILED, MISTAKE = 0, 1, 2


def guarded(work: Callable[[], int | None], *, failed: int = FAILED) -> int:
    """Runs a command and turns what it raises into a line on standard error.

    Args:
        work: The command; what it returns is the exit code, `DONE` if nothing.
        failed: The exit code of what only Spark or the data show.
    """
    # Spark prints each failed query a second time as JSON; the message below says it in words.
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return work() or DONE
    except ConfigError as error:
        print(error, file=sys.stderr)
        return MISTAKE
    except Exception as error:
        if not isinstance(error, (AssayError, OSError)) and not is_sparks(error):
            raise
        print(f"assay: {first_line(error)}", file=sys.stderr)
        return failed


def is_sparks(error: Exception) -> bool:
    """Whether Spark raised it: PySpark lets some errors of the JVM through as they are."""
    return isinstance(error, PySparkException) or type(error).__module__.split(".")[0] in ("grpc", "py4j", "pyspark")


def first_line(error: Exception) -> str:
    """The message without the query plan and the stack that Spark puts behind it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    for line in lines[:3]:
        condition = re.search(r"\[[A-Z][A-Z0-9_.]+\] .*", line)
        if condition:
            return condition[0].rstrip(";")
    return lines[0].rstrip(";")
