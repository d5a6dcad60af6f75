package assay

import java.nio.file.{Files, Path, Paths}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

object SemanticSuite {

  /** A model of a few kilobytes, whose embeddings are in semantic.json. */
  val tiny: String = Paths.get("tests/vectors/tiny").toAbsolutePath.toString
}

/** Functions of meaning: values of the reference libraries, the three ways to name a model, NULLs, errors at planning. */
class SemanticSuite extends SparkSuite {
  import SemanticSuite.tiny

  override protected def settings: Map[String, String] =
    Map("spark.assay.model.tiny.provider" -> "local", "spark.assay.model.tiny.path" -> tiny)

  private lazy val vectors: JsonNode = new ObjectMapper().readTree(Paths.get("tests/vectors/semantic.json").toFile)
  private lazy val reference: JsonNode = vectors.get("models").elements.asScala.find(_.get("name").asText == "bert").get

  private lazy val pairs = {
    val texts = vectors.get("texts").elements.asScala.map(_.asText).toIndexedSeq
    vectors
      .get("pairs")
      .elements
      .asScala
      .zipWithIndex
      .map { case (pair, i) =>
        (i, texts(pair.get(0).asInt), pair.get(1).elements.asScala.map(j => texts(j.asInt)).toSeq)
      }
      .toSeq
  }

  private def numbers(node: JsonNode): Seq[Double] = node.elements.asScala.map(_.asDouble).toSeq

  private def close(found: Seq[Double], expected: Seq[Double]): Unit = {
    assert(found.length == expected.length)
    found.zip(expected).foreach { case (f, e) => assert(math.abs(f - e) < 2e-5, s"$found instead of $expected") }
  }

  override def beforeAll(): Unit = {
    super.beforeAll()
    val session = spark
    import session.implicits._
    pairs.toDF("id", "p", "rs").repartition(3).createOrReplaceTempView("pairs")
  }

  test("BERTScore is that of bert-score, by an operator over batches") {
    val frame = sql(
      s"SELECT s.* FROM (SELECT id, llm_bertscore(p, rs, 'file:$tiny', named_struct('num_layers', 3)) AS s FROM pairs) ORDER BY id"
    )
    assert(frame.queryExecution.executedPlan.toString.contains("NativeEval"))
    val rows = frame.collect()
    val expected = reference.get("bert_score").get("layer3")
    Seq("precision", "recall", "f1").zipWithIndex.foreach { case (measure, i) =>
      close(rows.map(_.getDouble(i)).toSeq, numbers(expected.get(measure)))
    }
  }

  test("embeddings are those of sentence-transformers, without a call") {
    val texts = vectors.get("texts").elements.asScala.map(_.asText).toSeq
    val session = spark
    import session.implicits._
    val frame = texts.zipWithIndex.toDF("text", "id").repartition(2)
    val calls = callsOf {
      val rows = frame.select($"id", functions.llm_embed("tiny", $"text").as("e")).orderBy("id").select("e.*").collect()
      rows.zip(reference.get("embeddings").elements.asScala.toSeq).foreach { case (row, expected) =>
        close(row.getSeq[Float](0).map(_.toDouble), numbers(expected))
        assert(row.getAs[String]("status") == "ok" && row.getAs[Double]("cost_usd") == 0.0)
      }
      assert(rows.head.getAs[Long]("input_tokens") == reference.get("ids").get(0).size)
    }
    assert(calls == 0)
    assert(value("SELECT llm_embed('tiny', NULL).status") == "no_prompt")
  }

  test("similarity: a folder, a configured folder, and an API whose embeddings are called for") {
    val (p, r) = ("The ferry leaves the harbour.", "Die Fähre verlässt den Hafen.")
    val byFolder = value(s"SELECT llm_semantic_similarity('$p', '$r', '$tiny')").asInstanceOf[Double]
    assert(byFolder == value(s"SELECT llm_semantic_similarity('$p', array(NULL, '$r'), 'tiny')"))
    val embedded = s"llm_cosine_similarity(llm_embed('tiny', '$p').embedding, llm_embed('tiny', '$r').embedding)"
    assert(math.abs(byFolder - value(s"SELECT $embedded").asInstanceOf[Double]) < 1e-6)
    val calls = callsOf(assert(value("SELECT llm_semantic_similarity('a', 'a', 'm')") == 1.0))
    assert(calls == 1)
    val nulls = sql(
      "SELECT llm_semantic_similarity(NULL, 'a', 'tiny'), llm_semantic_similarity('a', array(), 'tiny'), " +
        "llm_bertscore('a', CAST(NULL AS STRING), 'tiny', map('num_layers', '1'))"
    ).head()
    assert(nulls.toSeq.forall(_ == null))
  }

  test("the cosine of vectors, and where there is none") {
    assert(
      value("SELECT llm_cosine_similarity(array(1, 0), array(1.0F, 1.0F))").asInstanceOf[Double] == 1 / math.sqrt(2)
    )
    val none = Seq(
      "array(0.0D), array(1.0D)",
      "array(1.0D), array(1.0D, 2.0D)",
      "array(1.0D, NULL), array(1.0D, 2.0D)",
      "NULL, array(1.0D)"
    )
    none.foreach(vectors => assert(value(s"SELECT llm_cosine_similarity($vectors)") == null, vectors))
    assert(conditionOf(sql("SELECT llm_cosine_similarity('a', array(1.0D))"))._1 == "ASSAY_INVALID_ARGUMENT")
  }

  test("errors at planning name the file, the layer or the way to an API") {
    val (condition, message) = conditionOf(sql("SELECT llm_bertscore('a', 'b', '/no/such/model')"))
    assert(condition == "ASSAY_LOCAL_MODEL" && message.contains("/no/such/model cannot be read"))
    val folder: Path = Files.createTempDirectory("assay-model")
    Files.copy(Paths.get(tiny, "config.json"), folder.resolve("config.json"))
    assert(conditionOf(sql(s"SELECT llm_embed('$folder', 'b')"))._2.contains("model.safetensors is missing"))
    val layers = conditionOf(sql("SELECT llm_bertscore('a', 'b', 'tiny')"))
    assert(layers._1 == "ASSAY_INVALID_OPTION" && layers._2.contains("give option 'num_layers', from 0 to 3"))
    assert(conditionOf(sql("SELECT llm_bertscore('a', 'b', 'm')"))._2.contains("llm_cosine_similarity(llm_embed("))
    assert(conditionOf(sql("SELECT llm_complete('tiny', 'b')"))._2.contains("makes embeddings only"))
    assert(conditionOf(sql("SELECT llm_embed('tiny', 'b', map('dimensions', '3'))"))._2.contains("takes no options"))
    assert(conditionOf(sql("SELECT llm_semantic_similarity('a', 'b', 'tny')"))._2.contains("did you mean 'tiny'"))
  }

  test("the examples of docs/semantic.md give what they say") {
    val examples =
      "(?m)^(SELECT [^;]+);\n-- (.*)$".r.findAllMatchIn(Files.readString(Paths.get("docs/semantic.md"))).toSeq
    assert(examples.length == 3)
    examples.foreach(example => assert(value(example.group(1)).toString == example.group(2), example.group(1)))
  }
}
