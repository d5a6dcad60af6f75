package org.apache.spark.sql.assay

import scala.collection.mutable

import _root_.assay.NativeLibrary
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.{SparkEnv, TaskContext}
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.types.LongType
import org.apache.spark.util.SerializableConfiguration

/** What one task needs to make its calls.
  *
  * @param spec
  *   the session's spec; it holds the models' settings and so is never shown
  * @param inputs
  *   the columns that cross to native code, over the child's output
  * @param results
  *   the calls' results, which follow the child's columns in the output
  * @param windowRows
  *   rows handed over and not yet back
  * @param firstRows
  *   the window at first; each finished row lets one more in
  * @param replay
  *   whether nothing is called
  * @param repeatable
  *   whether a row that is done again has the same answer
  */
private[assay] final case class CompletionTask(
    spec: Array[Byte],
    inputs: Seq[Expression],
    childOutput: Seq[Attribute],
    results: Seq[Attribute],
    ordered: Boolean,
    windowRows: Long,
    windowBytes: Long,
    firstRows: Long,
    batchBytes: Long,
    journal: Option[TaskJournal],
    replay: Boolean,
    repeatable: Boolean,
    metrics: Map[String, SQLMetric]
) {
  override def toString: String = "CompletionTask"

  def run(
      rows: Iterator[InternalRow],
      known: Iterator[InternalRow],
      context: TaskContext,
      partition: Int,
      owner: String,
      env: SparkEnv
  ): Iterator[InternalRow] =
    if (rows.hasNext) {
      LeaseThread.ensure(env)
      journal.foreach(own => JournalThreads.ensure(JournalPlace(own.folder, own.conf.value.value), env))
      new CompletionIterator(this, rows, known, context, partition, owner, env)
    } else Iterator.empty

  /** The spec of a session whose rows are `owner`'s.
    *
    * @param folder
    *   where it may put known answers for which there is no room in memory; None where there are none
    */
  def sessionSpec(owner: String, folder: Option[String], env: SparkEnv): Array[Byte] =
    if (journal.isEmpty && folder.isEmpty && !replay) spec
    else {
      val whole = JsonValues.mapper.readTree(spec).asInstanceOf[ObjectNode]
      journal.foreach { own =>
        whole
          .putObject("journal")
          .put("folder", own.folder)
          .put("executor", env.executorId)
          .put("run", own.run)
          .put("owner", owner)
      }
      if (replay || folder.isDefined)
        whole.putObject("known").put("folder", folder.getOrElse("")).put("replay", replay)
      JsonValues.bytes(whole)
    }
}

/** The journal of a task's results.
  *
  * @param conf
  *   how to reach its file system
  */
private[assay] final case class TaskJournal(folder: String, conf: Broadcast[SerializableConfiguration], run: String) {
  override def toString: String = s"TaskJournal($folder)"
}

