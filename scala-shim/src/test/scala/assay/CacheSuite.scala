package assay

import java.nio.file.{Files, Path, StandardCopyOption, StandardOpenOption}

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.Row

/** Answers in a Delta table: found again by later applications, and by nothing but the same request. */
class CacheSuite extends SparkSuite {
  private val base: Path = Files.createTempDirectory("assay-cache")
  private var tables = 0

  override protected def settings: Map[String, String] = Map(
    "spark.sql.extensions" -> "assay.AssayExtensions,io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog" -> "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions" -> "2",
    // Small tables: the many tasks that Delta takes for large ones only cost time.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism" -> "2",
    "spark.assay.cache.fold" -> "manual",
    "spark.assay.model.m.price.input" -> "1000",
    "spark.assay.model.m.price.output" -> "1000",
    "spark.assay.model.f.provider" -> "mock",
    "spark.assay.model.f.model" -> "fails",
    "spark.assay.model.f.mock.errorRate" -> "1",
    "spark.assay.model.f.maxRetries" -> "0"
  )

  private def newTable(): String = {
    tables += 1
    base.resolve(s"table-$tables").toString
  }

  private def withCache[T](table: String, mode: String, more: (String, String)*)(body: => T): T = {
    val all = Seq("spark.assay.cache.table" -> table, "spark.assay.cache.mode" -> mode) ++ more
    all.foreach { case (key, value) => spark.conf.set(key, value) }
    try body
    finally all.foreach { case (key, _) => spark.conf.unset(key) }
  }

  private def rows(text: String): Array[Row] = sql(text).collect()
  private def fold(table: String): Row = rows(s"SELECT * FROM assay_cache_fold(map('table', '$table'))").head

  /** What another application would find: the table, and journals of this one that are not folded. */
  private def forgetOwn(): Unit = {
    spark.stop()
    beforeAll()
  }

  private def ask(from: Int, until: Int, model: String = "m", more: String = ""): String =
    s"SELECT id, r.text, r.status, r.cache_hit, r.cost_usd, r.cost_avoided_usd > 0, r.input_tokens, r.answered_at FROM " +
      s"(SELECT id, llm_complete('$model', concat('q ', id)$more) AS r FROM range($from, $until, 1, 4)) ORDER BY id"

  private def answers(rows: Array[Row]): Seq[(Long, String, String, Any)] =
    rows.toSeq.map(r => (r.getLong(0), r.getString(1), r.getString(2), r.get(7)))

  test("what one application has bought the next one finds, in the table or in a journal") {
    for (folds <- Seq(true, false)) {
      val table = newTable()
      var first = Array.empty[Row]
      withCache(table, "read_write") {
        assert(callsOf { first = rows(ask(0, 100)) } == 100)
        if (folds) {
          fold(table)
          assert(sql(s"SELECT * FROM delta.`$table`").count() == 100)
        }
      }
      forgetOwn()
      withCache(table, "read_write") {
        var again = Array.empty[Row]
        assert(callsOf { again = rows(ask(0, 120)) } == 20)
        assert(answers(again.take(100)) == answers(first))
        assert(again.take(100).forall(r => r.getBoolean(3) && r.getDouble(4) == 0 && r.getBoolean(5)))
        assert(again.drop(100).forall(r => !r.getBoolean(3) && r.getDouble(4) > 0))
        fold(table)
        val one = sql(s"SELECT count(*), count(DISTINCT request_key) FROM delta.`$table`").head()
        assert((one.getLong(0), one.getLong(1)) == ((120L, 120L)))
      }
    }
  }

  test("few requests or many, in order or not: rows keep their own answers") {
    val table = newTable()
    withCache(table, "write")(rows(ask(0, 300)))
    forgetOwn()
    for (few <- Seq("100000", "1"); query <- Seq(ask(0, 300), ask(0, 300).replace("ORDER BY id", "")))
      withCache(table, "read", "spark.assay.cache.broadcastKeys" -> few) {
        var found = Array.empty[Row]
        assert(callsOf { found = rows(query) } == 0)
        assert(found.length == 300 && found.forall(r => r.getString(1) == s"q ${r.getLong(0)}"))
        assert(!query.contains("ORDER") || found.map(_.getLong(0)).toSeq == (0L until 300L))
      }
    withCache(table, "read", "spark.assay.cache.broadcastKeys" -> "1") {
      val joined = "SELECT a.id, a.t FROM (SELECT id, llm_complete('m', concat('q ', id)).text AS t FROM " +
        "(SELECT id % 100 AS id FROM range(0, 1000, 1, 8) DISTRIBUTE BY id)) a JOIN range(0, 100) b ON a.id = b.id"
      var found = Array.empty[Row]
      assert(callsOf { found = rows(joined) } == 0)
      assert(found.length == 1000 && found.forall(r => r.getString(1) == s"q ${r.getLong(0)}"))
    }
  }

