package assay

import org.apache.spark.sql.Row
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types._

/** The SQL functions: values, options in their three forms, NULLs, places where no operator can take them out, errors. */
class FunctionsSuite extends SparkSuite {

  private lazy val path = java.nio.file.Files.createTempDirectory("assay-functions").resolve("t").toString

  override def beforeAll(): Unit = {
    super.beforeAll()
    spark
      .createDataFrame(
        java.util.List.of(
          Row(1, "the Paris.", "Paris", Seq("Lutetia", "Paris")),
          Row(2, "London", "Paris", Seq("Paris", null)),
          Row(3, null, "Paris", Seq("Paris")),
          Row(4, "x", null, null),
          Row(5, "", "", Seq[String]())
        ),
        StructType.fromDDL("id INT, p STRING, r STRING, rs ARRAY<STRING>")
      )
      .coalesce(1)
      .write
      .parquet(path)
    spark.read.parquet(path).createOrReplaceTempView("t")
  }

  private def column(expression: String, from: String = "t"): Seq[Any] =
    sql(s"SELECT $expression FROM $from").collect().map(_.get(0)).toSeq

  private def native(text: String): Boolean = sql(text).queryExecution.executedPlan.toString.contains("NativeEval")

  test("each function is registered with usage and an example that gives what it says") {
    val names = sql("SHOW FUNCTIONS").collect().map(_.getString(0)).toSet
    spark.conf.set("spark.assay.model.mock.provider", "mock")
    spark.conf.set("spark.assay.model.mock.model", "mock")
    spark.conf.set("spark.assay.model.tiny.provider", "local")
    spark.conf.set("spark.assay.model.tiny.path", SemanticSuite.tiny)
    for (entry <- org.apache.spark.sql.assay.TestAccess.entries) {
      assert(names.contains(entry.name))
      assert(value(s"SELECT ${entry.example._1}").toString == entry.example._2, entry.name)
      assert(sql(s"DESCRIBE FUNCTION EXTENDED ${entry.name}").collect().mkString.contains("Examples"))
    }
  }

  test("metrics: values, several references, NULLs") {
    assert(column("llm_exact_match(p, r)") == Seq[Any](0.0, 0.0, null, null, 1.0))
    assert(column("llm_exact_match(p, r, named_struct('normalize', 'squad'))") == Seq[Any](1.0, 0.0, null, null, 1.0))
    assert(column("llm_token_f1(p, rs)") == Seq[Any](1.0, 0.0, null, null, null))
    assert(column("llm_contains(p, rs)") == Seq[Any](1.0, 0.0, null, null, null))
    assert(native("SELECT llm_token_f1(p, rs) FROM t"))
  }

  test("columns that cannot be NULL, which nothing above reads") {
    spark.range(3).selectExpr("concat('a', id) AS p", "array('a1') AS r").createOrReplaceTempView("nonnull")
    assert(sql("SELECT sum(llm_exact_match(p, r)) FROM nonnull").head().getDouble(0) == 1.0)
  }

  test("options as a STRUCT, a MAP and JSON text give the same, with mixed types under ANSI") {
    val forms = Seq(
      "named_struct('temperature', 0.2, 'stop', array('END'), 'max_tokens', 5, 'seed', 7)",
      "map('temperature', '0.2', 'stop', '[\"END\"]', 'max_tokens', '5', 'seed', '7')",
      """'{"temperature": 0.2, "stop": ["END"], "max_tokens": 5, "seed": 7}'"""
    )
    val keys = forms.map(o => value(s"SELECT llm_request_key('m', 'x', $o)"))
    assert(keys.distinct.length == 1)
    assert(keys.head != value("SELECT llm_request_key('m', 'x')"))
    val scala = spark
      .range(1)
      .select(
        functions
          .llm_request_key("m", lit("x"), "temperature" -> 0.2, "stop" -> Seq("END"), "max_tokens" -> 5, "seed" -> 7)
      )
    assert(scala.head().getString(0) == keys.head)
  }

  test("options that are columns differ by row") {
    val seeds =
      column("get_json_object(llm_request('m', p, named_struct('seed', id, 'temperature', 0.5)), '$.options.seed')")
    assert(seeds == Seq[Any]("1", "2", null, "4", "5"))
    val repeats = column("llm_complete('m', 'same', named_struct('repeat', id)).request_key")
    assert(repeats.distinct.length == 5)
  }

