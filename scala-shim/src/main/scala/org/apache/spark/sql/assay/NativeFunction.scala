package org.apache.spark.sql.assay

import _root_.assay.NativeLibrary
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback
import org.apache.spark.sql.catalyst.util.GenericArrayData
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

/** What the engine needs to know of one function call besides its arguments.
  *
  * @param options
  *   constant options as JSON text
  * @param perRow
  *   names of options that are columns; their values follow the other arguments
  * @param constant
  *   text that the function needs once, such as a template
  */
private[assay] final case class NativeCall(
    name: String,
    options: String,
    perRow: Seq[String],
    constant: Option[String],
    model: Option[ModelConf]
) {
  override def toString: String = name

  /** The call as the engine reads it, given where its arguments stand. */
  def json(arguments: Seq[Int]): ObjectNode = {
    val node = JsonValues.emptyObject.put("name", name)
    val (plain, columns) = arguments.splitAt(arguments.length - perRow.length)
    val args = node.putArray("args")
    plain.foreach(i => args.add(i))
    node.set[ObjectNode]("options", JsonValues.mapper.readTree(options))
    constant.foreach(node.put("constant", _))
    model.foreach(m => node.set[ObjectNode]("model", m.json))
    val perRowNode = node.putObject("per_row")
    perRow.zip(columns).foreach { case (option, column) => perRowNode.put(option, column) }
    node
  }
}

private[assay] object NativeCall {

  /** The spec of a session that evaluates `calls` over batches of `columns` columns. */
  def spec(columns: Int, calls: Seq[ObjectNode]): Array[Byte] = {
    val spec = JsonValues.emptyObject.put("kind", "eval").put("version", 1).put("columns", columns)
    val functions = spec.putArray("functions")
    calls.foreach(functions.add)
    JsonValues.bytes(spec)
  }
}

/** A row function of the engine as the user wrote it. Analysis checks it and then replaces it by a [[BoundFunction]];
  * until then it evaluates through one, since inline tables are evaluated that early.
  */
private[assay] case class NativeFunction(name: String, children: Seq[Expression])
    extends Expression
    with CodegenFallback {
  private def entry: RowFunction = FunctionTable.rowFunction(name)

  override def prettyName: String = name
  override def nullable: Boolean = true
  override def foldable: Boolean = children.forall(_.foldable)
  override def dataType: DataType = entry.typeOf(children)

  override def checkInputDataTypes(): TypeCheckResult = {
    bind()
    TypeCheckResult.TypeCheckSuccess
  }

  /** Checks everything that can be checked without data and gives the function that runs. */
  def bind(): BoundFunction = {
    val (arguments, call) = entry.bind(name, children)
    BoundFunction(call, arguments, dataType)
  }

  @transient private lazy val bound: BoundFunction = bind()
  override def eval(input: InternalRow): Any = bound.eval(input)
  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): Expression =
    copy(children = newChildren)
}

/** A row function whose options, template and model are fixed. Evaluates a row as a batch of one. */
private[assay] case class BoundFunction(call: NativeCall, children: Seq[Expression], dataType: DataType)
    extends Expression
    with CodegenFallback {
  override def prettyName: String = call.name
  override def nullable: Boolean = true
  override def foldable: Boolean = children.forall(_.foldable)

  @transient private var evaluator: RowEvaluator = _

  override def eval(input: InternalRow): Any = {
    if (evaluator == null) evaluator = new RowEvaluator(call, children, dataType)
    evaluator.eval(input)
  }

  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): Expression =
    copy(children = newChildren)
}

/** Evaluates one function row by row, where no operator took it out: a sort key, a lambda, a relation on the driver. */
private final class RowEvaluator(call: NativeCall, arguments: Seq[Expression], dataType: DataType) {
  private val bridge = NativeLibrary.bridge
  private val spec = NativeCall.spec(arguments.length, Seq(call.json(arguments.indices)))
  private val argumentRow = new GenericInternalRow(arguments.length)

