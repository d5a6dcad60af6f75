"""Part (c): model calls at several latencies, beside the server's own ceiling. Run by run.py; prints one line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time

import server
import spark_assay as assay
from completions import data, scored
from machine import cpu_seconds, rss_mb, thread_seconds, timed
from pyspark.sql import SparkSession
from session import jvm_pid, open_session

# What the server adds, how many requests are open at once, and the mean of that latency in ms.
CASES = {
    "0 ms": ("0", 256, 0.0),
    "50 ms": ("50ms", 512, 50.0),
    "500 ms": ("500ms", 2048, 500.0),
    "log-normal, median 50 ms, sigma 1.5": ("lognormal:50ms,1.5", 1024, 154.0),
}
HEAP_MB = 2048


def wrk(url: str, concurrency: int, seconds: int = 8) -> float:
    """Requests a second that wrk gets out of the server."""
    body = json.dumps(
        {"model": server.MODEL, "messages": [{"role": "user", "content": "What is the capital of Chad?"}]}
    )
    script = f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = [==[{body}]==]\n"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "--timeout", "60s", "-s", file.name]
        out = subprocess.run([*command, f"{url}/chat/completions"], check=True, capture_output=True, text=True).stdout
    return float(next(line.split(":")[1] for line in out.splitlines() if line.startswith("Requests/sec")))


class Watch(threading.Thread):
    """Looks at a process's memory, and at how many calls the server has answered, five times a second."""

    def __init__(self, pid: int, testkit: server.Server) -> None:
        super().__init__(daemon=True)
        self.pid, self.testkit, self.ended = pid, testkit, threading.Event()
        self.memory: list[float] = []
        self.answered: list[tuple[float, int]] = []

    def look(self) -> None:
        self.memory.append(rss_mb(self.pid))
        self.answered.append((time.perf_counter(), int(self.testkit.stats()["answered"])))

    def run(self) -> None:
        while not self.ended.wait(0.2):
            self.look()

    def __enter__(self) -> Watch:
        self.look()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()
        self.look()

    def seconds_until(self, share: float, rows: int) -> float:
        """The seconds until that share of the rows was answered."""
        (begun, before), wanted = self.answered[0], share * rows
        return next(at for at, answered in self.answered if answered - before >= wanted) - begun


def non_heap_mb(spark: SparkSession) -> float:
    """What the JVM keeps for classes and compiled code."""
    bean = spark._jvm.java.lang.management.ManagementFactory.getMemoryMXBean()
    return bean.getNonHeapMemoryUsage().getCommitted() / 2**20


def main() -> None:
    options = json.loads(sys.argv[1])
    rows = options["rows"]
    # A heap that is there from the start, so that what grows is not the heap.
    java = f"-Xms{HEAP_MB}m -XX:+AlwaysPreTouch"
    memory_settings = {"spark.driver.memory": f"{HEAP_MB}m", "spark.driver.extraJavaOptions": java}
    spark = open_session("bench throughput", **memory_settings)
    frame, pid = data(spark, rows), jvm_pid(spark)
    results = []
    for case, (latency, concurrency, mean_ms) in CASES.items():
        with server.serving(options["testkit"], latency) as testkit:
            settings = {"provider": "openai", "endpoint": testkit.url, "model": server.MODEL, "api_key": "unused"}
            assay.add_model(spark, server.MODEL, max_concurrency=concurrency, **settings)
            if not results:
                scored(frame, "warm")
            ceilings, runs = [], []
            for round_ in range(options["rounds"]):
                ceilings.append(wrk(testkit.url, concurrency))
                calls, server_cpu = testkit.calls(), cpu_seconds(testkit.pid)
                threads = thread_seconds(pid, "assay-inference")
                with Watch(pid, testkit) as watch:
                    run = timed(pid, lambda run=f"{case}-{round_}": scored(frame, run))
                seen = watch.memory
                runs.append(
                    {
                        **run,
                        "calls": testkit.calls() - calls,
                        "seconds_until_99": watch.seconds_until(0.99, rows),
                        "server_cpu": cpu_seconds(testkit.pid) - server_cpu,
                        "threads_cpu": thread_seconds(pid, "assay-inference") - threads,
                        "rss_mb": [seen[len(seen) * k // 8] for k in range(8)] + seen[-1:],
                        "native_mb": max(seen) - HEAP_MB - non_heap_mb(spark),
                    }
                )
            results.append(
                {
                    "case": case,
                    "heavy_tail": latency.startswith("lognormal"),
                    "concurrency": concurrency,
                    "mean_ms": mean_ms,
                    "ceilings": ceilings,
                    "runs": runs,
                }
            )
    print(json.dumps({"rows": rows, "cases": results}))
    spark.stop()


if __name__ == "__main__":
    main()
