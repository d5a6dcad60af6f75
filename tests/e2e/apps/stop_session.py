"""Stops a session while calls are under way, looks at the server, and goes on with a new session: twice.

spark-submit --jars JAR stop_session.py SERVER
"""

import json
import sys
import threading
import time
import urllib.request

from pyspark.sql import SparkSession

server = sys.argv[1]


def stats():
    with urllib.request.urlopen(f"{server}/testkit/stats", timeout=30) as response:
        return json.load(response)


def until(condition, what, within):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within} s"
        time.sleep(0.02)


def ask(spark):
    try:
        spark.range(0, 100_000, 1, 4).selectExpr("llm_complete('m', concat('What is ', id, '?')).status").collect()
    except Exception:
        return
    raise AssertionError("the query ended well")


for plugins in ("", "assay.AssayPlugin"):
    spark = SparkSession.builder.config("spark.plugins", plugins).getOrCreate()
    query = threading.Thread(target=ask, args=(spark,), daemon=True)
    query.start()
    until(lambda: stats()["in_flight"] >= 16, "calls to be under way", 60)
    begun = time.monotonic()
    spark.stop()
    stopped = time.monotonic()
    until(lambda: stats()["in_flight"] == 0, "the calls to end", 2)
    print(
        f"plugins={plugins!r}: stop took {stopped - begun:.2f} s, calls ended {time.monotonic() - stopped:.2f} s after it"
    )
    requests = stats()["requests"]
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert stats()["requests"] == requests, "a request after the stop"
        time.sleep(0.02)
    # A session in the same process, and the native runtime with it, starts anew.
    again = SparkSession.builder.config("spark.plugins", plugins).getOrCreate()
    rows = again.sql("SELECT llm_complete('m', concat('Again ', id)).status AS s FROM range(5)").collect()
    assert [row.s for row in rows] == ["ok"] * 5, rows
    assert stats()["requests"] == requests + 5
    print("a new session answers 5 rows")
    again.stop()
