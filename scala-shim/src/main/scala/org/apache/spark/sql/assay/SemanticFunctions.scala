package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.expressions.{Expression, GetStructField, Literal}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

/** Functions of meaning: over vectors, and over models in local folders. */
private[assay] object SemanticFunctions {

  private val Cosine = "llm_cosine_similarity"
  private val Similarity = "llm_semantic_similarity"
  private val BertScore = "llm_bertscore"
  private val LocalEmbed = "assay_local_embed"

  private val localModel =
    "a local model: the folder of an encoder ('file:/models/name' or '/models/name'), or the name of one that is configured with " +
      "provider=local and path"

  private val bertScoreType: StructType =
    new StructType().add("precision", DoubleType).add("recall", DoubleType).add("f1", DoubleType)

  private def entry(
      name: String,
      arguments: String,
      result: String,
      usage: String,
      example: (String, String),
      build: Seq[Expression] => Expression
  ): FunctionEntry =
    FunctionEntry(name, arguments, result, usage, example, "string_funcs", classOf[NativeFunction].getName, build)

  val entries: Seq[FunctionEntry] = Seq(
    entry(
      BertScore,
      "prediction, reference, model [, options]",
      bertScoreType.sql,
      "How well the tokens of the texts match by the vectors that a model gives them in context, as bert-score computes it. " +
        s"`model` is $localModel. Of several references each number is the greatest. NULL where the prediction or the reference " +
        "is NULL or no reference is left.",
      ("round(llm_bertscore('a cat', 'a cat', 'tiny', map('num_layers', '1')).f1, 4)", "1.0"),
      NativeFunction(BertScore, _)
    ),
    entry(
      Cosine,
      "a, b",
      "DOUBLE",
      "The cosine of the angle between two vectors, ARRAY<FLOAT> or ARRAY<DOUBLE>, from -1 to 1. NULL where one is NULL, has a NULL " +
        "or is all zeros, or where their lengths differ.",
      ("llm_cosine_similarity(array(3.0F, 4.0F), array(4.0F, 3.0F))", "0.96"),
      NativeFunction(Cosine, _)
    ),
    entry(
      Similarity,
      "prediction, reference, model",
      "DOUBLE",
      s"The cosine of the embeddings of the texts, from -1 to 1. `model` is $localModel, or a configured model of an embeddings API, " +
        "which is called as by llm_embed, for one reference. Of several references the most similar counts. NULL where the " +
        "prediction or the reference is NULL, no reference is left, or a call failed.",
      ("round(llm_semantic_similarity('a cat', 'a cat', 'tiny'), 4)", "1.0"),
      similarity
    )
  )

  val rowFunctions: Map[String, RowFunction] = Map(
    BertScore -> RowFunction(
      _ => bertScoreType,
      (name, children) => {
        Arguments.count(name, children, 3, 4)
        val pair = RowFunction.predictionAndReference(name, children)
        val (call, columns) = RowFunction.checked(name, children.lift(3), Some(folder(name, children(2))))
        (pair ++ columns, call)
      }
    ),
    Cosine -> RowFunction(
      _ => DoubleType,
      (name, children) => {
        Arguments.count(name, children, 2, 2)
        val vectors = children.zip(Seq("first", "second")).map { case (child, which) => vector(name, which, child) }
        (vectors, RowFunction.checked(name, None, None)._1)
      }
    ),
    LocalEmbed -> RowFunction(
      _ => CompletionSchema.embedding,
      (name, children) => {
        val shown = CallKind.Embed.function
        if (children.length == 3)
          throw Arguments.invalid(s"$shown: a local model takes no options; its folder says how it makes embeddings")
        Arguments.count(shown, children, 2, 2)
        CallKind.Embed.checkInput(children(1))
        val call = RowFunction.checked(name, None, Some(folder(shown, children.head)))._1
        (Seq(RowFunction.asText(children(1))), call)
      }
    ),
    Similarity -> RowFunction(
      _ => DoubleType,
      (name, children) => {
        Arguments.count(name, children, 3, 3)
        val pair = RowFunction.predictionAndReference(name, children)
        (pair, RowFunction.checked(name, None, Some(folder(name, children(2))))._1)
      }
    )
  )

  /** `llm_embed`: a paid call, but for a model that is local. */
  def embed(children: Seq[Expression]): Expression =
    if (children.headOption.flatMap(literal).exists(isLocal)) NativeFunction(LocalEmbed, children)
    else ModelCall(CallKind.Embed, children)

  /** `llm_semantic_similarity`: where the model is an API, the cosine of two paid calls. */
  private def similarity(children: Seq[Expression]): Expression = children match {
    case Seq(prediction, reference, model) if literal(model).exists(!isLocal(_)) =>
      def embedding(text: Expression) =
        GetStructField(ModelCall(CallKind.Embed, Seq(model, text)), 0, Some(CompletionSchema.embedding.head.name))
      NativeFunction(Cosine, Seq(embedding(prediction), embedding(reference)))
    case _ => NativeFunction(Similarity, children)
  }

  private def literal(argument: Expression): Option[String] = argument match {
    case Literal(value, _: StringType) => Option(value).map(_.toString)
    case _ => None
  }

  private def isPath(model: String): Boolean = model.startsWith("file:") || model.startsWith("/")

  private def isLocal(model: String): Boolean = isPath(model) || ModelConf.of(model, SQLConf.get).isLocal

  /** The folder of the local model that an argument names. */
  private def folder(function: String, argument: Expression): String = {
    val name = Arguments.constantText(function, "model", argument)
    if (isPath(name)) name
    else {
      val model = ModelConf.of(name, SQLConf.get)
      if (!model.isLocal)
        throw Arguments.invalid(
          s"$function: the model '$name' is that of an API, and this takes $localModel. For the similarity of embeddings of an API " +
            "write llm_cosine_similarity(llm_embed(...).embedding, llm_embed(...).embedding)"
        )
      model.settings.getOrElse(
        "path",
        throw new AssayAnalysisException(
          "ASSAY_INVALID_MODEL",
          s"the local model '$name' has no path. Set ${_root_.assay.AssayConf.ModelPrefix}$name.path to its folder"
        )
      )
    }
  }

  private def vector(function: String, which: String, argument: Expression): Expression = argument.dataType match {
    case NullType => Literal(null, ArrayType(DoubleType))
    case ArrayType(FloatType | DoubleType, _) => argument
    case ArrayType(_: NumericType | NullType, _) => RowFunction.asDoubles(argument)
    case other =>
      throw Arguments.invalid(s"$function: the $which vector must be ARRAY<FLOAT> or ARRAY<DOUBLE>, not ${other.sql}")
  }
}
