package assay

import java.nio.file.Files

import org.apache.spark.sql.functions._
import org.apache.spark.storage.StorageLevel

/** Who pays for which rows: 1,000 rows in 8 partitions, calls counted. What needs no answer decides first; an answer is
  * bought once for each row that wants it.
  */
abstract class PaidCallsSuite(adaptive: Boolean) extends SparkSuite {
  // Plans that pay twice for equal rows would hide behind the one call that equal rows share.
  override protected def settings: Map[String, String] =
    Map("spark.sql.adaptive.enabled" -> adaptive.toString, "spark.assay.model.m.deduplicate" -> "false")

  private val n = 1000L
  private lazy val path = Files.createTempDirectory("assay-paid").resolve("t").toString

  override def beforeAll(): Unit = {
    super.beforeAll()
    spark
      .range(0, n, 1, 8)
      .selectExpr("id", "id % 10 AS category", "concat('q', id) AS q", "concat('q', id) AS a")
      .write
      .parquet(path)
    spark.read.parquet(path).createOrReplaceTempView("t")
  }

  private def df = spark.table("t").withColumn("r", call_function("llm_complete", lit("m"), col("q")))
  private def rows(text: String): Array[org.apache.spark.sql.Row] = sql(text).collect()

  private def pays(name: String, calls: Long)(body: => Any): Unit = test(s"$name: $calls calls") {
    assert(callsOf(body) == calls)
  }

