"""What a Spark Connect client does; runs in a Python that has `pyspark-client` and no py4j.

    python connect_client.py sc://HOST:PORT SERVER RESULTS.json

Every function `case_*` is a case of its own. RESULTS.json maps its name to nothing, or to the traceback of its failure.
"""

from __future__ import annotations

import json
import sys
import traceback
import urllib.request

import spark_assay as assay
from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from spark_assay import functions as fn

QUESTIONS = [
    (1, "What is the capital of Afghanistan?", ["Kabul"]),
    (2, "On which continent is Afghanistan?", ["Asia"]),
    (3, "What is the currency of Afghanistan?", ["dollar", "afghani"]),
    (4, "What is the capital of Afghanistan? ", ["Paris"]),
]


class Client:
    def __init__(self, remote: str, server: str) -> None:
        self.remote = remote
        self.server = server
        self.spark = SparkSession.builder.remote(remote).getOrCreate()
        assay.use(self.spark)
        assay.add_model(
            self.spark, "m", provider="openai", model="sim", endpoint=f"{server}/v1", api_key="k", max_concurrency=8
        )
        self.df = self.spark.createDataFrame(QUESTIONS, "id INT, question STRING, answers ARRAY<STRING>")

    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.server}/testkit/stats", timeout=30) as response:
            return json.load(response)["requests"]

    def calls(self, body) -> int:
        before = self.requests()
        body()
        return self.requests() - before

    def refused(self, body) -> PySparkException:
        try:
            body()
        except PySparkException as error:
            return error
        raise AssertionError("was not refused")


def case_there_is_no_py4j(c: Client) -> None:
    try:
        import py4j  # noqa: F401
    except ImportError:
        pass
    else:
        raise AssertionError("py4j can be imported")
    from pyspark.util import is_remote_only

    assert is_remote_only()


def case_sql(c: Client) -> None:
    row = c.spark.sql(
        "SELECT mean_ci(llm_exact_match(p, 'Paris')).estimate AS e, max(llm_prompt('{{ p }}!', struct(p))) AS x "
        "FROM VALUES ('Paris'), ('London') AS v(p)"
    ).first()
    assert row == Row(e=0.5, x="Paris!"), row
    rows = c.spark.sql(
        "SELECT id, llm_complete('m', concat('What is the capital of Peru', id, '?')) AS r FROM range(3)"
    )
    got = []
    assert c.calls(lambda: got.extend(rows.collect())) == 3
    assert [r.r.status for r in got] == ["ok"] * 3


def case_call_function(c: Client) -> None:
    asked = c.df.select(
        "id", F.call_function("llm_complete", F.lit("m"), F.col("question")).alias("r"), "answers"
    ).select("id", "r.text", F.call_function("llm_exact_match", F.col("r.text"), F.col("answers")).alias("score"))
    got = []
    assert c.calls(lambda: got.extend(asked.orderBy("id").collect())) == 4
    assert [r.score for r in got] == [1.0, 1.0, 1.0, 0.0], got
    plan = asked._explain_string()
    assert "Completion" in plan, plan
    assert "NativeEval" in plan, plan


def case_only_the_rows_that_are_wanted(c: Client) -> None:
    many = c.spark.range(0, 1000, 1, 8).select(
        "id", fn.llm_complete("m", F.concat(F.lit("Who is number "), F.col("id"), F.lit("?"))).alias("r")
    )
    assert c.calls(lambda: many.count()) == 0
    assert c.calls(lambda: many.schema) == 0
    assert c.calls(lambda: many._explain_string()) == 0
    assert c.calls(lambda: many.limit(10).collect()) == 10
    assert c.calls(lambda: many.where("id < 5").collect()) == 5
    assert c.calls(lambda: many._show_string(20)) <= 21
    assert c.calls(lambda: many.orderBy("r.text").collect()) == 1000
    c.spark.conf.set("spark.assay.cache.mode", "session")
    assert c.calls(lambda: many.collect()) == 1000
    assert c.calls(lambda: many.where("id < 5").collect()) == 0
    c.spark.conf.unset("spark.assay.cache.mode")


def case_options_of_mixed_types(c: Client) -> None:
    struct = "named_struct('temperature', 0.2D, 'max_tokens', 20, 'stop', array('END'), 'seed', 7)"
    mapped = "map('temperature', '0.2', 'max_tokens', '20', 'stop', '[\"END\"]', 'seed', '7')"
    text = '\'{"temperature": 0.2, "max_tokens": 20, "stop": ["END"], "seed": 7}\''
    keys = {c.spark.sql(f"SELECT llm_request_key('m', 'x', {o})").first()[0] for o in (struct, mapped, text)}
    python = fn.llm_request_key("m", F.lit("x"), temperature=0.2, max_tokens=20, stop=["END"], seed=7)
    keys.add(c.spark.range(1).select(python).first()[0])
    assert len(keys) == 1, keys
    per_row = c.df.select(fn.llm_complete("m", "question", seed=F.col("id"), temperature=0.0)["request_key"].alias("k"))
    assert per_row.distinct().count() == 4


def case_evaluate_answers_that_exist(c: Client) -> None:
    answered = c.df.withColumn("said", F.element_at("answers", 1))
    result = []
    evaluate = lambda: result.append(  # noqa: E731
        assay.evaluate(answered, prediction="said", reference="answers", key="id", metrics=["exact_match", "token_f1"])
    )
    assert c.calls(evaluate) == 0
    assert (result[0]["exact_match"].estimate, result[0]["exact_match"].n) == (1.0, 4)
    assert "exact_match" in result[0].to_text()


