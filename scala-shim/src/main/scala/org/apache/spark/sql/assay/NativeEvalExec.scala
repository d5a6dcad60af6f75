package org.apache.spark.sql.assay

import _root_.assay.{AssayConf, NativeLibrary}

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.execution.{PartitioningPreservingUnaryExecNode, SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}

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
  private val session = bridge.open(task.spec)
  private val writer = new BatchWriter(task.inputs.map(_.dataType))
  private val inputs = MutableProjection.create(task.inputs, task.childOutput)
  inputs.initialize(partition)
  private val carry = UnsafeProjection.create(task.carried, task.childOutput)
  private val joined = new JoinedRow
  private val toOutput = UnsafeProjection.create(task.carried ++ task.results, task.carried ++ task.results)
  private val carriesNothing = task.carried.isEmpty

  private val kept = new Array[UnsafeRow](task.maxRows)
  private var batch: ResultBatch = _
  private var position = 0
  private val empty = InternalRow.empty

  private val outputRows = task.metrics("numOutputRows")
  private val batches = task.metrics("batches")
  private val nativeTime = task.metrics("nativeTime")

  context.addTaskCompletionListener[Unit](_ => close())

  override def hasNext: Boolean =
    (batch != null && position < batch.rows) || (rows.hasNext && {
      evaluate()
      true
    })

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException
    val out = toOutput(joined(if (carriesNothing) empty else kept(position), batch.row(position)))
    position += 1
    out
  }

  private def evaluate(): Unit = {
    context.killTaskIfInterrupted()
    if (batch != null) batch.close()
    batch = null
    var bytes = 0L
    var n = 0
    while (n < task.maxRows && bytes < task.maxBytes && rows.hasNext) {
      val row = rows.next()
      writer.write(inputs(row))
      if (!carriesNothing) kept(n) = carry(row).copy()
      bytes += (row match {
        case unsafe: UnsafeRow => unsafe.getSizeInBytes
        case _ => 64L
      })
      n += 1
    }
    val start = System.nanoTime()
    val ipc = writer.flush(bridge.eval(session, _, _))
    nativeTime += System.nanoTime() - start
    batch = new ResultBatch(ipc)
    position = 0
    outputRows += n
    batches += 1
  }

  private def close(): Unit = {
    bridge.close(session)
    if (batch != null) batch.close()
    batch = null
    writer.close()
  }
}
