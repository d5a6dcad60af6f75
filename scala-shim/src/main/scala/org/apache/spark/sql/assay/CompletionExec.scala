package org.apache.spark.sql.assay

import _root_.assay.AssayConf
import com.fasterxml.jackson.databind.JsonNode

import org.apache.spark.{Partition, SparkEnv, TaskContext}
import org.apache.spark.rdd.{DeterministicLevel, RDD}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution._
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.util.SerializableConfiguration

/** Makes the calls. A pipeline, not a barrier: rows go to native code up to a window and leave as they finish, so that
  * a slow answer holds up nobody. Only where the child declares an ordering are rows put back in order.
  *
  * @param readToEnd
  *   whether all rows are read, so that the window may be whole from the start
  */
private[assay] case class CompletionExec(
    calls: Seq[PaidCall],
    guards: Seq[Expression],
    results: Seq[Attribute],
    child: SparkPlan,
    readToEnd: Boolean = false
) extends UnaryExecNode {
  override def nodeName: String = "Completion"
  override def output: Seq[Attribute] = child.output ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering

  override lazy val metrics: Map[String, SQLMetric] =
    CompletionMetrics
      .create(sparkContext) + ("numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"))

  override protected def doExecute(): RDD[InternalRow] = {
    SessionEnd.watch(sparkContext)
    Progress.watch(sparkContext, metrics, AssayConf.text(conf, AssayConf.ShowProgress))
    // One column for each input of each call, then one for each guard that is not simply true.
    val guarded = guards.indices.filter(i => guards(i) != Literal.TrueLiteral)
    val inputs = calls.flatMap(_.children) ++ guarded.map(guards)
    val firstGuard = calls.map(_.children.length).sum
    val firstColumns = calls.scanLeft(0)(_ + _.children.length)
    val spec = JsonValues.emptyObject.put("kind", "complete").put("version", 1).put("columns", inputs.length)
    spec.set[JsonNode]("quota", QuotaEndpoint.plan(sparkContext, conf))
    val list = spec.putArray("calls")
    calls.zipWithIndex.foreach { case (call, i) =>
      val guard = guarded.indexOf(i)
      list.add(call.json(firstColumns(i), if (guard < 0) None else Some(firstGuard + guard)))
    }
    val task = CompletionTask(
      spec = JsonValues.bytes(spec),
      inputs = inputs,
      childOutput = child.output,
      results = results,
      ordered = isOrdered(child),
      windowRows = windowRows,
      windowBytes = AssayConf.long(conf, AssayConf.WindowMaxBytes),
      firstRows = if (readToEnd) windowRows else AssayConf.long(conf, AssayConf.WindowFirstRows),
      batchBytes = AssayConf.long(conf, AssayConf.BatchMaxBytes),
      journal = JournalDriver.place(sparkContext, conf).map { place =>
        TaskJournal(
          place.folder,
          sparkContext.broadcast(new SerializableConfiguration(place.conf)),
          JournalDriver.run(sparkContext)
        )
      },
      metrics = metrics
    )
    new CompletionRDD(child.execute(), task)
  }

  /** Whether the rows come in an order that the query asked for. A projection above a sort on a column that it drops
    * declares no ordering any more, yet `SELECT answer ... ORDER BY id` still means one.
    */
  private def isOrdered(plan: SparkPlan): Boolean = plan.outputOrdering.nonEmpty || (plan match {
    case _: ProjectExec | _: FilterExec | _: BaseLimitExec | _: WholeStageCodegenExec | _: InputAdapter |
        _: NativeEvalExec | _: CompletionExec =>
      plan.children.exists(isOrdered)
    case _ => false
  })

  /** Twice what may be under way at once, so that native code never waits for this side. */
  private def windowRows: Long = AssayConf.long(conf, AssayConf.WindowMaxRows) match {
    case 0 => 2 * calls.map(_.check().get("max_concurrency").asLong).max
    case rows => rows
  }

  override protected def withNewChildInternal(newChild: SparkPlan): SparkPlan = copy(child = newChild)
}

/** Without a journal answers differ when a lost partition is made again, so Spark must not mix old and new ones. */
private final class CompletionRDD(parent: RDD[InternalRow], task: CompletionTask) extends RDD[InternalRow](parent) {
  override protected def getPartitions: Array[Partition] = firstParent[InternalRow].partitions

  override def compute(split: Partition, context: TaskContext): Iterator[InternalRow] =
    task.run(
      firstParent[InternalRow].iterator(split, context),
      context,
      split.index,
      s"$id:${split.index}",
      SparkEnv.get
    )

  override protected def getOutputDeterministicLevel: DeterministicLevel.Value =
    if (task.journal.isEmpty) DeterministicLevel.INDETERMINATE else super.getOutputDeterministicLevel
}