  // Within a task the session lives as long as the task. On the driver nothing tells when the expression is done, so
  // there it lives for one row.
  private var open: Option[(Long, BatchWriter)] = None

  def eval(input: InternalRow): Any = synchronized {
    var i = 0
    while (i < arguments.length) {
      argumentRow.update(i, arguments(i).eval(input))
      i += 1
    }
    val task = TaskContext.get()
    val (handle, writer) = open.getOrElse {
      val opened = (EvalSessions.open(spec, task), new BatchWriter(arguments.map(_.dataType)))
      if (task != null) {
        open = Some(opened)
        task.addTaskCompletionListener[Unit](_ => close(opened))
      }
      opened
    }
    try {
      writer.write(argumentRow)
      val result = new ResultReader
      try {
        result.load(writer.flush(bridge.eval(handle, _, _)))
        val row = result.row(0)
        if (row.isNullAt(0)) null else copied(row)
      } finally result.close()
    } finally if (open.isEmpty) close((handle, writer))
  }

  /** The result, out of the memory that Arrow takes back. An array may have NULLs, which its own copy does not allow for. */
  private def copied(row: InternalRow): Any = dataType match {
    case ArrayType(element, _) =>
      new GenericArrayData(row.getArray(0).toObjectArray(element).map(InternalRow.copyValue))
    case other => InternalRow.copyValue(row.get(0, other))
  }

  private def close(opened: (Long, BatchWriter)): Unit = synchronized {
    open = None
    EvalSessions.close(opened._1)
    opened._2.close()
  }
}

/** How a row function of the table takes its arguments, and what it gives. */
private[assay] final case class RowFunction(
    typeOf: Seq[Expression] => DataType,
    bind: (String, Seq[Expression]) => (Seq[Expression], NativeCall)
)