  test("replay calls nothing, needs no key, and gives failures as they were") {
    val table = newTable()
    withCache(table, "write") {
      rows(ask(0, 20))
      rows(ask(0, 5, "f"))
    }
    forgetOwn()
    spark.conf.set("spark.assay.model.far.provider", "openai")
    spark.conf.set("spark.assay.model.far.model", "gpt-none")
    withCache(table, "replay") {
      var replayed = Array.empty[Row]
      assert(callsOf { replayed = rows(ask(0, 25)) ++ rows(ask(0, 5, "f")) } == 0)
      assert(replayed.take(20).forall(r => r.getString(2) == "ok" && r.getBoolean(3)))
      assert(replayed.slice(20, 25).forall(r => r.getString(2) == "replay_miss" && r.getDouble(4) == 0))
      assert(replayed.drop(25).forall(_.getString(2) == "server_error"))
      assert(rows("SELECT llm_complete('far', 'x').status").head.getString(0) == "replay_miss")
      val miss = rows("SELECT llm_complete('m', 'never asked').error.condition, llm_complete('m', NULL).status").head
      assert(miss == Row("ASSAY_REPLAY_MISS", "no_prompt"))
    }
    // Not ok: stored, and called again.
    withCache(table, "read")(assert(callsOf(rows(ask(0, 5, "f"))) == 5))
  }

  test("write asks anew and the later answer stays; read keeps nothing in the table") {
    val table = newTable()
    withCache(table, "write") {
      rows(ask(0, 10))
      fold(table)
    }
    val before = sql(s"SELECT max(created_at) FROM delta.`$table`").head().getTimestamp(0)
    forgetOwn()
    withCache(table, "write") {
      assert(callsOf(rows(ask(0, 10))) == 10)
      fold(table)
    }
    val after = sql(s"SELECT min(created_at), count(*) FROM delta.`$table`").head()
    assert(after.getTimestamp(0).after(before) && after.getLong(1) == 10)
    withCache(table, "read") {
      assert(callsOf(rows(ask(0, 15))) == 5)
      assert(callsOf(rows(ask(0, 15))) == 0, "the application's own journal has the rest")
    }
    assert(fold(table) == Row(0L, 0L, 0L, 0L))
    assert(sql(s"SELECT * FROM delta.`$table`").count() == 10)
  }

  test("an answer that is too old is not served, and its successor is") {
    val table = newTable()
    withCache(table, "write") {
      rows(ask(0, 10))
      fold(table)
    }
    sql(s"UPDATE delta.`$table` SET created_at = created_at - INTERVAL 2 DAYS WHERE response.text IN ('q 1', 'q 2')")
    forgetOwn()
    withCache(table, "read_write", "spark.assay.cache.ttl" -> "1d") {
      assert(callsOf(rows(ask(0, 10))) == 2)
      assert(fold(table).getLong(2) == 2)
    }
    forgetOwn()
    withCache(table, "read_write", "spark.assay.cache.ttl" -> "1d")(assert(callsOf(rows(ask(0, 10))) == 0))
    withCache(table, "read", "spark.assay.cache.ttl" -> "soon") {
      assert(conditionOf(rows(ask(0, 1)))._1 == "ASSAY_INVALID_OPTION")
    }
  }

  test("texts, vectors and numbers come back bit for bit") {
    val table = newTable()
    val texts =
      "SELECT * FROM VALUES (1, repeat('x\\u00e9', 600000)), (2, concat('a', char(0), 'b')), (3, '\\u{1F600} \\uFFFD'), (4, '')," +
        " (5, ' \\n\\t\"\\\\ ') AS t(id, q)"
    def both = (
      rows(s"SELECT id, q, llm_complete('m', q).text FROM ($texts) ORDER BY id"),
      rows("SELECT id, llm_embed('m', concat('v', id)).embedding FROM range(5) ORDER BY id")
    )
    val (first, vectors) = withCache(table, "write")(both)
    forgetOwn()
    withCache(table, "replay") {
      val (again, same) = both
      assert(again.sameElements(first) && again.forall(r => r.getString(1) == r.getString(2)))
      assert(same.sameElements(vectors))
    }
  }

