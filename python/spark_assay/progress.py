"""A line that tells how far the model calls are, on a terminal or in a notebook, while Spark works.

The numbers come from the SQL function ``assay_progress()``, so that they are there under Spark Connect too. Nothing of
a request or an answer is in them.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException

from spark_assay._format import duration

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PERIOD_S = 1.0
# A local relation: the value is there when the query is analyzed, and no job runs for it.
_QUERY = "SELECT * FROM VALUES (assay_progress()) AS t(progress)"


def line(progress: Mapping[str, Any]) -> str:
    """The progress in words.

    Args:
        progress: What ``assay_progress()`` gives, parsed.

    Examples:
        >>> line({"rows": 1200, "rows_failed": 3, "rows_per_second": 41.5, "cost_usd": 0.0421, "seconds_left": 75.2})
        '1,200 done, 3 failed, 41.5/s, $0.0421, 1m15s left'
    """
    cost = float(progress["cost_usd"])
    parts = [
        f"{progress['rows']:,} done",
        f"{progress['rows_failed']:,} failed",
        f"{progress['rows_per_second']:,.1f}/s",
        f"${cost:,.2f}" if cost == 0 or cost >= 1 else f"${cost:.4f}" if cost >= 0.01 else f"${cost:.6f}",
    ]
    if progress.get("quotas"):
        most = max(progress["quotas"], key=lambda quota: quota["used"] / quota["limit"])
        share, dimension = most["used"] / most["limit"], most["dimension"].replace("_", " ")
        parts.append(f"{share:.0%} of {most['limit']:,} {dimension} a minute")
    if progress.get("quota_wait_ms"):
        parts.append(f"{duration(progress['quota_wait_ms'] / 1000)} waited for quota")
    if progress.get("seconds_left") is not None:
        parts.append(f"{duration(progress['seconds_left'])} left")
    return ", ".join(parts)


@contextmanager
def shown(spark: SparkSession, show: bool | None) -> Iterator[None]:
    """Shows the progress of the calls that are made within the block.

    Args:
        spark: The session that makes them.
        show: Whether to show it; ``None``: on a terminal or in a notebook.
    """
    write = _writer(show)
    if write is None:
        yield
        return
    done = threading.Event()

    def work() -> None:
        said = ""
        while not done.wait(_PERIOD_S):
            try:
                row = spark.sql(_QUERY).first()
            except PySparkException:
                return  # The session ends, or is of another version: the calls matter, not the line.
            progress = json.loads(row[0]) if row is not None else {"active": False}
            if progress["active"]:
                said = line(progress)
                write(said, False)
        if said:
            write(said, True)

    thread = threading.Thread(target=work, name="assay-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=10)


def _writer(show: bool | None) -> Callable[[str, bool], None] | None:
    """What writes a line over the one before; its second argument says whether it is the last."""
    if show is False:
        return None
    notebook = _notebook_writer()
    if notebook is not None:
        return notebook
    if show or sys.stderr.isatty():
        return _Terminal().write
    return None


class _Terminal:
    """Writes over its own line on standard error."""

    def __init__(self) -> None:
        self._width = 0

    def write(self, text: str, last: bool) -> None:
        self._width = max(self._width, len(text))
        print(f"\rassay: {text:<{self._width}}", end="\n" if last else "", file=sys.stderr, flush=True)


def _notebook_writer() -> Callable[[str, bool], None] | None:
    """A line in the output of the current cell; ``None`` outside a notebook."""
    try:
        from IPython import get_ipython  # type: ignore[import-not-found, unused-ignore]
        from IPython.display import display  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    handle = None

    def write(text: str, last: bool) -> None:
        nonlocal handle
        data = {"text/plain": f"assay: {text}"}
        if handle is None:
            handle = display(data, raw=True, display_id=True)
        else:
            handle.update(data, raw=True)

    return write