  test("row by row, where no operator takes a function out, the result is the same") {
    assert(value("SELECT llm_token_f1('the city of Paris', 'Paris')") == 0.5)
    assert(column("llm_exact_match(x, 'b')", "VALUES ('a'), ('b') AS v(x)") == Seq(0.0, 1.0))
    assert(value("SELECT transform(array('a', 'b'), x -> llm_exact_match(x, 'b'))") == Seq(0.0, 1.0))
    assert(sql("SELECT a.id FROM t a JOIN t b ON a.id = b.id AND llm_exact_match(a.r, b.r) = 1").count() == 4)
    assert(column("id", "t ORDER BY llm_exact_match(p, r) DESC NULLS LAST, id") == Seq(5, 1, 2, 3, 4))
    assert(sql("SELECT * FROM VALUES (llm_exact_match('a', 'a')) AS v(x)").head().getDouble(0) == 1.0)
    assert(sql("SELECT count(*) FROM t GROUP BY llm_exact_match(p, r)").count() == 3)
    assert(
      sql("SELECT r, llm_exact_match(r, 'Paris') FROM t GROUP BY r ORDER BY r NULLS LAST").head().getDouble(1) == 0.0
    )
  }

  test("over several batches, what is carried stays with its results") {
    val from =
      "(SELECT id, CAST(id AS STRING) p, IF(id % 3 = 0, NULL, CAST(id - id % 2 AS STRING)) r, repeat('x', CAST(id AS INT)) long FROM range(0, 100, 1, 2))"
    def score(id: Long): Any = if (id % 3 == 0) null else if (id % 2 == 0) 1.0 else 0.0
    spark.conf.set("spark.assay.batch.maxRows", "7")
    try {
      val doubles = sql(s"SELECT id, long, llm_exact_match(p, r) FROM $from ORDER BY id").collect()
      assert(doubles.map(_.toSeq).toSeq == (0L until 100L).map(id => Seq[Any](id, "x" * id.toInt, score(id))))
      val both = sql(
        s"SELECT llm_exact_match(p, r), long, llm_prompt('{{ a }}', struct(p AS a)) FROM $from ORDER BY id"
      ).collect()
      assert(both.map(_.toSeq).toSeq == (0L until 100L).map(id => Seq[Any](score(id), "x" * id.toInt, id.toString)))
    } finally spark.conf.unset("spark.assay.batch.maxRows")
  }

  test("functions of functions, and the same function twice, go through one operator") {
    val plan = sql(
      "SELECT llm_exact_match(llm_prompt('{{ a }}!', struct(r AS a)), 'Paris!') x, llm_token_f1(p, r) f, llm_token_f1(p, r) + 1 g FROM t"
    )
    assert(plan.collect().map(_.get(0)).toSeq == Seq[Any](1.0, 1.0, 1.0, null, 0.0))
    assert("NativeEval".r.findAllIn(plan.queryExecution.optimizedPlan.toString).length == 1)
  }

  test("an argument that fails outside of its branch does not fail") {
    assert(
      column(
        "CASE WHEN id = 1 THEN llm_exact_match(CAST(CAST(p AS INT) AS STRING), r) ELSE 7 END",
        "(SELECT id + 1 AS id, p, r FROM t)"
      ) ==
        Seq(7.0, 7.0, 7.0, 7.0, 7.0)
    )
    assert(column("id > 100 AND llm_exact_match(CAST(CAST(p AS INT) AS STRING), r) = 1") == Seq.fill(5)(false))
  }

  test("a filter that needs no metric stays at the scan") {
    val plan =
      sql(s"SELECT id FROM parquet.`$path` WHERE id = 1 AND llm_token_f1(p, r) > 0.5").queryExecution.executedPlan
    assert(plan.toString.contains("PushedFilters: [IsNotNull(id), EqualTo(id,1)]"), plan.toString)
    assert(plan.toString.contains("ReadSchema: struct<id:int,p:string,r:string>"), plan.toString)
    assert(sql("SELECT id FROM t WHERE id = 1 AND llm_token_f1(p, r) > 0.5").collect().map(_.getInt(0)).toSeq == Seq(1))
  }

