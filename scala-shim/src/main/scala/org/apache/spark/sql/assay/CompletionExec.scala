package org.apache.spark.sql.assay

import _root_.assay.AssayConf
import com.fasterxml.jackson.databind.JsonNode

import org.apache.spark.{OneToOneDependency, Partition, SparkEnv, TaskContext}
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
  * @param byPrefix
  *   whether the child is sorted by prompt, for the provider's sake and not for the query's
  */
private[assay] case class CompletionExec(
    calls: Seq[PaidCall],
    guards: Seq[Expression],
    results: Seq[Attribute],
    child: SparkPlan,
    readToEnd: Boolean = false,
    byPrefix: Boolean = false
) extends UnaryExecNode {
  override def nodeName: String = "Completion"
  override def output: Seq[Attribute] = child.output ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = if (byPrefix) Nil else child.outputOrdering

  override lazy val metrics: Map[String, SQLMetric] =
    CompletionMetrics
      .create(sparkContext) + ("numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"))

  override protected def doExecute(): RDD[InternalRow] = {
    SessionEnd.watch(sparkContext)
    val cache = AssayAnalysisException.planning(Cache.of(session, conf))
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
      ordered = isOrdered,
      windowRows = windowRows,
      windowBytes = AssayConf.long(conf, AssayConf.WindowMaxBytes),
      firstRows = if (readToEnd) windowRows else AssayConf.long(conf, AssayConf.WindowFirstRows),
      batchBytes = AssayConf.long(conf, AssayConf.BatchMaxBytes),
      journal = cache.journal.map { place =>
        TaskJournal(
          place.folder,
          sparkContext.broadcast(new SerializableConfiguration(place.conf)),
          Cache.run(sparkContext)
        )
      },
      replay = !cache.mode.calls,
      repeatable = !cache.mode.calls || (cache.journal.isDefined && calls.forall(_.settings.model.deduplicates)),
      metrics = metrics
    )
    val rows = child.execute()
    val known = if (cache.mode.reads) CacheLookup.known(session, conf, cache, rows, task) else None
    if (cache.mode.writes) cache.table.foreach(CacheFold.after(session, conf, _))
    new CompletionRDD(rows, known, task)
  }

  /** Whether the rows come in an order that the query asked for. */
  def isOrdered: Boolean = !byPrefix && isOrdered(child)

  /** A projection above a sort on a column that it drops declares no ordering any more, yet `SELECT answer ... ORDER BY id`
    * still means one.
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

/** The rows with their answers.
  *
  * Without a journal answers differ when a lost partition is made again, so Spark must not mix old and new ones.
  *
  * @param known
  *   what the cache has for the rows, in the same partitions
  */
private final class CompletionRDD(
    @transient rows: RDD[InternalRow],
    @transient known: Option[RDD[InternalRow]],
    task: CompletionTask
) extends RDD[InternalRow](rows.sparkContext, (rows +: known.toSeq).map(new OneToOneDependency(_))) {
  override protected def getPartitions: Array[Partition] =
    rows.partitions.map(p => new CompletionPartition(p.index, p, known.map(_.partitions(p.index))))

  override protected def getPreferredLocations(split: Partition): Seq[String] =
    firstParent[InternalRow].preferredLocations(split.asInstanceOf[CompletionPartition].rows)

  override def compute(split: Partition, context: TaskContext): Iterator[InternalRow] = {
    val partition = split.asInstanceOf[CompletionPartition]
    val answers = partition.known.fold(Iterator.empty[InternalRow])(parent[InternalRow](1).iterator(_, context))
    task.run(
      firstParent[InternalRow].iterator(partition.rows, context),
      answers,
      context,
      split.index,
      s"$id:${split.index}",
      SparkEnv.get
    )
  }

  // What is known comes in any order and changes nothing.
  override protected def getOutputDeterministicLevel: DeterministicLevel.Value =
    if (task.repeatable) firstParent[InternalRow].outputDeterministicLevel else DeterministicLevel.INDETERMINATE
}

private final class CompletionPartition(override val index: Int, val rows: Partition, val known: Option[Partition])
    extends Partition
