"""A day in the life of a cluster: queries that go well, that are refused, that fail, and an executor that dies.

    spark-submit --master local-cluster[2,1,1024] --jars JAR cluster_app.py SERVER QUESTIONS.jsonl RESULTS.json

QUESTIONS.jsonl has id, question and answer, of which nothing may be seen in any log: this prints none of them either.
The test kills an executor once this has printed `kill an executor now`.
"""

import json
import os
import sys
import urllib.request

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

PROVIDERS = ("anthropic", "gemini", "openai_responses", "azure_openai", "bedrock", "http")


def faults(server, **body):
    request = urllib.request.Request(f"{server}/testkit/faults", json.dumps(body).encode(), method="POST")
    urllib.request.urlopen(request, timeout=30).close()


def pages(ui):
    """What the Spark UI and its REST interface show."""

    def read(path):
        with urllib.request.urlopen(f"{ui}{path}", timeout=60) as response:
            return response.read().decode()

    for path in ("/jobs/", "/stages/", "/environment/", "/executors/", "/SQL/"):
        yield read(path)
    application = json.loads(read("/api/v1/applications"))[0]["id"]
    queries = f"/api/v1/applications/{application}/sql?details=true&planDescription=true&length=1000"
    yield read(queries)
    yield read(f"/api/v1/applications/{application}/environment")
    for query in json.loads(read(queries)):
        yield read(f"/SQL/execution/?id={query['id']}")


def main(server, questions, results):
    spark = SparkSession.builder.getOrCreate()
    spark.read.schema("id INT, question STRING, answer STRING").json(questions).repartition(4).createOrReplaceTempView(
        "q"
    )
    outcome = {}

    def statuses(name, where):
        text = f"""SELECT r.status, count(*) AS n FROM (SELECT llm_complete('{name}',
            llm_prompt('Question: {{{{ question }}}}', struct(question))) AS r FROM q WHERE {where}) GROUP BY r.status"""
        outcome[name] = {row.status: row.n for row in spark.sql(text).collect()}

    for name in ("asked", "env", "file", "header", "wrong", "down", *PROVIDERS):
        statuses(name, "id < 20")
    with open(f"{os.path.dirname(results)}/explain.txt", "w", encoding="utf-8") as file:
        for name in ("asked", *PROVIDERS):
            for how in ("EXTENDED", "FORMATTED", "CODEGEN", "COST"):
                text = f"EXPLAIN {how} SELECT llm_complete('{name}', question) AS r FROM q"
                file.write(spark.sql(text).head()[0])

    # A server that sends the request back in its error, and one whose answer is no JSON.
    echoed = spark.sql("SELECT first(question) FROM q WHERE id = 1").head()[0]
    error = json.dumps(
        {"error": {"message": f"bad request: {echoed}", "type": "invalid_request_error", "code": echoed}}
    )
    faults(server, next=[{"status": 400, "body": error}, {"status": 200, "body": f"no json: {echoed}"}] * 5)
    statuses("once", "id < 10")

    # A task that fails for a reason of its own, with calls under way.
    try:
        spark.sql(
            "SELECT if(id = 7 AND r.status IS NOT NULL, raise_error('on purpose'), r.text) AS x "
            "FROM (SELECT id, llm_complete('asked', question) AS r FROM q WHERE id < 200)"
        ).collect()
        outcome["failed task"] = None
    except PySparkException as refused:
        outcome["failed task"] = refused.getCondition()
    try:
        spark.sql("SELECT llm_complete('askedd', question) FROM q").collect()
    except PySparkException as refused:
        outcome["planning"] = refused.getCondition()
    spark.sql("EXPLAIN EXTENDED SELECT llm_complete('asked', question).text FROM q").collect()

    print("kill an executor now", flush=True)
    row = spark.sql(
        "SELECT count(*) AS n, count(DISTINCT id) AS ids, count_if(r.status = 'ok') AS ok, "
        "count_if(r.text = answer) AS right, mean_ci(llm_exact_match(r.text, answer)).estimate AS estimate "
        "FROM (SELECT id, answer, llm_complete('asked', question) AS r FROM q)"
    ).head()
    outcome["after the kill"] = row.asDict()
    with open(f"{os.path.dirname(results)}/ui.txt", "w", encoding="utf-8") as file:
        file.writelines(pages(spark.sparkContext.uiWebUrl))
    outcome["executors"] = spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1
    with open(results, "w", encoding="utf-8") as file:
        json.dump(outcome, file)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