  test("templates: text of the data is never read as a template") {
    val prompt = "llm_prompt('Q: {{ q }}{% for o in options %} [{{ o }}]{% endfor %}', struct(q, options))"
    val from = """VALUES ('cost $5 \\ {{ x }}', array('a', 'b')), ('z', array()) AS v(q, options)"""
    assert(column(prompt, from) == Seq("Q: cost $5 \\ {{ x }} [a] [b]", "Q: z"))
    assert(column("llm_prompt('{{ p }}', struct(p))") == Seq[Any]("the Paris.", "London", null, "x", ""))
    assert(column("llm_prompt('{{ p | default(\"none\") }}', struct(p))")(2) == "none")
  }

  test("a template under a call tells its error in the row") {
    val row =
      sql("SELECT llm_complete('m', llm_prompt('{{ p }}', struct(p))) r FROM t WHERE id = 3").selectExpr("r.*").head()
    assert(row.getAs[String]("status") == "no_prompt")
    assert(row.getAs[Row]("error").getAs[String]("condition") == "ASSAY_TEMPLATE_RENDER")
  }

  test("the completion struct has the fields of the engine, and a mock answer fills them") {
    val described = NativeLibrary.json(
      "describe",
      new com.fasterxml.jackson.databind.node.ObjectNode(
        com.fasterxml.jackson.databind.node.JsonNodeFactory.instance
      )
    )
    val names = scala.jdk.CollectionConverters
      .IteratorHasAsScala(described.get("completion_fields").elements)
      .asScala
      .map(_.asText)
      .toSeq
    val schema = sql("SELECT llm_complete('m', 'x') r").schema.head.dataType.asInstanceOf[StructType]
    assert(schema.fieldNames.toSeq == names)
    val r = sql("SELECT llm_complete('m', 'hello', named_struct('seed', 1)) r").selectExpr("r.*").head()
    assert(r.getAs[String]("text") == "hello" && r.getAs[String]("status") == "ok" && r.isNullAt(r.fieldIndex("error")))
    assert(r.getAs[Int]("attempts") == 1 && r.getAs[String]("request_key").length == 64)
    assert(r.getAs[java.sql.Timestamp]("answered_at").getTime > 1.7e12)
  }

  test("the embedding struct has the fields of the engine, and the mock's vectors fill it") {
    val described = NativeLibrary.json(
      "describe",
      new com.fasterxml.jackson.databind.node.ObjectNode(
        com.fasterxml.jackson.databind.node.JsonNodeFactory.instance
      )
    )
    val names = scala.jdk.CollectionConverters
      .IteratorHasAsScala(described.get("embedding_fields").elements)
      .asScala
      .map(_.asText)
      .toSeq
    val schema = sql("SELECT llm_embed('m', 'x') r").schema.head.dataType.asInstanceOf[StructType]
    assert(schema.fieldNames.toSeq == names)
    assert(schema("embedding").dataType == ArrayType(FloatType))
    val rows =
      sql("SELECT id, llm_embed('m', x, map('dimensions', '3')) r FROM VALUES (1, 'a b'), (2, NULL) AS t(id, x)")
        .selectExpr("id", "r.*")
        .orderBy("id")
        .collect()
    val vector = rows.head.getSeq[Float](rows.head.fieldIndex("embedding"))
    assert(vector.length == 3 && math.abs(vector.map(x => x * x).sum - 1) < 1e-5)
    assert(rows.head.getAs[String]("status") == "ok" && rows.head.getAs[Long]("input_tokens") == 2)
    assert(rows(1).getAs[String]("status") == "no_prompt" && rows(1).isNullAt(rows(1).fieldIndex("embedding")))
  }

  test("an embedding takes text only, and options of its own") {
    def message(query: String) = intercept[Exception](sql(query).collect()).getMessage
    assert(message("SELECT llm_embed('m', array('a'))").contains("the text must be STRING"))
    assert(
      message("SELECT llm_embed('m', 'a', map('temperature', '1'))").contains("llm_embed has no option 'temperature'")
    )
    assert(
      message("SELECT transform(array('a'), x -> llm_embed('m', x))").contains("llm_embed cannot stand in a lambda")
    )
  }