private[assay] object RowFunction {

  /** `(prediction, reference [, options])`, DOUBLE. */
  val metric: RowFunction = RowFunction(
    _ => DoubleType,
    (name, children) => {
      Arguments.count(name, children, 2, 3)
      val pair = predictionAndReference(name, children)
      val (call, columns) = checked(name, children.lift(2), None)
      (pair ++ columns, call)
    }
  )

  /** `(prediction, reference, metrics [, options])`, a STRUCT with a DOUBLE for each metric. */
  val scores: RowFunction = RowFunction(
    children =>
      StructType(metricNames("llm_scores", children).map(name => StructField(name, DoubleType, nullable = true))),
    (name, children) => {
      Arguments.count(name, children, 3, 4)
      val pair = predictionAndReference(name, children)
      val names = JsonValues.mapper.createArrayNode()
      metricNames(name, children).foreach(names.add)
      val (call, columns) = checked(name, children.lift(3), Some(names.toString))
      (pair ++ columns, call)
    }
  )

  private def metricNames(name: String, children: Seq[Expression]): Seq[String] =
    children.lift(2).fold(Seq.empty[String])(Arguments.constantTexts(name, "metrics", _))

  /** `(text [, options])`. */
  def text(result: DataType): RowFunction = RowFunction(
    _ => result,
    (name, children) => {
      Arguments.count(name, children, 1, 2)
      Arguments.text(name, "text", children.head)
      val (call, columns) = checked(name, children.lift(1), None)
      (asText(children.head) +: columns, call)
    }
  )

  /** `(logprobs)`, DOUBLE. */
  val logprobs: RowFunction = RowFunction(
    _ => DoubleType,
    (name, children) => {
      Arguments.count(name, children, 1, 1)
      Arguments.numbers(name, "logprobs", children.head)
      val (call, _) = checked(name, None, None)
      (Seq(asDoubles(children.head)), call)
    }
  )

  /** `(a number for each name [, options])`, DOUBLE. */
  def numbers(names: Seq[String]): RowFunction = RowFunction(
    _ => DoubleType,
    (name, children) => {
      Arguments.count(name, children, names.length, names.length + 1)
      names.zip(children).foreach { case (what, child) => Arguments.number(name, what, child) }
      val (call, columns) = checked(name, children.lift(names.length), None)
      (children.take(names.length).map(Cast(_, DoubleType)) ++ columns, call)
    }
  )

  /** `(p_values [, method])`, ARRAY<DOUBLE>; the method may come as an option. */
  val adjustment: RowFunction = RowFunction(
    _ => ArrayType(DoubleType),
    (name, children) => {
      Arguments.count(name, children, 1, 2)
      Arguments.numbers(name, "p-values", children.head)
      val options = children.lift(1).map { argument =>
        if (StatKind.isWord(argument)) CreateNamedStruct(Seq(Literal("method"), argument)) else argument
      }
      val (call, columns) = checked(name, options, None)
      (Cast(children.head, ArrayType(DoubleType)) +: columns, call)
    }
  )

  /** What a row adds to a metric of a corpus: `(prediction, reference)`, BINARY. */
  def counts(metric: String, children: Seq[Expression], options: String): BoundFunction =
    BoundFunction(
      NativeCall("assay_corpus_counts", options, Nil, Some(metric), None),
      children.take(2).map(asText),
      BinaryType
    )

  def predictionAndReference(name: String, children: Seq[Expression]): Seq[Expression] = {
    Arguments.text(name, "prediction", children.head)
    Arguments.textOrTexts(name, "reference", children(1))
    children.take(2).map(asText)
  }

  def checked(
      name: String,
      argument: Option[Expression],
      constant: Option[String]
  ): (NativeCall, Seq[Expression]) = {
    val options = FunctionOptions.of(name, argument)
    val call = NativeCall(name, options.constant.toString, options.perRow.map(_._1), constant, None)
    check(call, Nil)
    (call, options.perRow.map(_._2))
  }

  /** `(template, struct)`, STRING. */
  val prompt: RowFunction = RowFunction(
    _ => StringType,
    (name, children) => {
      Arguments.count(name, children, 2, 2)
      val template = Arguments.constantText(name, "template", children.head)
      val fields = Arguments.struct(name, "second argument", children(1)).fieldNames
      val call = NativeCall(name, "{}", Nil, Some(template), None)
      check(call, fields.toSeq)
      (Seq(children(1)), call)
    }
  )

  /** `(model, prompt [, options])`, STRING: what would be sent, or its key; nothing is sent. */
  val request: RowFunction = aboutRequest(StringType)

  val estimateType: StructType = new StructType()
    .add("request_key", StringType)
    .add("input_tokens", LongType)
    .add("max_output_tokens", LongType)

  /** `(model, prompt [, options])`: what it would use. */
  val estimate: RowFunction = aboutRequest(estimateType)

  private def aboutRequest(result: DataType): RowFunction = RowFunction(
    _ => result,
    (name, children) => {
      Arguments.count(name, children, 2, 3)
      val model = ModelConf.of(Arguments.constantText(name, "model", children.head), SQLConf.get)
      Arguments.prompt(name, children(1))
      val options = FunctionOptions.of(name, children.lift(2))
      val call = NativeCall(name, options.constant.toString, options.perRow.map(_._1), None, Some(model))
      check(call, Nil)
      (asText(children(1)) +: options.perRow.map(_._2), call)
    }
  )

  private def check(call: NativeCall, fields: Seq[String]): Unit = {
    val request = call.json(call.perRow.indices)
    val names = request.putArray("fields")
    fields.foreach(names.add)
    val environment = request.putArray("executor_env")
    if (call.model.isDefined) ModelConf.executorEnvironment.foreach(environment.add)
    Engine.checkFunction(request)
  }

  def asDoubles(e: Expression): Expression = Cast(e, ArrayType(DoubleType))

  /** A NULL literal has no type of its own: it counts as text. */
  def asText(e: Expression): Expression = e.dataType match {
    case NullType => Literal(null, StringType)
    case ArrayType(NullType, _) => Cast(e, ArrayType(StringType))
    case _ => e
  }
}