  test("a torn or damaged journal gives what is whole in it, and says what it dropped") {
    val table = newTable()
    withCache(table, "write") {
      rows(ask(0, 200))
      fold(table)
    }
    val journal = Files.walk(Path.of(table, "_assay")).iterator.asScala.find(_.toString.endsWith(".journal")).get
    val whole = Files.readAllBytes(journal)
    val copies = newTable()
    withCache(copies, "write")(rows(ask(1000, 1001)))
    def put(application: String, bytes: Array[Byte]): Unit = {
      val folder = Files.createDirectories(Path.of(copies, "_assay", application))
      Files.write(folder.resolve("0-1.journal"), bytes): Unit
    }
    put("killed", whole.dropRight(7))
    val damaged = whole.clone()
    damaged(whole.length / 2) = (damaged(whole.length / 2) ^ 1).toByte
    put("damaged", damaged)
    withCache(copies, "read_write") {
      val folded = fold(copies)
      assert(folded.getLong(3) == 2, folded)
      val kept = sql(s"SELECT count(*) FROM delta.`$copies`").head().getLong(0)
      assert(kept == 201, "what one copy has lost the other has")
    }
    put(
      "later",
      new String(whole, "ISO-8859-1")
        .replaceFirst("\"journal_version\":1", "\"journal_version\":9")
        .getBytes("ISO-8859-1")
    )
    withCache(copies, "read")(assert(rows(ask(0, 200)).length == 200))
  }

  test("tables that are not ours, or of a later version, are refused; an earlier one is read and brought up to date") {
    val foreign = newTable()
    sql(s"CREATE TABLE delta.`$foreign` (a INT) USING delta")
    withCache(foreign, "read_write") {
      val (condition, message) = conditionOf(rows(ask(0, 1)))
      assert(condition == "ASSAY_CACHE_TABLE" && message.contains("is no cache table of Assay"))
    }
    val later = newTable()
    withCache(later, "write")(rows(ask(0, 3)))
    sql(s"ALTER TABLE delta.`$later` SET TBLPROPERTIES ('assay.cacheVersion' = '99')")
    forgetOwn()
    withCache(later, "read") {
      val (condition, message) = conditionOf(rows(ask(0, 1)))
      assert(
        condition == "ASSAY_CACHE_TABLE" && message.contains("has version 99") && message.contains("later spark-assay")
      )
    }
    val earlier = newTable()
    withCache(earlier, "write") {
      rows(ask(0, 3))
      fold(earlier)
    }
    val old = newTable()
    sql(
      s"CREATE TABLE delta.`$old` USING delta TBLPROPERTIES ('assay.cacheVersion' = '0') AS " +
        s"SELECT * EXCEPT (ttft_ms, error) FROM delta.`$earlier`"
    )
    forgetOwn()
    withCache(old, "read")(assert(callsOf(rows(ask(0, 3))) == 0))
    // The same application goes on with it.
    withCache(old, "read_write") {
      assert(callsOf(rows(ask(0, 5))) == 2)
      fold(old)
      assert(sql(s"SELECT * FROM delta.`$old` WHERE error IS NULL AND ttft_ms IS NULL").count() == 5)
    }
    withCache(newTable(), "read") {
      assert(conditionOf(rows(ask(0, 1)))._1 == "ASSAY_CACHE_TABLE")
    }
    spark.conf.set("spark.assay.cache.mode", "read")
    try assert(conditionOf(rows(ask(0, 1)))._2.contains("spark.assay.cache.table"))
    finally spark.conf.unset("spark.assay.cache.mode")
  }