  test("messages with images, tool calls and their results") {
    val calls = """[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]"""
    val messages =
      s"""array(
         |  named_struct('role', 'user', 'content', array(
         |    named_struct('type', 'text', 'text', 'What is this?', 'image', NULL, 'media_type', NULL),
         |    named_struct('type', 'image', 'text', NULL, 'image', X'616263', 'media_type', 'image/png')),
         |    'tool_calls', NULL, 'tool_call_id', NULL),
         |  named_struct('role', 'assistant', 'content', NULL, 'tool_calls', '$calls', 'tool_call_id', NULL),
         |  named_struct('role', 'tool', 'content', array(named_struct('type', 'text', 'text', 'a cat', 'image', NULL,
         |    'media_type', NULL)), 'tool_calls', NULL, 'tool_call_id', 'c1'))""".stripMargin
    def field(path: String) = value(s"SELECT get_json_object(llm_request('m', $messages), '$$.messages$path')")
    // The SHA-256 of 'abc', as the standard gives it.
    assert(field("[0].content[1].sha256") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert(field("[1].tool_calls[0].function.name") == "f" && field("[2].tool_call_id") == "c1")
    assert(value(s"SELECT llm_complete('m', $messages).text") == "What is this?")
    val images = s"SELECT llm_request_key('m', $messages) FROM range(3)"
    assert(sql(images).distinct().count() == 1)
    val wrong = intercept[Exception](
      sql("SELECT llm_complete('m', array(named_struct('role', 'user', 'content', 'a', 'name', 'b')))").collect()
    )
    assert(wrong.getMessage.contains("ASSAY_INVALID_ARGUMENT"))
  }

  test("chat messages as an array of structs") {
    val text = value(
      "SELECT get_json_object(llm_request('m', array(named_struct('role', 'system', 'content', 'Be brief'), named_struct('role', 'user', 'content', 'Hi'))), '$.messages[1].content')"
    )
    assert(text == "Hi")
  }

  test("mean_ci: Wilson for binary data, whatever the partitioning; NULLs counted; groups, filters and windows") {
    val q = "SELECT mean_ci(x) AS r FROM VALUES (1), (1), (0), (1), (NULL) AS v(x)"
    val r = sql(q).selectExpr("r.*").head()
    assert(r.getAs[Double]("estimate") == 0.75)
    assert(
      math.abs(r.getAs[Double]("lower") - 0.30064184) < 1e-8 && math.abs(r.getAs[Double]("upper") - 0.95441274) < 1e-8
    )
    assert(r.getAs[Long]("n") == 4 && r.getAs[Long]("n_null") == 1 && r.getAs[String]("method") == "wilson")
    val data = spark.range(20000).selectExpr("id", "CAST(hash(id) % 1000 AS DOUBLE) / 7 AS x", "pmod(id, 3) AS g")
    def result(partitions: Int) =
      data
        .repartition(partitions)
        .groupBy("g")
        .agg(functions.mean_ci(col("x"), "method" -> "bca", "n_resamples" -> 199).as("r"))
        .orderBy("g")
        .collect()
        .toSeq
    val one = result(1)
    assert(one.map(_.getStruct(1).getAs[String]("method")).forall(_ == "bca"))
    assert(result(7) == one && result(32) == one)
    assert(
      sql("SELECT mean_ci(x) FILTER (WHERE x > 0) AS r FROM VALUES (1), (0), (1) AS v(x)")
        .selectExpr("r.n")
        .head()
        .getLong(0) == 2
    )
    assert(
      sql("SELECT mean_ci(x) OVER (PARTITION BY g).n FROM VALUES (1, 1), (1, 2), (2, 3) AS v(g, x)")
        .collect()
        .map(_.getLong(0))
        .toSeq
        .sorted == Seq(1, 2, 2)
    )
    assert(sql("SELECT mean_ci(x > 1).method FROM VALUES (1), (2) AS v(x)").head().getString(0) == "wilson")
  }

  test("mean_ci of nothing is NULL with a reason") {
    val r = sql("SELECT mean_ci(x) AS r FROM VALUES (CAST(NULL AS DOUBLE)) AS v(x)").selectExpr("r.*").head()
    assert(r.isNullAt(r.fieldIndex("estimate")) && r.getAs[Long]("n") == 0 && r.getAs[String]("reason").nonEmpty)
  }

  private def refused(expression: String, condition: String, words: String*): Unit =
    test(s"refused at planning: $expression") {
      val calls = callsOf {
        val (c, message) = conditionOf(sql(s"SELECT $expression FROM t").schema)
        assert(c == condition, message)
        words.foreach(w => assert(message.contains(w), message))
      }
      assert(calls == 0)
    }

  refused(
    "llm_token_f1(p, r, named_struct('variantt', 'v2.0'))",
    "ASSAY_UNKNOWN_OPTION",
    "variantt",
    "did you mean 'variant'"
  )
  refused("llm_token_f1(p, r, named_struct('variant', 'v3'))", "ASSAY_INVALID_OPTION", "variant", "v1.1, v2.0")
  refused("llm_token_f1(p, r, named_struct('variant', p))", "ASSAY_INVALID_OPTION", "variant", "constant")
  refused("llm_token_f1(p, r, '{\"variant\": ')", "ASSAY_INVALID_OPTION", "JSON")
  refused("llm_token_f1(p, r, 5)", "ASSAY_INVALID_ARGUMENT", "STRUCT")
  refused("llm_token_f1(id, r)", "ASSAY_INVALID_ARGUMENT", "prediction", "INT")
  refused("llm_token_f1(p)", "ASSAY_INVALID_ARGUMENT", "llm_token_f1(prediction, reference [, options])")
  refused("llm_complete('mm', p)", "ASSAY_UNKNOWN_MODEL", "'mm'", "did you mean 'm'")
  refused("llm_complete(p, p)", "ASSAY_INVALID_ARGUMENT", "model", "constant")
  refused("llm_complete('m', id)", "ASSAY_INVALID_ARGUMENT", "prompt", "INT")
  refused("llm_complete('m', p, named_struct('temprature', 0.1))", "ASSAY_UNKNOWN_OPTION", "did you mean 'temperature'")
  refused("llm_complete('m', p, named_struct('temperature', 'hot'))", "ASSAY_INVALID_OPTION", "temperature")
  refused("llm_prompt('{{ q', struct(p))", "ASSAY_TEMPLATE_SYNTAX")
  refused("llm_prompt('{{ pp }}', struct(p))", "ASSAY_TEMPLATE_VARIABLE", "'pp'")
  refused("llm_complete('m', llm_prompt('{{ pp }}', struct(p)))", "ASSAY_TEMPLATE_VARIABLE", "'pp'")
  refused("llm_prompt(p, struct(p))", "ASSAY_INVALID_ARGUMENT", "template")
  refused("llm_prompt('x', p)", "ASSAY_INVALID_ARGUMENT", "STRUCT")
  refused("mean_ci(p)", "ASSAY_INVALID_ARGUMENT", "numeric")
  refused("mean_ci(id, named_struct('levl', 0.9))", "ASSAY_UNKNOWN_OPTION", "did you mean 'level'")
  refused("mean_ci(DISTINCT id)", "ASSAY_INVALID_ARGUMENT", "DISTINCT")

  test("models: an unknown provider, key or setting is refused at planning") {
    def condition(settings: (String, String)*): (String, String) = {
      settings.foreach { case (k, v) => spark.conf.set(s"spark.assay.model.x.$k", v) }
      try conditionOf(sql("SELECT llm_complete('x', 'q')").schema)
      finally settings.foreach { case (k, _) => spark.conf.unset(s"spark.assay.model.x.$k") }
    }
    assert(condition("provider" -> "opnai", "model" -> "y")._1 == "ASSAY_UNKNOWN_PROVIDER")
    assert(condition("provider" -> "openai", "model" -> "y", "timeoutMillis" -> "5")._1 == "ASSAY_INVALID_MODEL")
    assert(condition("provider" -> "openai")._1 == "ASSAY_INVALID_MODEL")
    val (c, message) = condition("provider" -> "openai", "model" -> "y", "apiKeyEnv" -> "ASSAY_NO_SUCH_VARIABLE")
    assert(c == "ASSAY_MISSING_KEY" && message.contains("ASSAY_NO_SUCH_VARIABLE"))
  }

  test("no key stands in a plan") {
    spark.conf.set("spark.assay.model.k.provider", "mock")
    spark.conf.set("spark.assay.model.k.model", "y")
    spark.conf.set("spark.assay.model.k.apiKeySecret", "sk-very-secret")
    val execution = sql("SELECT llm_complete('k', p).text FROM t").queryExecution
    execution.executedPlan.execute()
    assert(
      !execution.toString.contains("sk-very-secret") && !execution
        .explainString(org.apache.spark.sql.execution.FormattedMode)
        .contains("sk-very-secret")
    )
  }
}
