"""The demo: two models, one set of questions, and how sure the numbers are.

Without arguments it asks two simulated models, served on this machine by ``assay-testkit`` (its path is in
ASSAY_TESTKIT). They answer right with a set probability; nothing leaves the machine and nothing costs anything.
With ``--model`` it asks a real one, with the key from the environment:

    OPENAI_API_KEY=... python examples/demo.py --model gpt-4.1-mini --limit 50
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import spark_assay as assay
from pyspark.sql import DataFrame, SparkSession

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "examples" / "data" / "questions.jsonl"
REPORT = ROOT / ".build" / "demo" / "report.html"

# How often each simulated model is right.
SIMULATED = {"sim-large": 0.86, "sim-small": 0.71}
SIMULATED_PRICES = {"sim-large": (2.0, 8.0), "sim-small": (0.15, 0.6)}
SIMULATED_NOTE = (
    "These models are simulated: a server on this machine answers right with a set probability "
    f"({', '.join(f'{name} {share:.0%}' for name, share in SIMULATED.items())}), at made-up prices. "
    "The numbers show what a report looks like and say nothing about any real model."
)
PROMPT = "Answer with the name, word or number only.\n\nQuestion: {{ question }}"


def main() -> int:
    args = arguments()
    if args.model:
        # The key must be in the environment before Spark starts: the executors read it there.
        if args.api_key_env and not os.environ.get(args.api_key_env):
            print(f"{args.api_key_env} is not set; it must hold the key of {args.endpoint or 'the provider'}")
            return 2
        spark = session()
        name = re.sub(r"[^A-Za-z0-9_-]", "-", args.model)
        assay.add_model(
            spark,
            name,
            provider=args.provider,
            model=args.model,
            endpoint=args.endpoint,
            api_key_env=args.api_key_env or None,
        )
        evaluate(spark, [name], limit=args.limit, note=None)
        return 0

    testkit = os.environ.get("ASSAY_TESTKIT")
    if not testkit:
        print(
            "ASSAY_TESTKIT must name the assay-testkit binary (scripts/demo sets it); or give --model for a real model"
        )
        return 2
    print(SIMULATED_NOTE, end="\n\n", flush=True)
    with simulated_models(testkit) as endpoint:
        spark = session()
        for name, (price_input, price_output) in SIMULATED_PRICES.items():
            assay.add_model(
                spark,
                name,
                provider="openai",
                model=name,
                endpoint=endpoint,
                price_input=price_input,
                price_output=price_output,
            )
        evaluate(spark, list(SIMULATED), limit=args.limit, note=SIMULATED_NOTE)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a real model, as its provider names it")
    parser.add_argument("--endpoint", help="the base URL of an OpenAI-compatible server; OpenAI's own by default")
    parser.add_argument("--provider", default="openai", help="the wire format (default: openai)")
    parser.add_argument(
        "--api-key-env",
        help="the environment variable of the key; OPENAI_API_KEY by default where no endpoint is given",
    )
    parser.add_argument("--limit", type=int, help="ask only the first N questions")
    args = parser.parse_args()
    if args.limit is not None and args.limit < 1:
        parser.error("--limit must be at least 1")
    if args.api_key_env is None and args.endpoint is None:
        args.api_key_env = "OPENAI_API_KEY"
    return args


@contextmanager
def simulated_models(testkit: str) -> Iterator[str]:
    """Runs the server of the simulated models and gives its base URL."""
    models = [f"--model={name}={share}" for name, share in SIMULATED.items()]
    command = [testkit, "--port=0", f"--answers={QUESTIONS}", *models, "--latency=lognormal:40ms,0.4"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline() if server.stdout else ""
        if not line.startswith("listening on "):
            raise RuntimeError(f"{testkit} did not start: {line.strip() or f'exit code {server.wait(5)}'}")
        yield line.removeprefix("listening on ").strip()
    finally:
        server.terminate()
        server.wait(10)


def session() -> SparkSession:
    builder = (
        SparkSession.builder.appName("assay-demo")
        .master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "8")
    )
    return assay.use(assay.configure(builder).getOrCreate())


def questions(spark: SparkSession, limit: int | None) -> DataFrame:
    schema = "id STRING, category STRING, question STRING, answers ARRAY<STRING>"
    df = spark.read.schema(schema).json(str(QUESTIONS))
    return df.orderBy("id").limit(limit) if limit else df


def evaluate(spark: SparkSession, models: list[str], *, limit: int | None, note: str | None) -> None:
    started = time.monotonic()
    result = assay.evaluate(
        questions(spark, limit),
        model=models,
        prompt=PROMPT,
        reference="answers",
        key="id",
        metrics=[assay.Metric("exact_match", normalize="squad"), "token_f1"],
        slices=["category"],
        options={"temperature": 0, "max_tokens": 64},
    )
    seconds = time.monotonic() - started
    result.show()
    result.to_html(REPORT, title="Short factual questions", note=note)
    calls = sum(usage.n_rows for usage in result.usage.values())
    print(f"{calls:,} answers in {seconds:.1f} s, start of the query included.")
    print(f"Report: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
