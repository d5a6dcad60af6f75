package org.apache.spark.sql.assay

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

/** What a model is asked for.
  *
  * @param function
  *   the SQL function
  * @param engineName
  *   the name in the session's spec
  * @param dataType
  *   the result
  */
private[assay] sealed abstract class CallKind(val function: String, val engineName: String, val dataType: StructType)
    extends Serializable {

  /** An error of planning where the second argument is of a type that the call cannot take. */
  def checkInput(argument: Expression): Unit

  override def toString: String = function
}

private[assay] object CallKind {

  /** An answer to a prompt. */
  case object Complete extends CallKind("llm_complete", "complete", CompletionSchema.dataType) {
    override def checkInput(argument: Expression): Unit = Arguments.prompt(function, argument)
  }

  /** The embedding of a text. */
  case object Embed extends CallKind("llm_embed", "embed", CompletionSchema.embedding) {
    override def checkInput(argument: Expression): Unit = Arguments.text(function, "text", argument)
  }

  val all: Seq[CallKind] = Seq(Complete, Embed)
}

/** `llm_complete(model, prompt [, options])` or `llm_embed(model, text [, options])` as the user wrote it.
  * [[ExtractCompletions]] takes every one out of the plan before optimization; one that is left stands where a call
  * cannot, and [[CheckCompletions]] refuses it.
  */
private[assay] case class ModelCall(kind: CallKind, children: Seq[Expression]) extends Expression with CodegenFallback {
  override def prettyName: String = kind.function
  override def nullable: Boolean = true
  override def dataType: DataType = kind.dataType
  override lazy val deterministic: Boolean = false

  override def checkInputDataTypes(): TypeCheckResult = {
    bind()
    TypeCheckResult.TypeCheckSuccess
  }

  /** Checks model, options and template, without any call, and gives the call that the operator makes. */
  def bind(): PaidCall = {
    val name = kind.function
    Arguments.count(name, children, 2, 3)
    val model = ModelConf.of(Arguments.constantText(name, "model", children.head), SQLConf.get)
    if (model.isLocal)
      throw Arguments.invalid(
        s"$name: the model '${model.name}' is a local one, which makes embeddings only: llm_embed('${model.name}', text), " +
          "with its name as it stands"
      )
    val options = FunctionOptions.of(name, children.lift(2))
    kind.checkInput(children(1))
    val (prompt, template) = children(1) match {
      case f: NativeFunction if f.name == FunctionTable.Prompt =>
        val bound = f.bind()
        (bound.children.head, bound.call.constant)
      case BoundFunction(call, Seq(struct), _) if call.name == FunctionTable.Prompt => (struct, call.constant)
      case e if e.dataType == NullType => (Literal(null, StringType), None)
      case e => (e, None)
    }
    val call = PaidCall(
      prompt,
      options.perRow.map(_._2),
      CallSettings(kind, model, options.constant.toString, options.perRow.map(_._1), template)
    )
    call.check()
    call
  }

  override def eval(input: InternalRow): Any =
    throw CheckCompletions.notAllowed(kind, "an expression evaluated row by row")
  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): Expression =
    copy(children = newChildren)
}

/** What is fixed of one call: its kind, model, constant options as JSON text, names of options that are columns, template. */
private[assay] final case class CallSettings(
    kind: CallKind,
    model: ModelConf,
    options: String,
    perRow: Seq[String],
    template: Option[String]
) {
  override def toString: String = model.name
}

/** A call that the operator [[Completion]] makes: equal ones, compared by `canonicalized`, are one call. */
private[assay] case class PaidCall(prompt: Expression, perRow: Seq[Expression], settings: CallSettings)
    extends Expression
    with CodegenFallback {
  override def children: Seq[Expression] = prompt +: perRow
  override def prettyName: String = settings.kind.function
  override def nullable: Boolean = true
  override def dataType: DataType = settings.kind.dataType
  override lazy val deterministic: Boolean = false

  /** The call as the engine reads it, given the column of its first input and that of its guard. */
  def json(firstColumn: Int, guard: Option[Int]): ObjectNode = {
    val node = JsonValues.emptyObject.put("kind", settings.kind.engineName)
    node.set[ObjectNode]("model", settings.model.json)
    val source = node.putObject("prompt")
    settings.template match {
      case Some(template) => source.putObject("template").put("source", template).put("column", firstColumn)
      case None => source.put("column", firstColumn)
    }
    node.set[ObjectNode]("options", JsonValues.mapper.readTree(settings.options))
    val columns = node.putObject("per_row")
    settings.perRow.zipWithIndex.foreach { case (option, i) => columns.put(option, firstColumn + 1 + i) }
    guard.foreach(node.put("guard", _))
    node
  }

  /** What the engine says of the call, without making it; an error of planning where it refuses. */
  def check(): JsonNode = {
    val request = JsonValues.emptyObject
    request.set[ObjectNode]("call", json(0, None))
    // Also refuses a mode that there is not, before anything else.
    request.put("replay", !CacheMode.of(SQLConf.get).calls)
    val fields = request.putArray("fields")
    prompt.dataType match {
      case struct: StructType => struct.fieldNames.foreach(fields.add)
      case _ => ()
    }
    val environment = request.putArray("executor_env")
    ModelConf.executorEnvironment.foreach(environment.add)
    request.set[JsonNode]("quota", QuotaSettings.json(SQLConf.get))
    Engine.checkCall(request)
  }

  // Not by Spark's Unevaluable: a class that mixes it in links against one minor version of Spark only.
  override def eval(input: InternalRow): Any =
    throw CheckCompletions.notAllowed(settings.kind, "an expression evaluated row by row")
  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): Expression =
    copy(prompt = newChildren.head, perRow = newChildren.tail)
}
