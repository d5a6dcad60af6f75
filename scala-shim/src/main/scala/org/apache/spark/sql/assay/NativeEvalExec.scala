package org.apache.spark.sql.assay

import _root_.assay.{AssayConf, NativeLibrary}

import org.apache.arrow.vector.Float8Vector
import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.execution.{PartitioningPreservingUnaryExecNode, SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.sql.types.DoubleType
import org.apache.spark.unsafe.Platform

/** Evaluates row functions over Arrow batches: one crossing to native code for thousands of rows. */
private[assay] case class NativeEvalExec(
    functions: Seq[BoundFunction],
    results: Seq[Attribute],
    carried: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode
    with PartitioningPreservingUnaryExecNode {
  override def nodeName: String = "NativeEval"
  override def output: Seq[Attribute] = carried ++ results
  override protected def outputExpressions: Seq[NamedExpression] = output
  override def producedAttributes: AttributeSet = AttributeSet(results)
  override def outputOrdering: Seq[SortOrder] =
    child.outputOrdering.takeWhile(_.references.subsetOf(AttributeSet(carried)))

  override lazy val metrics: Map[String, SQLMetric] = Map(
    "numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"),
    "batches" -> SQLMetrics.createMetric(sparkContext, "batches that crossed to native code"),
    "nativeTime" -> SQLMetrics.createNanoTimingMetric(sparkContext, "time in native code")
  )

  override protected def doExecute(): RDD[InternalRow] = {
    val (inputs, spec) = NativeEvalExec.spec(functions, results)
    val task = NativeEvalTask(
      spec,
      inputs,
      child.output,
      carried,
      results,
      AssayConf.long(conf, AssayConf.BatchMaxRows).max(1).min(1 << 20).toInt,
      AssayConf.long(conf, AssayConf.BatchMaxBytes),
      metrics
    )
    child.execute().mapPartitionsWithIndexInternal((partition, rows) => task.run(rows, partition))
  }

  override protected def withNewChildInternal(newChild: SparkPlan): SparkPlan = copy(child = newChild)
}

private[assay] object NativeEvalExec {

  /** The distinct inputs of `functions` and the spec of a session that evaluates them. */
  def spec(functions: Seq[BoundFunction], results: Seq[Attribute]): (Seq[Expression], Array[Byte]) = {
    val inputs = scala.collection.mutable.LinkedHashMap.empty[Expression, Expression]
    def isResult(e: Expression) = results.exists(_.semanticEquals(e))
    functions.flatMap(_.children).filterNot(isResult).foreach(e => inputs.getOrElseUpdate(e.canonicalized, e))
    val position = inputs.keys.zipWithIndex.toMap
    val json = functions.map { f =>
      f.call.json(f.children.map { e =>
        val result = results.indexWhere(_.semanticEquals(e))
        if (result >= 0) inputs.size + result else position(e.canonicalized)
      })
    }
    (inputs.values.toSeq, NativeCall.spec(inputs.size, json))
  }
}

private[assay] final case class NativeEvalTask(
    spec: Array[Byte],
    inputs: Seq[Expression],
    childOutput: Seq[Attribute],
    carried: Seq[Attribute],
    results: Seq[Attribute],
    maxRows: Int,
    maxBytes: Long,
    metrics: Map[String, SQLMetric]
) {
  override def toString: String = "NativeEvalTask"

  def run(rows: Iterator[InternalRow], partition: Int): Iterator[InternalRow] =
    if (rows.hasNext) new NativeEvalIterator(this, rows, partition, TaskContext.get()) else Iterator.empty
}

private final class NativeEvalIterator(
    task: NativeEvalTask,
    rows: Iterator[InternalRow],
    partition: Int,
    context: TaskContext
) extends Iterator[InternalRow] {
  private val bridge = NativeLibrary.bridge
  private val session = EvalSessions.open(task.spec, context)
  private val writer = new BatchWriter(task.inputs.map(_.dataType))
  private val inputs = new NativeInputs(task.inputs, task.childOutput, partition)
  private val reader = new ResultReader
  private val output =
    if (task.results.forall(_.dataType == DoubleType)) new DoublesOutput(task) else new AnyOutput(task)
  private var position = 0

  private val outputRows = task.metrics("numOutputRows")
  private val batches = task.metrics("batches")
  private val nativeTime = task.metrics("nativeTime")

  context.addTaskCompletionListener[Unit](_ => close())

  override def hasNext: Boolean =
    position < reader.rows || (rows.hasNext && {
      evaluate()
      true
    })

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException
    position += 1
    output.row(position - 1)
  }

  private def evaluate(): Unit = {
    context.killTaskIfInterrupted()
    output.clear()
    var bytes = 0L
    var n = 0
    while (n < task.maxRows && math.max(bytes, writer.textBytes + output.bytes) < task.maxBytes && rows.hasNext) {
      val row = rows.next()
      writer.write(inputs(row), inputs.ordinals)
      output.keep(row)
      row match {
        case unsafe: UnsafeRow => bytes += unsafe.getSizeInBytes
        case _ => bytes += 64
      }
      n += 1
    }
    val start = System.nanoTime()
    val ipc = writer.flush(bridge.eval(session, _, _))
    nativeTime += System.nanoTime() - start
    reader.load(ipc)
    output.load(reader)
    position = 0
    outputRows += n
    batches += 1
  }

  private def close(): Unit = {
    EvalSessions.close(session)
    reader.close()
    writer.close()
  }
}

