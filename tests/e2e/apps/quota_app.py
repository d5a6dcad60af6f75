"""One query that a quota bounds, on a cluster.

    spark-submit --master local-cluster[2,1,1024] --jars JAR quota_app.py ROWS PARTITIONS RESULTS.json

Prints `the query begins` before it. RESULTS.json has the rows by status, and by the first words of their error.
"""

import json
import sys
import time

from pyspark.sql import SparkSession


def main(rows, partitions, results):
    spark = SparkSession.builder.getOrCreate()
    spark.range(0, int(rows), 1, int(partitions)).createOrReplaceTempView("q")
    print("the query begins", flush=True)
    begun = time.monotonic()
    counted = spark.sql(
        "SELECT r.status AS status, count(*) AS n, sum(r.attempts) AS attempts, sum(r.cost_usd) AS usd, "
        "min(r.error.message) AS message FROM "
        "(SELECT llm_complete('m', concat('item ', id), named_struct('max_tokens', 64)) AS r FROM q) GROUP BY r.status"
    ).collect()
    outcome = {row.status: row.asDict() for row in counted}
    outcome["seconds"] = time.monotonic() - begun
    with open(results, "w", encoding="utf-8") as file:
        json.dump(outcome, file)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