  test("a table by name, its rows as SQL sees them, and what is done to it") {
    sql("CREATE DATABASE IF NOT EXISTS evals")
    withCache("evals.answers", "read_write") {
      rows(ask(0, 10))
      rows(ask(0, 4, "f"))
      val seen = rows(
        "SELECT status, count(*), count(response.text), sum(usage.output_tokens) > 0 FROM assay_cache() GROUP BY status"
      )
      assert(
        seen.map(r => (r.getString(0), r.getLong(1), r.getLong(2))).toSet == Set(
          ("ok", 10L, 10L),
          ("server_error", 4L, 0L)
        )
      )
      val one = rows(
        "SELECT provider, model, key_version, run_id, get_json_object(request, '$.messages[0].content') FROM assay_cache() " +
          "WHERE request_key = llm_request_key('m', 'q 3')"
      ).head
      assert((one.getString(0), one.getString(1), one.getInt(2), one.getString(4)) == (("mock", "echo", 1, "q 3")))
      assert(one.getString(3).startsWith(spark.sparkContext.applicationId + "/"))

      val plan = sql("SELECT * FROM assay_cache_invalidate(map('status', 'server_error'))")
      sql("EXPLAIN SELECT * FROM assay_cache_invalidate(map('status', 'ok'))").collect()
      assert(plan.collect().toSeq == Seq(Row(4L)))
      assert(
        rows(
          "SELECT * FROM assay_cache_invalidate(named_struct('model', 'echo', 'request_key', " +
            s"'${value("SELECT llm_request_key('m', 'q 3')")}'))"
        ).toSeq == Seq(Row(1L))
      )
      assert(callsOf(rows(ask(0, 10))) == 1, "what is deleted is called for anew, in the same application too")
      assert(rows("SELECT * FROM assay_cache_invalidate(map('older_than', '1h'))").toSeq == Seq(Row(0L)))
      val vacuumed = rows("SELECT * FROM assay_cache_vacuum()").head
      assert(vacuumed.getLong(0) == 0 && vacuumed.getLong(2) <= vacuumed.getLong(1))
      assert(sql("SELECT * FROM evals.answers").count() == 10)

      assert(conditionOf(rows("SELECT * FROM assay_cache_invalidate()"))._1 == "ASSAY_INVALID_ARGUMENT")
      val (condition, message) = conditionOf(rows("SELECT * FROM assay_cache_invalidate(map('modle', 'x'))"))
      assert(condition == "ASSAY_UNKNOWN_OPTION" && message.contains("did you mean 'model'"))
    }
    assert(conditionOf(rows("SELECT * FROM assay_cache()"))._1 == "ASSAY_INVALID_ARGUMENT")
  }

  test("a table that cannot be written keeps its journal, which the next run puts into it") {
    val table = newTable()
    withCache(table, "write")(rows(ask(0, 3)))
    fold(table)
    val log = Path.of(table, "_delta_log")
    val aside = log.resolveSibling("aside")
    withCache(table, "write") {
      rows(ask(3, 8))
      Files.move(log, aside)
      Files.createFile(log)
      val (condition, message) = conditionOf(fold(table))
      assert(condition == "ASSAY_CACHE_TABLE" && message.contains("_assay") && message.contains("is kept in"), message)
      Files.delete(log)
      Files.move(aside, log, StandardCopyOption.ATOMIC_MOVE)
    }
    forgetOwn()
    withCache(table, "read_write") {
      assert(callsOf(rows(ask(0, 8))) == 0)
      fold(table)
      assert(sql(s"SELECT * FROM delta.`$table`").count() == 8)
    }
  }

  test("answers go into the table by themselves after a query") {
    val table = newTable()
    withCache(table, "write", "spark.assay.cache.fold" -> "auto")(rows(ask(0, 10)))
    val deadline = System.nanoTime() + 60000000000L
    while (sql(s"SELECT * FROM delta.`$table`").count() < 10) assert(System.nanoTime() < deadline, "not folded")
    withCache(table, "write", "spark.assay.cache.fold" -> "never") {
      assert(conditionOf(rows(ask(0, 1)))._1 == "ASSAY_INVALID_OPTION")
    }
  }

  test("a journal that is appended to after it was folded is folded again") {
    val table = newTable()
    withCache(table, "read_write") {
      rows(ask(0, 10))
      fold(table)
      rows(ask(10, 20))
      fold(table)
      assert(sql(s"SELECT count(DISTINCT request_key), count(*) FROM delta.`$table`").head() == Row(20L, 20L))
    }
    val extra = Files.walk(Path.of(table, "_assay")).iterator.asScala.find(_.toString.endsWith(".journal")).get
    Files.write(extra, Array[Byte](1, 2, 3), StandardOpenOption.APPEND)
    assert(fold(table).getLong(3) == 1)
  }
}
