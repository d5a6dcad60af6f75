"""Runs SQL texts with `spark.sql` and nothing else: what spark-submit gets in the tests.

    spark-submit --jars JAR run_sql.py STATEMENTS.json RESULTS.json

STATEMENTS.json is a list of texts. For each, RESULTS.json has the rows and their types, the text of EXPLAIN and the chat
requests that the server counted, or the condition of the error.
"""

import json
import sys
import urllib.request

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession


def requests(server):
    with urllib.request.urlopen(f"{server}/testkit/stats", timeout=30) as response:
        return json.load(response)["requests"]


def run(spark, text, server):
    before = requests(server)
    try:
        if text.lstrip().upper().startswith(("EXPLAIN", "SET", "CREATE", "DROP")):
            plan = ""
        else:
            plan = spark.sql("EXPLAIN EXTENDED " + text).head()[0]
        planned = requests(server) - before
        rows = [list(row) for row in spark.sql(text).collect()]
        result = {"rows": rows, "plan": plan, "calls": requests(server) - before, "calls_at_planning": planned}
    except PySparkException as error:
        result = {"error": error.getCondition(), "message": str(error), "sql_state": error.getSqlState()}
        result["calls"] = requests(server) - before
    return result


def main(statements, results):
    with open(statements, encoding="utf-8") as file:
        job = json.load(file)
    spark = SparkSession.builder.getOrCreate()
    outcome = [run(spark, text, job["server"]) for text in job["texts"]]
    with open(results, "w", encoding="utf-8") as file:
        json.dump({"outcome": outcome, "version": spark.version, "plugins": spark.conf.get("spark.plugins", "")}, file)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
