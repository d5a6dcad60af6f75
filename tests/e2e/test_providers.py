"""Formats against llmock 0.2.2, whole and streamed: OpenAI's chat completions, responses and embeddings, Anthropic's messages,
Gemini's generateContent.

Skipped, aloud, where llmock is not installed.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable
from typing import Any

import pytest
import test_counterparts
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from support.testkit import Testkit
from test_counterparts import LLMock, said

# Fixtures of that file, which pytest finds by their names.
llmock = test_counterparts.llmock
configure = test_counterparts.configure

# Where llmock serves each, and how an answer ends that is whole.
BASES = {"openai": "/v1", "openai_responses": "/v1", "anthropic": "/anthropic", "gemini": "/gemini"}
FINISHES = {"openai": "stop", "openai_responses": "completed", "anthropic": "end_turn", "gemini": "STOP"}
PATHS = {
    "openai": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic": "/anthropic/v1/messages",
}
PROVIDERS = list(BASES)
Configure = Callable[..., None]

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def prompts(spark: SparkSession, n: int) -> DataFrame:
    return spark.range(n).select("id", F.format_string("Question number %d?", "id").alias("prompt"))


def ask(frame: DataFrame, **options: Any) -> list[Row]:
    given = [F.lit(json.dumps(options))] if options else []
    call = F.call_function("llm_complete", F.lit("llmock"), F.col("prompt"), *given)
    return frame.select("id", "prompt", call.alias("r")).select("id", "prompt", "r.*").collect()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_answers_are_whole(
    spark: SparkSession,
    llmock: LLMock,
    configure: Configure,
    provider: str,
    stream: bool,
) -> None:
    configure("llmock", llmock.root + BASES[provider], provider=provider, stream=str(stream).lower())
    llmock.reset()
    rows = ask(prompts(spark, 40))
    assert [row.status for row in rows] == ["ok"] * 40
    for row in rows:
        assert row.text == said(row.prompt)
        assert row.input_tokens > 0
        assert row.output_tokens > 0
        assert row.finish_reason == FINISHES[provider]
        assert (row.ttft_ms is not None) == stream
    seen = llmock.requests()
    assert len(seen) == 40
    action = "streamGenerateContent" if stream else "generateContent"
    path = PATHS.get(provider, f"/gemini/v1beta/models/sim:{action}")
    assert {request["path"] for request in seen} == {path}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_tools_are_called_and_answered(
    spark: SparkSession,
    llmock: LLMock,
    configure: Configure,
    provider: str,
    stream: bool,
) -> None:
    configure("llmock", llmock.root + BASES[provider], provider=provider, stream=str(stream).lower())
    llmock.reset()
    first = ask(prompts(spark, 3), tools=[TOOL])
    for row in first:
        assert row.status == "ok"
        (call,) = json.loads(row.tool_calls)
        assert call["type"] == "function"
        assert call["id"]
        assert call["function"]["name"] == "weather"
        assert isinstance(json.loads(call["function"]["arguments"]), dict)

    # The column of calls goes back as it came.
    frame = spark.createDataFrame(
        [(row.id, row.prompt, row.tool_calls, json.loads(row.tool_calls)[0]["id"]) for row in first],
        "id LONG, question STRING, calls STRING, call_id STRING",
    )

    def message(role: str, **fields: Any) -> Any:
        names = ("content", "tool_calls", "tool_call_id")
        values = [fields.get(name, F.lit(None).cast("string")).alias(name) for name in names]
        return F.struct(F.lit(role).alias("role"), *values)

    chat = F.array(
        message("user", content=F.col("question")),
        message("assistant", tool_calls=F.col("calls")),
        message("tool", content=F.lit("20 degrees"), tool_call_id=F.col("call_id")),
    )
    second = ask(frame.select("id", chat.alias("prompt")), tools=[TOOL])
    assert [(row.status, row.tool_calls) for row in second] == [("ok", None)] * 3
    assert all(row.text for row in second)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_cut_answer_is_truncated(
    spark: SparkSession,
    llmock: LLMock,
    configure: Configure,
    provider: str,
    stream: bool,
) -> None:
    configure("llmock", llmock.root + BASES[provider], provider=provider, stream=str(stream).lower())
    llmock.reset()
    llmock.scenario({"type": "reply", "text": "half of", "finish_reason": "length", "times": None})
    rows = ask(prompts(spark, 3))
    assert [(row.status, row.text, row.partial_text) for row in rows] == [("truncated", None, "half of")] * 3


@pytest.mark.parametrize("provider", PROVIDERS)
def test_streams_that_break_are_never_answers(
    spark: SparkSession,
    llmock: LLMock,
    configure: Configure,
    provider: str,
) -> None:
    faults = {
        "disconnect": "network_error",
        "truncate": "network_error",
        "malformed": "server_error",
        "stall": "timeout",
    }
    settings: dict[str, Any] = {"provider": provider, "stream": "true", "idle_timeout_ms": 1000}
    for kind, status in faults.items():
        configure("llmock", llmock.root + BASES[provider], max_retries=0, **settings)
        llmock.reset()
        llmock.scenario({"type": "stream_fault", "kind": kind, "after_chunks": 3, "times": None})
        rows = ask(prompts(spark, 3))
        assert [(row.status, row.text) for row in rows] == [(status, None)] * 3, kind

    # Each kind a few times among 60 rows: all are answered in the end, and the server finds nothing wrong.
    configure("llmock", llmock.root + BASES[provider], max_retries=8, **settings)
    llmock.reset()
    llmock.scenario(
        *({"type": "stream_fault", "kind": kind, "after_chunks": 3, "times": 4} for kind in faults),
        {"type": "fail", "status": 429, "retry_after": 0.2, "times": 5},
        {"type": "fail", "status": 503, "times": 5},
    )
    rows = ask(prompts(spark, 60))
    assert collections.Counter(row.status for row in rows) == {"ok": 60}
    assert all(row.text == said(row.prompt) for row in rows)
    assert sum(row.attempts for row in rows) == 60 + 4 * len(faults) + 10
    errors = [finding for finding in llmock.verdict()["findings"] if finding["severity"] == "error"]
    assert errors == []


def test_embeddings(spark: SparkSession, llmock: LLMock, configure: Configure) -> None:
    prices = {"price.input": 2.0, "price.output": 0.0}
    configure("llmock", f"{llmock.root}/v1", served="text-embedding-3-small", max_retries=3, **prices)
    llmock.reset()
    llmock.scenario({"type": "fail", "status": 503, "times": 3}, {"type": "fail", "status": 400, "times": 1})
    call = F.call_function("llm_embed", F.lit("llmock"), F.col("prompt"))
    rows = prompts(spark, 30).select("id", call.alias("e")).select("id", "e.*").collect()
    assert collections.Counter(row.status for row in rows) == {"ok": 29, "invalid_request": 1}
    for row in rows:
        assert (row.embedding is None) == (row.status != "ok")
        if row.embedding:
            assert len(row.embedding) == 1536
            assert row.cost_usd == pytest.approx(row.input_tokens * 2e-6)
            assert len(row.request_key) == 64
    assert len({tuple(row.embedding) for row in rows if row.embedding}) == 29
    assert len(llmock.requests()) == 33


@pytest.mark.parametrize(
    ("provider", "settings"),
    [
        ("azure_openai", {"api_version": "2024-10-21", "deployment": "prod-1"}),
        ("azure_openai", {"auth": "bearer", "stream": "true"}),
        ("openai_responses", {"stream": "true"}),
    ],
)
def test_formats_of_the_test_server(
    spark: SparkSession, testkit: Testkit, configure: Configure, provider: str, settings: dict[str, Any]
) -> None:
    endpoint = testkit.root if provider == "azure_openai" else testkit.url
    configure("llmock", endpoint, provider=provider, max_retries=8, **settings)
    faults = ["503", "429", "500", "502html", "reset", "truncated", "malformed", "error200"]
    if "stream" in settings:
        faults.append("stream-error")
    with testkit.counting() as calls:
        testkit.faults(retry_after_ms=50, next=[{"fault": fault} for fault in faults])
        rows = ask(prompts(spark, 20))
    assert collections.Counter(row.status for row in rows) == {"ok": 20}
    assert calls.requests == sum(row.attempts for row in rows) == 20 + len(faults)
    assert all(row.output_tokens > 0 for row in rows)


@pytest.mark.parametrize("provider", ["openai", "azure_openai"])
def test_embeddings_of_the_test_server(
    spark: SparkSession, testkit: Testkit, configure: Configure, provider: str
) -> None:
    azure = {"endpoint": testkit.root, "api_version": "2024-10-21"}
    settings = azure if provider == "azure_openai" else {"endpoint": testkit.url}
    configure("llmock", provider=provider, **settings)
    call = F.call_function("llm_embed", F.lit("llmock"), F.col("prompt"), F.lit('{"dimensions": 12}'))
    with testkit.counting() as calls:
        rows = prompts(spark, 25).select(call.alias("e")).select("e.*").collect()
    assert [row.status for row in rows] == ["ok"] * 25
    assert all(len(row.embedding) == 12 for row in rows)
    assert len({tuple(row.embedding) for row in rows}) == 25
    assert calls.requests == 25