def case_evaluate_a_model(c: Client) -> None:
    result = []
    evaluate = lambda: result.append(  # noqa: E731
        assay.evaluate(
            c.df,
            model="m",
            prompt="{{ question }}",
            reference="answers",
            key="id",
            metrics=["exact_match"],
            options={"temperature": 0.0, "seed": 1, "stop": ["END"]},
        )
    )
    assert c.calls(evaluate) == 4
    estimate = result[0]["exact_match"]
    assert (estimate.estimate, estimate.n, estimate.method) == (0.75, 4, "wilson"), estimate
    assert result[0].counts == {"m": {"ok": 4}}
    rows = []
    assert c.calls(lambda: rows.extend(result[0].rows.orderBy("key").collect())) == 0, "the rows are kept"
    assert [r.exact_match for r in rows] == [1.0, 1.0, 1.0, 0.0]
    result[0].unpersist()


def case_errors_keep_their_condition(c: Client) -> None:
    for text, condition, says in (
        ("SELECT llm_complete('mm', 'x')", "ASSAY_UNKNOWN_MODEL", "did you mean 'm'?"),
        (
            "SELECT llm_token_f1('a', 'b', named_struct('variantt', 'x'))",
            "ASSAY_UNKNOWN_OPTION",
            "did you mean 'variant'?",
        ),
        ("SELECT llm_prompt('{{ q', struct(1 AS q))", "ASSAY_TEMPLATE_SYNTAX", ""),
        ("SELECT transform(array('a'), x -> llm_complete('m', x))", "ASSAY_CALL_NOT_ALLOWED", "a lambda function"),
    ):
        error = c.refused(lambda text=text: c.spark.sql(text).collect())
        assert error.getCondition() == condition, (text, error.getCondition(), str(error))
        assert says in str(error), str(error)
        assert len(error.getSqlState() or "") == 5, (condition, error.getSqlState())
    error = c.refused(lambda: assay.add_model(c.spark, "bad", provider="opnai", model="x"))
    assert error.getCondition() == "ASSAY_UNKNOWN_PROVIDER", error.getCondition()
    error = c.refused(lambda: c.spark.range(1).select(fn.llm_complete("m", F.lit("x"), temperature=9.0)).collect())
    assert error.getCondition() == "ASSAY_INVALID_OPTION", error.getCondition()


def case_failed_calls_are_rows(c: Client) -> None:
    assay.add_model(
        c.spark, "closed", provider="openai", model="x", endpoint="http://127.0.0.1:9/v1", api_key="k", max_retries=0
    )
    rows = c.df.select(fn.llm_complete("closed", "question").alias("r")).collect()
    assert [r.r.status for r in rows] == ["network_error"] * 4
    assert all(r.r.text is None and r.r.error.condition for r in rows)


def case_a_second_session_has_its_own_models(c: Client) -> None:
    second = SparkSession.builder.remote(c.remote).create()
    try:
        assay.use(second)
        error = c.refused(lambda: second.sql("SELECT llm_complete('m', 'x')").collect())
        assert error.getCondition() == "ASSAY_UNKNOWN_MODEL", error.getCondition()
        assay.add_model(second, "mine", provider="mock", model="x", mock_reply="{{ prompt }}!")
        assert second.sql("SELECT llm_complete('mine', 'hi').text AS t").first().t == "hi!"
    finally:
        second.stop()
    assert c.spark.sql("SELECT llm_request_key('m', 'x')").count() == 1


def case_an_interrupt_ends_the_calls(c: Client) -> None:
    import threading

    # The stalling model answers to nobody; what is under way must end when the operation is interrupted.
    slow = f"{c.server}/v1"
    assay.add_model(c.spark, "slow", provider="openai", model="slow", endpoint=slow, api_key="k", max_concurrency=16)
    _faults(c.server, {"probabilities": {"stall": 1.0}})
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            c.spark.addTag("to be stopped")
            c.spark.range(200).select(fn.llm_complete("slow", F.concat(F.lit("Wait "), F.col("id")))).collect()
        except PySparkException as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        _until(lambda: _stats(c.server)["in_flight"] >= 16, "calls to be under way")
        c.spark.interruptTag("to be stopped")
        _until(lambda: _stats(c.server)["in_flight"] == 0, "calls to end", within=5)
        thread.join(30)
        assert caught, "the query ended well"
    finally:
        _faults(c.server, {"probabilities": {}})
        thread.join(60)
    assert c.spark.range(3).select(fn.llm_complete("m", F.col("id").cast("string"))).count() == 3


def _stats(server: str) -> dict:
    with urllib.request.urlopen(f"{server}/testkit/stats", timeout=30) as response:
        return json.load(response)


def _faults(server: str, body: dict) -> None:
    request = urllib.request.Request(f"{server}/testkit/faults", json.dumps(body).encode(), method="POST")
    urllib.request.urlopen(request, timeout=30).close()


def _until(condition, what: str, within: float = 60) -> None:
    import time

    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within} s"
        time.sleep(0.02)


CASES = [name for name in dict(globals()) if name.startswith("case_")]


def main(remote: str, server: str, results: str) -> None:
    client = Client(remote, server)
    outcome: dict[str, str | None] = {}
    for name in CASES:
        try:
            globals()[name](client)
            outcome[name] = None
        except Exception:
            outcome[name] = traceback.format_exc()
    client.spark.stop()
    with open(results, "w", encoding="utf-8") as file:
        json.dump(outcome, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
