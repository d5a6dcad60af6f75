package org.apache.spark.sql.assay

import java.nio.{ByteBuffer, ByteOrder}
import java.nio.charset.StandardCharsets.UTF_8

import scala.jdk.CollectionConverters._

import _root_.assay.{AssayConf, NativeLibrary}
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

/** A statistic of the function table: rows are gathered here, and the engine computes it of them.
  *
  * @param maxRows
  *   `spark.assay.stats.maxValues`, as it was when the query was analyzed
  * @param asState
  *   whether it gives its state as BINARY, which the driver finishes
  */
private[assay] case class StatAggregate(
    name: String,
    children: Seq[Expression],
    maxRows: Long,
    asState: Boolean = false,
    mutableAggBufferOffset: Int = 0,
    inputAggBufferOffset: Int = 0
) extends TypedImperativeAggregate[StatState] {
  private def kind: StatKind = StatFunctions.kind(name)

  override def prettyName: String = name
  override def nullable: Boolean = false
  override def dataType: DataType = if (asState) BinaryType else StatResult.of(kind)

  override def checkInputDataTypes(): TypeCheckResult = {
    kind.check(name, children)
    val request = JsonValues.emptyObject.put("name", name)
    request.set[JsonNode]("options", options)
    Engine.checkFunction(request)
    kind.checkOrder(name, children, options)
    TypeCheckResult.TypeCheckSuccess
  }

  @transient private lazy val options: ObjectNode = kind.options(name, children)
  @transient private lazy val layout: StatLayout = {
    val enough = kind.keepsMoments && StatAggregate.isClosedForm(options)
    kind.layout(children, if (enough) math.min(maxRows, StatAggregate.MostForMoments) else maxRows)
  }
  @transient private lazy val row: StatRow = new StatRow(kind, children)

  override def createAggregationBuffer(): StatState = new StatState(layout)

  override def update(state: StatState, input: InternalRow): StatState = {
    row.add(state, input)
    state
  }

  override def merge(state: StatState, other: StatState): StatState = state.merge(other)
  override def serialize(state: StatState): Array[Byte] = state.serialize()
  override def deserialize(bytes: Array[Byte]): StatState = StatState.deserialize(layout, bytes)
  override def eval(state: StatState): Any =
    if (asState) state.serialize()
    else StatResult.finish(name, options.toString, state.serialize(_), StatResult.of(kind))

  def finishCall: FinishCall = FinishCall(name, options.toString)

  override def withNewMutableAggBufferOffset(offset: Int): StatAggregate = copy(mutableAggBufferOffset = offset)
  override def withNewInputAggBufferOffset(offset: Int): StatAggregate = copy(inputAggBufferOffset = offset)
  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): StatAggregate =
    copy(children = newChildren)
}

private[assay] object StatAggregate {

  /** More values than that are not kept where sums of their powers say as much: a state of kilobytes instead of megabytes. */
  private val MostForMoments = 1L << 16
  private val closedForms = Set("t", "normal", "hall", "bca_analytic")

  /** Whether an interval needs four moments only. `auto` is one that does wherever there are more than a few values. */
  private def isClosedForm(options: ObjectNode): Boolean = {
    val method = options.path("method").asText("auto")
    closedForms(method) || (method == "auto" && options.path("kind").asText("auto") != "binary")
  }

  def of(name: String): Seq[Expression] => StatAggregate =
    StatAggregate(name, _, AssayConf.long(SQLConf.get, AssayConf.StatsMaxValues))
}

/** What statistics give, and how the engine is asked for it. */
private[assay] object StatResult {
  private val common = Seq(
    StructField("estimate", DoubleType),
    StructField("lower", DoubleType),
    StructField("upper", DoubleType),
    StructField("std_error", DoubleType),
    StructField("n", LongType, nullable = false),
    StructField("n_null", LongType, nullable = false),
    StructField("level", DoubleType, nullable = false),
    StructField("method", StringType),
    StructField("reason", StringType)
  )

  /** An estimate with its interval. */
  val interval: StructType = StructType(common)

  /** The same of a test. */
  val test: StructType = StructType(
    common ++ Seq(
      StructField("statistic", DoubleType),
      StructField("df", DoubleType),
      StructField("p_value", DoubleType),
      StructField("alternative", StringType),
      StructField("effect_size", DoubleType),
      StructField("effect_lower", DoubleType),
      StructField("effect_upper", DoubleType),
      StructField("effect_name", StringType),
      StructField("n_discordant", LongType)
    )
  )

  def of(kind: StatKind): StructType = if (kind.isTest) test else interval

  /** The result for a state, which `state` writes after the bytes that it is given. Doubles come back as their bits: JSON has no NaN
    * and no infinity.
    */
  def finish(
      function: String,
      options: String,
      state: Array[Byte] => Array[Byte],
      resultType: StructType
  ): InternalRow = {
    val prefix = StatResult.prefix(function, options)
    row(JsonValues.mapper.readTree(NativeLibrary.bridge.call("finish", state(prefix))), resultType)
  }

  /** The same for many states at once, which share all cores. */
  def finishAll(
      function: String,
      options: String,
      states: Seq[Array[Byte]],
      resultType: StructType
  ): Seq[InternalRow] = {
    val header = prefix(function, options)
    val input = ByteBuffer
      .allocate(Math.toIntExact(header.length + states.map(_.length + 4L).sum))
      .order(ByteOrder.LITTLE_ENDIAN)
      .put(header)
    states.foreach(state => input.putInt(state.length).put(state))
    val outcomes = JsonValues.mapper.readTree(NativeLibrary.bridge.call("finish_all", input.array()))
    outcomes.elements.asScala.map(row(_, resultType)).toSeq
  }

  private def prefix(function: String, options: String): Array[Byte] = {
    val header = s"""{"name":"$function","options":$options}""".getBytes(UTF_8)
    ByteBuffer.allocate(4 + header.length).order(ByteOrder.LITTLE_ENDIAN).putInt(header.length).put(header).array()
  }

  private def row(outcome: JsonNode, resultType: StructType): InternalRow =
    InternalRow.fromSeq(resultType.fields.toSeq.map { field =>
      val node = outcome.get(field.name)
      if (node == null || node.isNull) null
      else
        field.dataType match {
          case DoubleType => java.lang.Double.longBitsToDouble(node.asLong)
          case LongType => node.asLong
          case _ => UTF8String.fromString(node.asText)
        }
    })
}
