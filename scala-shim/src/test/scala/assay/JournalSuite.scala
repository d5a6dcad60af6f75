package assay

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.Row
import org.apache.spark.sql.functions.{call_function, col, lit}

/** Nothing paid for in an application is paid for again by it. */
class JournalSuite extends SparkSuite {
  private val base: Path = Files.createTempDirectory("assay-journal")

  override protected def settings: Map[String, String] = Map(
    "spark.assay.cache.mode" -> "session",
    "spark.assay.cache.dir" -> base.toString,
    "spark.assay.model.m.price.input" -> "1000",
    "spark.assay.model.m.price.output" -> "1000",
    "spark.assay.model.f.provider" -> "mock",
    "spark.assay.model.f.model" -> "fails",
    "spark.assay.model.f.mock.errorRate" -> "1",
    "spark.assay.model.f.maxRetries" -> "0"
  )

  /** A table whose prompts no other test has. */
  private def table(name: String, rows: Long = 200, distinct: Long = 200, partitions: Int = 8): Unit =
    spark
      .range(0, rows, 1, partitions)
      .selectExpr("id", s"concat('$name ', id % $distinct) AS q")
      .createOrReplaceTempView(name)

  private def rows(text: String): Array[Row] = sql(text).collect()

  private def journals: Seq[Path] =
    Files.walk(base).iterator.asScala.filter(_.toString.endsWith(".journal")).toSeq

  test("a second action on a frame calls nothing, and serves the same answers as hits") {
    table("second")
    val df = spark.table("second").withColumn("r", call_function("llm_complete", lit("m"), col("q")))
    val answers = "id, r.text, r.status, r.input_tokens, r.answered_at"
    def taken = df.selectExpr(answers.split(", ").toIndexedSeq: _*).collect().sortBy(_.getLong(0))
    var first = Array.empty[Row]
    assert(callsOf { first = taken } == 200)
    assert(callsOf(assert(taken.sameElements(first))) == 0)
    val kinds =
      df.selectExpr("r.cache_hit", "r.deduplicated", "r.cost_usd", "r.cost_avoided_usd > 0").distinct().collect()
    assert(kinds.toSeq == Seq(Row(true, false, 0.0, true)))
    assert(journals.nonEmpty)
  }

  test("equal rows on all partitions: one call each, one pays") {
    table("equal", rows = 2000, distinct = 50)
    val seen = "SELECT llm_complete('m', q) AS r FROM equal"
    val sums = "sum(r.cost_usd), count_if(r.deduplicated), count_if(r.cache_hit), count_if(r.attempts = 1)"
    var row = Row.empty
    assert(callsOf { row = sql(s"SELECT $sums FROM ($seen)").head() } == 50)
    assert((row.getLong(1), row.getLong(2), row.getLong(3)) == ((1950L, 0L, 50L)))
    table("alone", rows = 50, distinct = 50)
    val each = sql("SELECT sum(r.cost_usd) FROM (SELECT llm_complete('m', q) AS r FROM alone)").head().getDouble(0)
    assert(math.abs(row.getDouble(0) - each) < 1e-9)
  }

  test("one prompt on many rows is one call") {
    table("one", rows = 20000, distinct = 1)
    assert(callsOf(sql("SELECT count(DISTINCT llm_complete('m', q).text) FROM one").head()) == 1)
  }

  test("what is read twice in a query is paid once") {
    table("twice")
    assert(callsOf(rows("""
      WITH c AS (SELECT id, llm_complete('m', q).text AS x FROM twice)
      SELECT a.x FROM c a JOIN c b ON a.id = b.id
    """)) == 200)
    table("union")
    val df = spark.table("union").withColumn("r", call_function("llm_complete", lit("m"), col("q")))
    assert(callsOf(df.union(df).collect()) == 200)
  }

  test("show, then a write: one call for each key") {
    table("shown")
    val df = spark.table("shown").withColumn("r", call_function("llm_complete", lit("m"), col("q")))
    val calls = callsOf {
      df.take(5)
      df.write.format("noop").mode("overwrite").save()
    }
    assert(calls == 200)
  }

  test("a failure is final within a query and tried again by the next") {
    table("failing", rows = 40, distinct = 10)
    val query = "SELECT llm_complete('f', q).status FROM failing"
    assert(callsOf(assert(rows(query).forall(_.getString(0) == "server_error"))) == 10)
    assert(callsOf(rows(query)) == 10)
  }

  test("repeats are real, and other options are other requests") {
    table("repeats", rows = 10, distinct = 10)
    val query =
      "SELECT llm_complete('m', q, named_struct('repeat', n)) FROM repeats, (SELECT explode(sequence(0, 2)) AS n)"
    assert(callsOf(rows(query)) == 30)
    assert(callsOf(rows(query)) == 0)
    assert(callsOf(rows("SELECT llm_complete('m', q, map('temperature', '0.5')) FROM repeats")) == 10)
  }

  test("embeddings are kept bit for bit") {
    table("vectors", rows = 20, distinct = 20)
    val query = "SELECT id, llm_embed('m', q).embedding FROM vectors ORDER BY id"
    var first = Array.empty[Row]
    assert(callsOf { first = rows(query) } == 20)
    assert(callsOf(assert(rows(query).sameElements(first))) == 0)
  }

  test("off keeps nothing") {
    table("off", rows = 10, distinct = 10)
    spark.conf.set("spark.assay.cache.mode", "off")
    try
      for (_ <- 1 to 2) assert(callsOf(rows("SELECT llm_complete('m', q) FROM off")) == 10)
    finally spark.conf.set("spark.assay.cache.mode", "session")
  }

  test("a mode that there is not is an error that names those there are") {
    spark.conf.set("spark.assay.cache.mode", "sesion")
    try {
      val (condition, message) = conditionOf(rows("SELECT llm_complete('m', 'x')"))
      assert(condition == "ASSAY_INVALID_OPTION")
      assert(message.contains("did you mean 'session'"))
    } finally spark.conf.set("spark.assay.cache.mode", "session")
  }
}
