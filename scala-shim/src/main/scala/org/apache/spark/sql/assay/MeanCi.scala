package org.apache.spark.sql.assay

import java.nio.{ByteBuffer, ByteOrder}
import java.nio.charset.StandardCharsets.UTF_8

import _root_.assay.NativeLibrary

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

/** `mean_ci(x [, options])`: the mean of a column with its confidence interval. The state is built here, finished in
  * Rust.
  */
private[assay] case class MeanCi(
    children: Seq[Expression],
    mutableAggBufferOffset: Int = 0,
    inputAggBufferOffset: Int = 0
) extends TypedImperativeAggregate[ValueState] {
  override def prettyName: String = MeanCi.name
  override def nullable: Boolean = false
  override def dataType: DataType = MeanCi.resultType

  override def checkInputDataTypes(): TypeCheckResult = {
    Arguments.count(prettyName, children, 1, 2)
    children.head.dataType match {
      case BooleanType | NullType | _: NumericType => ()
      case other =>
        throw Arguments.invalid(s"$prettyName: the values must be numeric or BOOLEAN, not ${other.sql}; cast them")
    }
    if (options.perRow.nonEmpty)
      throw new AssayAnalysisException(
        "ASSAY_INVALID_OPTION",
        s"$prettyName: option '${options.perRow.head._1}' must be a constant"
      )
    val request = JsonValues.emptyObject.put("name", prettyName)
    request.set[com.fasterxml.jackson.databind.JsonNode]("options", options.constant)
    Engine.checkFunction(request)
    TypeCheckResult.TypeCheckSuccess
  }

  @transient private lazy val options: FunctionOptions = FunctionOptions.of(prettyName, children.lift(1))
  @transient private lazy val value: Expression = Cast(children.head, DoubleType)

  override def createAggregationBuffer(): ValueState = new ValueState

  override def update(state: ValueState, input: InternalRow): ValueState = {
    val x = value.eval(input)
    if (x == null) state.addNull() else state.add(x.asInstanceOf[Double])
    state
  }

  override def merge(state: ValueState, other: ValueState): ValueState = state.merge(other)
  override def serialize(state: ValueState): Array[Byte] = state.serialize()
  override def deserialize(bytes: Array[Byte]): ValueState = ValueState.deserialize(bytes)
  override def eval(state: ValueState): Any =
    Finisher.finish(prettyName, constantOptions, state.serialize(), MeanCi.resultType)

  // A BOOLEAN column is binary whatever its values are; of a numeric one the values must tell.
  @transient private lazy val constantOptions: String = {
    val constant = options.constant.deepCopy()
    if (children.head.dataType == BooleanType && !constant.has("kind")) constant.put("kind", "binary")
    constant.toString
  }

  override def withNewMutableAggBufferOffset(offset: Int): MeanCi = copy(mutableAggBufferOffset = offset)
  override def withNewInputAggBufferOffset(offset: Int): MeanCi = copy(inputAggBufferOffset = offset)
  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): MeanCi =
    copy(children = newChildren)
}

private[assay] object MeanCi {
  val name = "mean_ci"

  val resultType: StructType = StructType(
    Seq(
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
  )
}

/** Has the engine finish an aggregate. */
private[assay] object Finisher {

  /** Doubles come back as their bits: JSON has no NaN and no infinity. */
  def finish(function: String, options: String, state: Array[Byte], resultType: StructType): InternalRow = {
    val header = s"""{"name":"$function","options":$options}""".getBytes(UTF_8)
    val input = ByteBuffer.allocate(4 + header.length + state.length).order(ByteOrder.LITTLE_ENDIAN)
    input.putInt(header.length).put(header).put(state)
    val outcome = JsonValues.mapper.readTree(NativeLibrary.bridge.call("finish", input.array()))
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
}
