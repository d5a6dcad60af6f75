package assay

import java.nio.file.Files

import org.apache.spark.sql.Row

/** Prompts that begin alike are asked one after the other, where that is set; seen by when each was answered. */
class PrefixOrderSuite extends SparkSuite {
  override protected def settings: Map[String, String] =
    Map("spark.assay.prefixOrder" -> "true", "spark.assay.model.m.maxConcurrency" -> "1")

  private val contexts = 7

  /** Rows in an order that has nothing to do with their prompts. */
  override def beforeAll(): Unit = {
    super.beforeAll()
    val path = Files.createTempDirectory("assay-prefix").resolve("t").toString
    sql(s"""SELECT id, concat('context ', id % $contexts, ': item ', id) AS q, concat('context ', id % $contexts) AS c
            FROM range(0, 210, 1, 1)""").write.parquet(path)
    spark.read.parquet(path).createOrReplaceTempView("t")
  }

  /** How often the context changes from one answer to the next in time. */
  private def changes(rows: Array[Row]): Int = {
    val inTime = rows.sortBy(_.getTimestamp(1)).map(_.getString(0).takeWhile(_ != ':'))
    inTime.zip(inTime.tail).count { case (a, b) => a != b }
  }

  test("by the prompt, by a template, by messages with a system text of their own") {
    val asked = Seq(
      "SELECT q, llm_complete('m', q).answered_at FROM t",
      "SELECT q, llm_complete('m', llm_prompt('{{ c }}: {{ id }}', struct(id, c))).answered_at FROM t",
      "SELECT q, llm_complete('m', array(named_struct('role', 'user', 'content', q))).answered_at FROM t",
      "SELECT q, llm_complete('m', concat('item ', id), named_struct('system', c)).answered_at FROM t"
    )
    for (query <- asked) assert(changes(sql(query).collect()) == contexts - 1, query)
    spark.conf.set("spark.assay.prefixOrder", "false")
    try assert(changes(sql(asked.head).collect()) > 100)
    finally spark.conf.set("spark.assay.prefixOrder", "true")
  }

  test("rows keep their answers, and a query's own order stands") {
    val rows = sql("SELECT id, q, llm_complete('m', q).text FROM t").collect()
    assert(rows.length == 210 && rows.forall(r => r.getString(1) == r.getString(2)))
    val ordered = sql("SELECT id, llm_complete('m', q).answered_at FROM (SELECT * FROM t ORDER BY id DESC)").collect()
    assert(ordered.map(_.getLong(0)).toSeq == (0L until 210L).reverse)
    val times = ordered.map(_.getTimestamp(1))
    assert(times.zip(times.tail).forall { case (a, b) => !a.after(b) })
  }

  test("anything but true and false is an error") {
    spark.conf.set("spark.assay.prefixOrder", "yes")
    try assert(conditionOf(sql("SELECT llm_complete('m', q) FROM t").collect())._1 == "ASSAY_INVALID_OPTION")
    finally spark.conf.set("spark.assay.prefixOrder", "true")
  }
}