/** Keeps what is carried of the rows of a batch, and puts the results to it. */
private sealed abstract class NativeEvalOutput {
  def clear(): Unit
  def keep(row: InternalRow): Unit

  /** The bytes of what is kept. */
  def bytes: Long
  def load(results: ResultReader): Unit

  /** Output row `i` of the batch, which the next call overwrites. */
  def row(i: Int): UnsafeRow
}

/** Doubles have a fixed place in a row: it is kept with room for them, which is filled when they are there. */
private final class DoublesOutput(task: NativeEvalTask) extends NativeEvalOutput {
  private val carry =
    UnsafeProjection.create(task.carried ++ task.results.map(r => Literal(null, r.dataType)), task.childOutput)
  private val kept = if (task.carried.isEmpty) None else Some(new KeptRows(task.carried.length + task.results.length))
  // Only where nothing is carried: a column that cannot be NULL is not read from a row of NULLs.
  private lazy val alone = carry(InternalRow.empty)
  private val columns = new Array[Float8Vector](task.results.length)
  private val addresses = new Array[Long](task.results.length)
  private val hasNulls = new Array[Boolean](task.results.length)

  override def clear(): Unit = kept.foreach(_.clear())
  override def keep(row: InternalRow): Unit = if (kept.isDefined) kept.get.add(carry(row))
  override def bytes: Long = if (kept.isDefined) kept.get.size else 0

  override def load(results: ResultReader): Unit =
    columns.indices.foreach { column =>
      columns(column) = results.doubles(column)
      addresses(column) = columns(column).getDataBufferAddress
      hasNulls(column) = columns(column).getNullCount > 0
    }

  override def row(i: Int): UnsafeRow = {
    val row = if (kept.isDefined) kept.get(i) else alone
    var column = 0
    while (column < columns.length) {
      val field = task.carried.length + column
      if (hasNulls(column) && columns(column).isNull(i)) row.setNullAt(field)
      else row.setDouble(field, Platform.getDouble(null, addresses(column) + 8L * i))
      column += 1
    }
    row
  }
}

private final class AnyOutput(task: NativeEvalTask) extends NativeEvalOutput {
  private val carry = UnsafeProjection.create(task.carried, task.childOutput)
  private val kept = new KeptRows(task.carried.length)
  private val joined = new JoinedRow
  private val join = UnsafeProjection.create(task.carried ++ task.results, task.carried ++ task.results)
  private var results: ResultReader = _

  override def clear(): Unit = kept.clear()
  override def keep(row: InternalRow): Unit = kept.add(carry(row))
  override def bytes: Long = kept.size
  override def load(results: ResultReader): Unit = this.results = results
  override def row(i: Int): UnsafeRow = join(joined(kept(i), results.row(i)))
}

/** Copies of rows, one after the other in memory that is used again. */
private final class KeptRows(fields: Int) {
  private var bytes = new Array[Byte](1 << 16)
  private var ends = new Array[Int](1 << 10)
  private var count = 0
  private val view = new UnsafeRow(fields)

  def clear(): Unit = count = 0
  def size: Long = if (count == 0) 0 else ends(count - 1)

  def add(row: UnsafeRow): Unit = {
    val start = size.toInt
    val end = Math.addExact(start, row.getSizeInBytes)
    if (end > bytes.length) bytes = java.util.Arrays.copyOf(bytes, math.min(end * 2L, Int.MaxValue - 15).toInt.max(end))
    if (count == ends.length) ends = java.util.Arrays.copyOf(ends, count * 2)
    row.writeToMemory(bytes, Platform.BYTE_ARRAY_OFFSET + start)
    ends(count) = end
    count += 1
  }

  /** Row `i`, until the next call. */
  def apply(i: Int): UnsafeRow = {
    val start = if (i == 0) 0 else ends(i - 1)
    view.pointTo(bytes, Platform.BYTE_ARRAY_OFFSET + start, ends(i) - start)
    view
  }
}