/** The pipeline of one task. Native code works on what it was given while this thread feeds it and takes results. */
private final class CompletionIterator(
    task: CompletionTask,
    rows: Iterator[InternalRow],
    known: Iterator[InternalRow],
    context: TaskContext,
    partition: Int,
    owner: String,
    env: SparkEnv
) extends Iterator[InternalRow] {
  private val bridge = NativeLibrary.bridge
  private val session = bridge.open(task.sessionSpec(owner, if (known.hasNext) Some(folder) else None, env))
  private val writer = new BatchWriter(task.inputs.map(_.dataType))
  private val inputs = new NativeInputs(task.inputs, task.childOutput, partition)
  private val keep = UnsafeProjection.create(task.childOutput, task.childOutput)
  private val joined = new JoinedRow
  private val toOutput =
    UnsafeProjection.create(
      task.childOutput ++ task.results,
      (task.childOutput :+ CompletionIterator.RowId) ++ task.results
    )

  // Rows that native code has, by their number in order of arrival.
  private val waiting = mutable.LongMap.empty[UnsafeRow]
  private var waitingBytes = 0L
  private var pushed = 0L
  private var finished = 0L

  // In order: finished rows that wait for an earlier one, and the number of the next to leave.
  private val held = mutable.LongMap.empty[UnsafeRow]
  private var heldBytes = 0L
  private var nextToLeave = 0L

  private val batch = new ResultReader
  private var batchRow = 0
  private var closed = false
  private val reported = new Array[Long](Engine.counters.length)

  context.addTaskCompletionListener[Unit](_ => close())
  tellKnown()

  private def folder: String = env.blockManager.diskBlockManager.localDirs.head.getPath

  /** Tells native code what the cache has for the rows. */
  private def tellKnown(): Unit = if (known.hasNext) {
    val answers = new BatchWriter(CacheSchema.answers.map(_.dataType))
    try
      while (known.hasNext) {
        context.killTaskIfInterrupted()
        while (known.hasNext && answers.rows < CompletionIterator.PollRows && answers.textBytes < task.batchBytes)
          answers.write(known.next())
        answers.flush(bridge.known(session, _, _))
      }
    finally answers.close()
  }

  override def hasNext: Boolean = {
    while (!available) {
      if (closed) return false
      feed()
      if (waiting.isEmpty) {
        close()
        return false
      }
      take()
    }
    true
  }

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException
    task.metrics("numOutputRows") += 1
    if (task.ordered) {
      val row = held.remove(nextToLeave).get
      heldBytes -= row.getSizeInBytes
      nextToLeave += 1
      row
    } else {
      batchRow += 1
      result(batchRow - 1)
    }
  }

  private def available: Boolean =
    if (task.ordered) held.contains(nextToLeave) else batchRow < batch.rows

  /** Hands rows over while the window has room. */
  private def feed(): Unit = {
    // Small top-ups cost a crossing each, so wait until an eighth of the window is free.
    val limit = math.min(task.windowRows, task.firstRows + finished)
    val room = limit - waiting.size
    if (room <= 0 || (waiting.nonEmpty && room < limit / 8)) return
    var batchBytes = 0L
    while (hasRoom(limit) && batchBytes < task.batchBytes && rows.hasNext) {
      val row = rows.next()
      writer.write(inputs(row), inputs.ordinals)
      val kept = keep(row).copy()
      waiting(pushed) = kept
      pushed += 1
      waitingBytes += kept.getSizeInBytes
      batchBytes += kept.getSizeInBytes
    }
    if (writer.rows > 0) writer.flush(bridge.push(session, _, _))
  }

  private def hasRoom(limit: Long): Boolean =
    waiting.isEmpty ||
      (waiting.size < limit && waitingBytes < task.windowBytes && heldBytes < task.windowBytes)

  /** Waits a moment for finished rows; a killed task or a stopped application ends the wait. */
  private def take(): Unit = {
    context.killTaskIfInterrupted()
    if (env.isStopped) throw new _root_.assay.AssayException("ASSAY_CANCELLED", "the application has stopped")
    val ipc = bridge.poll(session, CompletionIterator.PollMs, CompletionIterator.PollRows, task.batchBytes)
    if (ipc != null) {
      batch.load(ipc)
      batchRow = 0
      finished += batch.rows
      if (task.ordered) {
        var i = 0
        while (i < batch.rows) {
          val row = result(i).copy()
          held(batch.row(i).getLong(0)) = row
          heldBytes += row.getSizeInBytes
          i += 1
        }
      }
      report()
    }
  }

  /** Row `i` of the batch: the child's row with its answers. It is overwritten by the next. */
  private def result(i: Int): UnsafeRow = {
    val answers = batch.row(i)
    val row = waiting.remove(answers.getLong(0)).get
    waitingBytes -= row.getSizeInBytes
    toOutput(joined(row, answers))
  }

  private def report(): Unit = CompletionMetrics.report(task.metrics, bridge.counters(session), reported)

  private def close(): Unit = if (!closed) {
    closed = true
    try report()
    finally {
      bridge.close(session)
      batch.close()
      writer.close()
    }
  }
}

private object CompletionIterator {

  /** The first column of a batch of results. */
  val RowId: Attribute = AttributeReference("row_id", LongType, nullable = false)()
  val PollMs = 100L
  val PollRows = 4096
}
