"""Runs the benchmarks side by side, prints their tables and writes docs/benchmarks.md. Called by scripts/bench."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import report
import server

HERE = Path(__file__).parent


def python(interpreter: str, script: str, options: dict, **env: str) -> Any:
    """Runs one part in a process of its own; its last line of output is the result."""
    command = [interpreter, str(HERE / script), json.dumps(options)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env})
    if done.returncode:
        sys.exit(f"benchmarks/{script} failed with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Benchmarks; docs/benchmarks.md says what they mean."
    )
    parser.add_argument(
        "--parts", default="rows,completions,throughput,cache,peer", help="which parts to run (default: %(default)s)"
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="pairs for the metrics (default: %(default)s)")
    parser.add_argument(
        "--completions", default="20000,100000", help="sizes of the runs of model calls (default: %(default)s)"
    )
    parser.add_argument(
        "--throughput-rows", type=int, default=100_000, help="rows at each latency (default: %(default)s)"
    )
    parser.add_argument("--throughput-rounds", type=int, default=3, help="runs at each latency (default: %(default)s)")
    parser.add_argument("--peer-rows", type=int, default=2_000, help="rows for spark-llm-eval (default: %(default)s)")
    parser.add_argument(
        "--cache-rows", type=int, default=100_000, help="fresh rows with and without a cache (default: %(default)s)"
    )
    parser.add_argument("--cache-rounds", type=int, default=3, help="runs with each cache (default: %(default)s)")
    parser.add_argument(
        "--hit-rows", type=int, default=50_000, help="rows of which some are hits (default: %(default)s)"
    )
    parser.add_argument("--replay-rows", type=int, default=1_000_000, help="answers replayed (default: %(default)s)")
    parser.add_argument(
        "--table-rows", type=int, default=10_000_000, help="answers in the large table (default: %(default)s)"
    )
    parser.add_argument(
        "--resamples", type=int, default=9_999, help="resamples of the statistics (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contender (default: %(default)s)")
    parser.add_argument(
        "--slow-rounds", type=int, default=2, help="runs of pandas and levenshtein (default: %(default)s)"
    )
    parser.add_argument("--peer-rounds", type=int, default=2, help="runs of spark-llm-eval (default: %(default)s)")
    parser.add_argument(
        "--concurrency", type=int, default=512, help="maxConcurrency of the model (default: %(default)s)"
    )
    parser.add_argument("--latency", type=int, default=50, help="the server's latency in ms (default: %(default)s)")
    parser.add_argument("--write", metavar="FILE", help="also write the report there, for instance docs/benchmarks.md")
    for tool in ("kernel", "testkit", "load", "times", "spark-python", "peer-python", "stats-python"):
        parser.add_argument(f"--{tool}", required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    parts = args.parts.split(",")

    results: dict = {"about": machine.describe(), "begun": time.strftime("%Y-%m-%d"), "options": vars(args)}
    if "rows" in parts:
        options = {
            "rows": args.rows,
            "rounds": args.rounds,
            "warmup": 5,
            "slow_rounds": args.slow_rounds,
            "kernel": args.kernel,
        }
        results["rows"] = python(args.spark_python, "rows.py", options)
    if "completions" in parts or "peer" in parts:
        with server.serving(args.testkit, f"{args.latency}ms") as testkit:
            common = {"url": testkit.url, "concurrency": args.concurrency, "rounds": args.rounds}
            if "completions" in parts:
                sizes = [int(n) for n in args.completions.split(",")]
                options = {**common, "sizes": sizes, "label": "a", "load": args.load}
                results["completions"] = python(args.spark_python, "completions.py", options)
            if "peer" in parts:
                options = {**common, "sizes": [args.peer_rows], "label": "b"}
                results["ours"] = python(args.spark_python, "completions.py", options)
                for form in ("default", "best"):
                    options = {"url": testkit.url, "rows": args.peer_rows, "rounds": args.peer_rounds, "form": form}
                    options["label"] = form
                    results[f"peer {form}"] = python(
                        args.peer_python, "peer.py", options, PYSPARK_PYTHON=args.peer_python
                    )
    if "throughput" in parts:
        options = {"testkit": args.testkit, "rows": args.throughput_rows, "rounds": args.throughput_rounds}
        results["throughput"] = python(args.spark_python, "throughput.py", options)
    if "cache" in parts:
        with server.serving(args.testkit, f"{args.latency}ms") as testkit:
            options = {
                "url": testkit.url,
                "concurrency": args.concurrency,
                "rows": args.cache_rows,
                "rounds": args.cache_rounds,
                "hit_rows": args.hit_rows,
                "replay_rows": args.replay_rows,
                "table_rows": args.table_rows,
            }
            results["cache"] = python(args.spark_python, "cache.py", options)
        with tempfile.TemporaryDirectory() as folder:
            options = {"rows": args.peer_rows, "rounds": args.peer_rounds, "table": f"{folder}/table"}
            options["delta"] = os.environ["BENCH_DELTA"].replace(":", ",")
            results["peer replay"] = python(
                args.peer_python, "peer_replay.py", options, PYSPARK_PYTHON=args.peer_python
            )
    if "stats" in parts:
        options = {"times": args.times, "resamples": args.resamples, "rounds": 3}
        results["stats"] = python(args.stats_python, "stats.py", options)
    results["load after"] = machine.describe()["load"]
    Path(".build/bench/results.json").write_text(json.dumps(results, indent=1))
    text = report.render(results)
    print(text)
    if args.write:
        Path(args.write).write_text(text)


if __name__ == "__main__":
    main()