  pays("collect", n)(
    assert(df.collect().forall(r => r.getAs[org.apache.spark.sql.Row]("r").getString(0) == r.getString(2)))
  )
  pays("embeddings of the rows that want them, beside their answers", 10 + 10)(
    rows("SELECT llm_embed('m', q).embedding, llm_complete('m', q).text FROM t WHERE id < 10")
  )
  pays("an embedding that no one reads", 0)(
    rows("SELECT id FROM (SELECT id, llm_embed('m', q) AS e FROM t)")
  )
  pays("two fields of one call", n)(rows("SELECT llm_complete('m', q).text, llm_complete('m', q).status FROM t"))
  pays("two different calls", 2 * n)(
    rows("SELECT llm_complete('m', q).text, llm_complete('m', q, map('seed', '2')).text FROM t")
  )
  pays("count", 0)(assert(df.count() == n))
  pays("a column that is not used", 0)(df.select("id").collect())
  pays("schema and explain", 0) {
    df.schema
    df.queryExecution.toString
    rows("EXPLAIN EXTENDED SELECT llm_complete('m', q).text FROM t")
  }
  pays("a filter after the call", 10)(df.filter("id < 10").collect())
  pays("WHERE on another column", 100)(rows("SELECT llm_complete('m', q).text FROM t WHERE category = 3"))
  pays("a filter and the answer", 10)(rows("SELECT id FROM t WHERE id < 10 AND llm_complete('m', q).status = 'ok'"))
  pays("the answer and a filter", 10)(rows("SELECT id FROM t WHERE llm_complete('m', q).status = 'ok' AND id < 10"))
  pays("the same call in SELECT and WHERE", n) {
    assert(rows("SELECT llm_complete('m', q).text FROM t WHERE llm_complete('m', q).status = 'ok'").length == n)
  }
  pays("the same call in SELECT, WHERE and ORDER BY", n) {
    rows(
      "SELECT llm_complete('m', q).text x FROM t WHERE llm_complete('m', q).status = 'ok' ORDER BY llm_complete('m', q).text"
    )
  }
  pays("CASE", 10)(
    assert(rows("SELECT CASE WHEN id < 10 THEN llm_complete('m', q).text END x FROM t").count(!_.isNullAt(0)) == 10)
  )
  pays("CASE, the second branch", n - 10)(
    rows("SELECT CASE WHEN id < 10 THEN 'x' ELSE llm_complete('m', q).text END FROM t")
  )
  pays("IF", 10)(rows("SELECT if(id < 10, llm_complete('m', q).text, q) FROM t"))
  pays("coalesce", 10)(rows("SELECT coalesce(CASE WHEN id >= 10 THEN q END, llm_complete('m', q).text) FROM t"))
  pays("nvl", 10)(rows("SELECT nvl(CASE WHEN id >= 10 THEN q END, llm_complete('m', q).text) FROM t"))
  pays("AND in a projection", 10)(rows("SELECT id < 10 AND llm_complete('m', q).status = 'ok' FROM t"))
  pays("OR in a projection", n - 10)(rows("SELECT id < 10 OR llm_complete('m', q).status = 'ok' FROM t"))
  pays("a cascade", n + 100) {
    rows(
      """SELECT CASE WHEN llm_complete('m', q).text LIKE '%7' THEN llm_complete('m', concat('again ', q)).text END FROM t"""
    )
  }
  pays("a call on an answer", 2 * n) {
    assert(
      rows("SELECT llm_complete('m', concat('judge ', llm_complete('m', q).text)).text FROM t")
        .forall(_.getString(0).startsWith("judge q"))
    )
  }
  test("a random guard decides once: as many calls as answers") {
    var answers = 0
    val calls = callsOf {
      answers = rows("SELECT CASE WHEN rand() < 0.5 THEN llm_complete('m', q).text END x FROM t").count(!_.isNullAt(0))
    }
    assert(calls == answers && answers > 300 && answers < 700)
  }
  pays("LIMIT 10", 10)(assert(rows("SELECT id, llm_complete('m', q).text FROM t LIMIT 10").length == 10))
  pays("LIMIT 10 OFFSET 5", 10)(rows("SELECT id, llm_complete('m', q).text FROM t ORDER BY id LIMIT 10 OFFSET 5"))
  pays("show", 21)(Console.withOut(new java.io.ByteArrayOutputStream)(df.show()))
  pays("head", 1)(df.head())
  pays("limit, then a filter on the answer", 10)(df.limit(10).filter("r.status = 'ok'").collect())
  pays("ORDER BY another column LIMIT 10", 10)(rows("SELECT id, llm_complete('m', q).text FROM t ORDER BY id LIMIT 10"))
  pays("ORDER BY the answer LIMIT 10", n)(rows("SELECT id, llm_complete('m', q).text x FROM t ORDER BY x LIMIT 10"))
  pays("a global sort on another column", n) {
    assert(df.orderBy("id").collect().map(_.getLong(0)).toSeq == (0L until n))
  }
  pays("a global sort on the answer", n) {
    val texts = df.orderBy("r.text").select("r.text").collect().map(_.getString(0)).toSeq
    assert(texts == texts.sorted)
  }
  pays("repartition by range", n)(df.repartitionByRange(4, col("id")).collect())
  pays("sort, then call", n) {
    assert(
      spark
        .table("t")
        .orderBy("id")
        .withColumn("r", call_function("llm_complete", lit("m"), col("q")))
        .collect()
        .map(_.getLong(0))
        .toSeq == (0L until n)
    )
  }
  pays("sort on a column that is dropped, then call", n) {
    val prompts = spark
      .table("t")
      .orderBy(col("id").desc)
      .select(call_function("llm_complete", lit("m"), col("q")).getField("text"))
    assert(prompts.collect().map(_.getString(0)).toSeq == (0L until n).reverse.map(i => s"q$i"))
  }
  pays("repartition after the call", n)(df.repartition(3).collect())
  pays("an aggregate of the answer", n)(rows("SELECT count(llm_complete('m', q).text) FROM t"))
  pays("GROUP BY the answer", n)(
    rows("SELECT llm_complete('m', q).status s, count(*) FROM t GROUP BY llm_complete('m', q).status")
  )
  pays("GROUP BY with HAVING and ORDER BY", n) {
    rows("SELECT category, avg(length(llm_complete('m', q).text)) a FROM t GROUP BY category HAVING a > 1 ORDER BY a")
  }
  pays("FILTER of an aggregate", 10)(rows("SELECT count(llm_complete('m', q).text) FILTER (WHERE id < 10) FROM t"))
  pays("a call on the result of an aggregate", 10) {
    assert(rows("SELECT category, llm_complete('m', max(q)).text FROM t GROUP BY category").length == 10)
  }
  pays("scores with an interval in one SELECT", n) {
    val result =
      rows("SELECT category, mean_ci(llm_exact_match(llm_complete('m', q).text, a)).estimate FROM t GROUP BY category")
    assert(result.length == 10 && result.forall(_.getDouble(1) == 1.0))
  }
  pays("a window over the answer", n)(rows("SELECT row_number() OVER (ORDER BY llm_complete('m', q).text) FROM t"))
  pays("explode", n)(rows("SELECT explode(array(llm_complete('m', q).text)) FROM t"))
  pays("a lateral alias", n)(rows("SELECT llm_complete('m', q) r, length(r.text) FROM t"))
  pays("a CTE used twice", n) {
    rows(
      "WITH c AS (SELECT id, llm_complete('m', q) r FROM t) SELECT a.id, a.r.text, b.r.text FROM c a JOIN c b ON a.id = b.id"
    )
  }
  test("a union of a frame with itself: at most twice") {
    val d = df
    assert(callsOf(d.union(d).collect()) <= 2 * n)
  }
  pays("a cached frame, several actions", n) {
    val d = df.persist(StorageLevel.MEMORY_ONLY)
    d.collect()
    d.filter("id < 5").collect()
    d.select("r.status").collect()
    d.unpersist()
  }
  pays("a scalar subquery", n)(rows("SELECT id, (SELECT max(llm_complete('m', q).text) FROM t) FROM t"))
  pays("a write", n)(
    df.selectExpr("id", "r.text AS x", "category")
      .write
      .mode("overwrite")
      .partitionBy("category")
      .parquet(path + "-out")
  )
  pays("CREATE TABLE AS", n) {
    sql(s"CREATE TABLE paid_ctas_$adaptive USING parquet AS SELECT id, llm_complete('m', q).text x FROM t")
  }
  pays("distinct answers", n)(df.selectExpr("r.text AS x").distinct().collect())
  pays("a NULL prompt", 0) {
    assert(
      rows("SELECT llm_complete('m', CAST(NULL AS STRING)).status FROM t LIMIT 3").map(_.getString(0)).toSeq == Seq
        .fill(3)("no_prompt")
    )
  }
  test("a filter on the answer with a LIMIT pays a small bound: the first window and what came back") {
    val calls = callsOf(assert(rows("SELECT id FROM t WHERE llm_complete('m', q).status = 'ok' LIMIT 10").length == 10))
    assert(calls >= 10 && calls <= 100, calls)
  }
  test("the window is whole from the start only where all rows are read") {
    def readToEnd(text: String) = org.apache.spark.sql.assay.TestAccess.readToEnd(sql(text))
    val answers = "SELECT id, llm_complete('m', q).text x FROM t"
    for (
      all <- Seq(
        s"SELECT count(x) FROM ($answers)",
        s"$answers ORDER BY x",
        s"SELECT /*+ REPARTITION(3) */ * FROM ($answers)"
      )
    )
      assert(readToEnd(all) == Seq(true), all)
    for (
      some <- Seq(
        answers,
        s"SELECT * FROM ($answers) WHERE x > '' LIMIT 5",
        s"SELECT count(x) FROM ($answers WHERE llm_complete('m', q).text > '' LIMIT 5)"
      )
    )
      assert(readToEnd(some) == Seq(false), some)
  }
  test("a lambda, a join condition: an error at planning, and no call") {
    val calls = callsOf {
      assert(
        conditionOf(rows("SELECT transform(array(q), x -> llm_complete('m', x)) FROM t"))._1 == "ASSAY_CALL_NOT_ALLOWED"
      )
      assert(
        conditionOf(rows("SELECT a.id FROM t a JOIN t b ON a.id = b.id AND llm_complete('m', a.q).status = 'ok'"))._1 ==
          "ASSAY_CALL_NOT_ALLOWED"
      )
    }
    assert(calls == 0)
  }
  test("streaming: once for each row") {
    val checkpoint = Files.createTempDirectory("assay-stream").toString
    assert(callsOf {
      spark.readStream
        .schema(spark.table("t").schema)
        .parquet(path)
        .withColumn("r", call_function("llm_complete", lit("m"), col("q")))
        .writeStream
        .format("noop")
        .option("checkpointLocation", checkpoint)
        .trigger(org.apache.spark.sql.streaming.Trigger.AvailableNow())
        .start()
        .awaitTermination()
    } == n)
  }
}

class PaidCallsAdaptiveSuite extends PaidCallsSuite(adaptive = true)
class PaidCallsStaticSuite extends PaidCallsSuite(adaptive = false)
