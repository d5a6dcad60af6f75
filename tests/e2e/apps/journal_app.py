"""The same query twice, on a cluster with a journal.

    spark-submit --master local-cluster[3,1,1024] --jars JAR journal_app.py ROWS DISTINCT PARTITIONS RESULTS.json

RESULTS.json has for each of the two the rows by status, what they cost, and a checksum of the answers.
"""

import json
import sys

from pyspark.sql import SparkSession


def main(rows, distinct, partitions, results):
    spark = SparkSession.builder.getOrCreate()
    spark.range(0, int(rows), 1, int(partitions)).createOrReplaceTempView("q")
    query = (
        "SELECT count(*) AS n, count_if(r.status = 'ok') AS ok, count_if(r.deduplicated) AS shared, "
        "count_if(r.cache_hit) AS hits, sum(r.cost_usd) AS usd, sum(CAST(xxhash64(id, r.text) AS DECIMAL(38, 0))) AS answers "
        f"FROM (SELECT id, llm_complete('m', concat('item ', id % {distinct}), named_struct('max_tokens', 64)) AS r FROM q)"
    )
    print("the query begins", flush=True)
    outcomes = [spark.sql(query).head().asDict() for _ in range(2)]
    with open(results, "w", encoding="utf-8") as file:
        json.dump(outcomes, file, default=str)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
