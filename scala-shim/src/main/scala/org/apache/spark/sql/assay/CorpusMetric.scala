package org.apache.spark.sql.assay

import java.io.ByteArrayOutputStream
import java.nio.{ByteBuffer, ByteOrder}

import _root_.assay.AssayException

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate
import org.apache.spark.sql.catalyst.trees.UnaryLike
import org.apache.spark.sql.types._

/** `corpus_bleu(prediction, reference [, options])` and its kin, and `compare_corpus_bleu(candidate, baseline, reference [, options])`
  * and its. Rows are counted by a native function, which the operator of row functions takes out and gives whole batches; here counts
  * are only put together, and Rust adds them up.
  */
private[assay] case class CorpusMetric(
    name: String,
    children: Seq[Expression],
    mutableAggBufferOffset: Int = 0,
    inputAggBufferOffset: Int = 0
) extends TypedImperativeAggregate[CorpusState] {
  override def prettyName: String = name
  override def nullable: Boolean = false
  override def dataType: DataType = CorpusMetric.resultType(name)

  override def checkInputDataTypes(): TypeCheckResult = {
    counted
    TypeCheckResult.TypeCheckSuccess
  }

  /** The same over the counts of rows. Errors: those of arguments and options. */
  def counted: CountedCorpus = {
    val systems = if (CorpusMetric.compares(name)) Seq("candidate", "baseline") else Seq("prediction")
    Arguments.count(name, children, systems.length + 1, systems.length + 2)
    systems.zip(children).foreach { case (what, child) => Arguments.text(name, what, child) }
    val reference = children(systems.length)
    Arguments.textOrTexts(name, "reference", reference)
    val options = FunctionOptions.of(name, children.lift(systems.length + 1))
    options.perRow.headOption.foreach { case (option, _) =>
      throw new AssayAnalysisException("ASSAY_INVALID_OPTION", s"$name: option '$option' must be a constant")
    }
    val request = JsonValues.emptyObject.put("name", name)
    request.set[com.fasterxml.jackson.databind.JsonNode]("options", options.constant)
    Engine.checkFunction(request)
    val text = options.constant.toString
    // The counts of one row, which are NULL where those of either system are.
    val counts = systems.indices.map(i => RowFunction.counts(name, Seq(children(i), reference), text))
    CountedCorpus(name, text, if (counts.length == 1) counts.head else Concat(counts))
  }

  // Replaced when the query is analyzed.
  private def unbound = throw new IllegalStateException(s"$name was not analyzed")
  override def createAggregationBuffer(): CorpusState = unbound
  override def update(state: CorpusState, input: InternalRow): CorpusState = unbound
  override def merge(state: CorpusState, other: CorpusState): CorpusState = unbound
  override def serialize(state: CorpusState): Array[Byte] = unbound
  override def deserialize(bytes: Array[Byte]): CorpusState = unbound
  override def eval(state: CorpusState): Any = unbound

  override def withNewMutableAggBufferOffset(offset: Int): CorpusMetric = copy(mutableAggBufferOffset = offset)
  override def withNewInputAggBufferOffset(offset: Int): CorpusMetric = copy(inputAggBufferOffset = offset)
  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): CorpusMetric =
    copy(children = newChildren)
}

private[assay] object CorpusMetric {
  def compares(name: String): Boolean = name.startsWith("compare_")
  def resultType(name: String): StructType = if (compares(name)) StatResult.test else StatResult.interval
}

/** A metric of a corpus over the counts of its rows. */
private[assay] case class CountedCorpus(
    name: String,
    options: String,
    child: Expression,
    mutableAggBufferOffset: Int = 0,
    inputAggBufferOffset: Int = 0
) extends TypedImperativeAggregate[CorpusState]
    with UnaryLike[Expression] {
  override def prettyName: String = name
  override def nullable: Boolean = false
  override def dataType: DataType = CorpusMetric.resultType(name)

  override def createAggregationBuffer(): CorpusState = new CorpusState

  override def update(state: CorpusState, input: InternalRow): CorpusState = {
    state.add(child.eval(input).asInstanceOf[Array[Byte]])
    state
  }

  override def merge(state: CorpusState, other: CorpusState): CorpusState = state.merge(other)
  override def serialize(state: CorpusState): Array[Byte] = state.serialize()
  override def deserialize(bytes: Array[Byte]): CorpusState = CorpusState.deserialize(bytes)
  override def eval(state: CorpusState): Any =
    StatResult.finish(name, options, _ ++ state.serialize(), CorpusMetric.resultType(name))

  override def withNewMutableAggBufferOffset(offset: Int): CountedCorpus = copy(mutableAggBufferOffset = offset)
  override def withNewInputAggBufferOffset(offset: Int): CountedCorpus = copy(inputAggBufferOffset = offset)
  override protected def withNewChildInternal(newChild: Expression): CountedCorpus = copy(child = newChild)
}

/** The counts of rows, one after the other. Layout: version 1 (byte), number of NULLs and of rows (longs, little-endian), rows. */
private[assay] final class CorpusState {
  private var nulls = 0L
  private var rows = 0L
  private val counts = new ByteArrayOutputStream(256)

  /** The counts of one row; null for one that has none. */
  def add(row: Array[Byte]): Unit =
    if (row == null) nulls += 1
    else {
      rows += 1
      append(row, 0, row.length)
    }

  def merge(other: CorpusState): CorpusState = {
    nulls += other.nulls
    rows += other.rows
    val bytes = other.counts.toByteArray
    append(bytes, 0, bytes.length)
    this
  }

  def serialize(): Array[Byte] = {
    val header = ByteBuffer.allocate(CorpusState.Header).order(ByteOrder.LITTLE_ENDIAN)
    header.put(CorpusState.Version).putLong(nulls).putLong(rows)
    header.array() ++ counts.toByteArray
  }

  private def append(bytes: Array[Byte], from: Int, length: Int): Unit = {
    if (counts.size.toLong + length > CorpusState.MaxBytes)
      throw new AssayException(
        "ASSAY_INVALID_ARGUMENT",
        s"the counts of a group take more than ${CorpusState.MaxBytes} bytes; aggregate smaller groups or a sample"
      )
    counts.write(bytes, from, length)
  }
}

private[assay] object CorpusState {
  private val Version: Byte = 1
  private val Header = 17
  private val MaxBytes = 1L << 30

  def deserialize(bytes: Array[Byte]): CorpusState = {
    val state = new CorpusState
    val header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    require(header.get() == Version, "a state of another version")
    state.nulls = header.getLong()
    state.rows = header.getLong()
    state.append(bytes, Header, bytes.length - Header)
    state
  }
}
