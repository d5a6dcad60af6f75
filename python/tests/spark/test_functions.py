"""Every function of the jar, from Python."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_assay import __version__
from spark_assay import functions as fn


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    rows = [(1, "the green apple", ["apple", "pear"]), (2, None, ["apple"]), (3, "apple", None), (4, "", [""])]
    return spark.createDataFrame(rows, "id INT, p STRING, r ARRAY<STRING>")


def values(df: DataFrame, column: Any) -> list[Any]:
    return [row[0] for row in df.orderBy("id").select(column).collect()]


def test_sql_and_python_have_the_same_functions(spark: SparkSession) -> None:
    names = {row[0] for row in spark.sql("SHOW FUNCTIONS").collect()}
    mine = {name for name in fn.__all__ if name != "prompt"}
    assert mine <= names
    assert {
        name for name in names if name.startswith(("llm_", "assay_")) and not name.startswith("assay_cache")
    } <= mine


def test_version(spark: SparkSession) -> None:
    assert spark.range(1).select(fn.assay_version()).first()[0] == __version__  # type: ignore[index]


def test_metrics(df: DataFrame) -> None:
    assert values(df, fn.llm_exact_match("p", "r")) == [0.0, None, None, 1.0]
    assert values(df, fn.llm_exact_match("p", F.lit("green APPLE."), normalize="squad")) == [1.0, None, 0.0, 0.0]
    assert values(df, fn.llm_token_f1("p", "r")) == pytest.approx([2 / 3, None, None, 0.0])
    assert values(df, fn.llm_token_f1("p", "r", variant="v2.0"))[3] == 1.0
    assert values(df, fn.llm_contains("p", "r")) == [1.0, None, None, 1.0]
    assert values(df, fn.llm_contains("p", F.lit("GREEN"), case_sensitive=False))[0] == 1.0


def test_prompts(df: DataFrame) -> None:
    assert values(df, fn.llm_prompt("<{{ id }}>", F.struct("id"))) == ["<1>", "<2>", "<3>", "<4>"]
    assert values(df, fn.prompt("{{ x | upper }}{{ n }}", x=F.lit("a"), n="id"))[0] == "A1"


def test_a_template_cannot_reach_beyond_its_fields(df: DataFrame) -> None:
    with pytest.raises(PySparkException, match=r"ASSAY_TEMPLATE_VARIABLE.*did you mean 'id'"):
        _ = df.select(fn.llm_prompt("{{ idd }}", F.struct("id"))).schema
    text = r"$5 \1 {{ id }} {% endraw %}"
    assert values(df, fn.prompt("{{ x }}", x=F.lit(text)))[0] == text


def test_completion(df: DataFrame) -> None:
    rows = df.select("id", fn.llm_complete("echo", "p").alias("c")).orderBy("id").select("c.*").collect()
    assert [row["status"] for row in rows] == ["ok", "no_prompt", "ok", "ok"]
    assert [row["text"] for row in rows[:3]] == ["the green apple", None, "apple"]
    assert rows[0]["request_key"] == values(df, fn.llm_request_key("echo", "p"))[0]


def test_options_by_row_and_by_query(df: DataFrame) -> None:
    column = fn.llm_request("echo", "p", temperature=0.5, stop=["a", "b"], seed=F.col("id") * 10, system=F.lit("Hi"))
    request = json.loads(values(df, column)[0])
    assert request["options"] == {"seed": 10, "stop": ["a", "b"], "temperature": 0.5}
    assert [m["role"] for m in request["messages"]] == ["system", "user"]


def test_chat_messages(df: DataFrame) -> None:
    chat = F.array(
        F.struct(F.lit("system").alias("role"), F.lit("Be brief").alias("content")),
        F.struct(F.lit("user").alias("role"), F.col("p").alias("content")),
    )
    request = json.loads(values(df, fn.llm_request("echo", chat))[0])
    assert request["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "the green apple"},
    ]


def test_messages_with_images_and_tools(df: DataFrame) -> None:
    calls = json.dumps([{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
    schema = (
        "role STRING, content ARRAY<STRUCT<type STRING, text STRING, image BINARY>>, tool_calls STRING, "
        "tool_call_id STRING"
    )
    chat = [
        ("user", [("text", "What is this?", None), ("image", None, b"\x89PNG and so on")], None, None),
        ("assistant", None, calls, None),
        ("tool", [("text", "a cat", None)], None, "c1"),
    ]
    frame = df.sparkSession.createDataFrame([(1, chat)], f"id INT, chat ARRAY<STRUCT<{schema}>>")
    request = json.loads(values(frame, fn.llm_request("echo", "chat"))[0])
    image = request["messages"][0]["content"][1]
    assert (image["type"], image["media_type"], len(image["sha256"])) == ("image", "image/png", 64)
    assert request["messages"][1]["tool_calls"] == json.loads(calls)
    assert request["messages"][2]["tool_call_id"] == "c1"
    assert frame.select(fn.llm_complete("echo", "chat")["text"]).first()[0] == "What is this?"


def test_embeddings(df: DataFrame) -> None:
    rows = df.select("id", fn.llm_embed("echo", "p", dimensions=4).alias("e")).orderBy("id").select("e.*").collect()
    assert [row["status"] for row in rows] == ["ok", "no_prompt", "ok", "ok"]
    assert [row["embedding"] and len(row["embedding"]) for row in rows] == [4, None, 4, 4]
    assert rows[0]["embedding"] != rows[2]["embedding"]
    assert len({row["request_key"] for row in rows if row["status"] == "ok"}) > 1
    with pytest.raises(Exception, match=r"llm_embed has no option 'dimension'.*did you mean 'dimensions'"):
        df.select(F.call_function("llm_embed", F.lit("echo"), "p", F.lit('{"dimension": 4}'))).collect()


EVERY_OPTION: dict[str, Any] = {
    "system": "s",
    "temperature": 0.5,
    "top_p": 0.5,
    "max_tokens": 5,
    "max_completion_tokens": 5,
    "stop": "END",
    "seed": 1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logprobs": True,
    "top_logprobs": 2,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "repeat": 2,
    "extra_body": {"top_k": 5},
    "extra_headers": {"X-Team": "a"},
}


def test_python_has_every_option_of_the_engine(df: DataFrame) -> None:
    parameters = inspect.signature(fn.llm_complete).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert names == list(EVERY_OPTION)
    for name, value in EVERY_OPTION.items():
        if name != "max_completion_tokens":
            _ = df.select(fn.llm_complete("echo", "p", **{name: value})).schema
    with pytest.raises(PySparkException, match=r"ASSAY_UNKNOWN_OPTION"):
        _ = df.select(fn.llm_request("echo", "p", no_such_option=1)).schema
    # The message lists what the engine knows when nothing is near.
    with pytest.raises(PySparkException) as error:
        _ = df.select(fn.llm_request("echo", "p", qqqq=1)).schema
    known = str(error.value).split("known: ")[1].split("\n")[0].split(". SQLSTATE")[0].split(", ")
    assert {name.strip(" .;'\"") for name in known} >= set(EVERY_OPTION)


@pytest.mark.parametrize(
    ("column", "condition"),
    [
        (lambda: fn.llm_complete("ecko", "p"), "ASSAY_UNKNOWN_MODEL"),
        (lambda: fn.llm_complete("echo", "p", temperature=9), "ASSAY_INVALID_OPTION"),
        (lambda: fn.llm_exact_match("p", "id"), "ASSAY_|DATATYPE_MISMATCH"),
        (lambda: fn.llm_prompt("{{ id", F.struct("id")), "ASSAY_TEMPLATE_SYNTAX"),
    ],
)
def test_planning_refuses(df: DataFrame, column: Any, condition: str) -> None:
    with pytest.raises(PySparkException, match=condition):
        _ = df.select(column()).schema


def test_intervals(spark: SparkSession) -> None:
    df = spark.sql(
        "SELECT id % 2 AS g, CAST(id % 4 = 0 AS DOUBLE) AS x, IF(id < 3, NULL, id / 7.0D) AS y FROM range(40)"
    )
    row = df.select(fn.mean_ci("x", level=0.9).alias("ci")).select("ci.*").first()
    assert row is not None
    assert (row["estimate"], row["n"], row["n_null"], row["level"], row["method"]) == (0.25, 40, 0, 0.9, "wilson")
    row = df.select(fn.mean_ci("y").alias("ci")).select("ci.*").first()
    assert row is not None
    assert (row["n"], row["n_null"], row["method"]) == (37, 3, "hall")
    assert row["lower"] < row["estimate"] < row["upper"]
    groups = (
        df.groupBy("g").agg(fn.mean_ci("x", kind="binary").alias("ci")).orderBy("g").select("ci.estimate").collect()
    )
    assert [group[0] for group in groups] == [0.5, 0.0]
    seeded = [df.select(fn.mean_ci("y", method="bca", n_resamples=500, seed=s).alias("c")).first() for s in (1, 1, 2)]
    assert seeded[0] == seeded[1] != seeded[2]
