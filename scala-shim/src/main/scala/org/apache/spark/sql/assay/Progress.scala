package org.apache.spark.sql.assay

import java.util.WeakHashMap

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import _root_.assay.{AssayException, CostMetric, NativeLibrary}
import com.fasterxml.jackson.databind.JsonNode

import org.apache.spark.SparkContext
import org.apache.spark.scheduler._
import org.apache.spark.sql.execution.metric.SQLMetric

/** How far the model calls that run are, or the last ones that ran, as the driver knows it: from the metrics of tasks that
  * ended, and of those that run as their executors send them (every `spark.executor.heartbeatInterval`; at once in local
  * mode).
  */
private[assay] object Progress {
  private val trackers = new WeakHashMap[SparkContext, ProgressTracker]
  @volatile private var newest: Option[ProgressTracker] = None

  /** Follows the metrics of one operator, and prints a line if `show` says so. */
  def watch(sc: SparkContext, metrics: Map[String, SQLMetric], show: String): Unit = {
    if (!Set("auto", "true", "false").contains(show))
      throw new AssayException("ASSAY_INVALID_OPTION", s"spark.assay.progress must be auto, true or false, not '$show'")
    val tracker = trackers.synchronized {
      Option(trackers.get(sc)).getOrElse {
        val tracker = new ProgressTracker(sc.isLocal)
        sc.addSparkListener(tracker)
        trackers.put(sc, tracker)
        newest = Some(tracker)
        tracker
      }
    }
    tracker.follow(metrics)
    val onTerminal = System.console != null && !sc.conf.getBoolean("spark.ui.showConsoleProgress", defaultValue = false)
    if (show == "true" || (show == "auto" && onTerminal)) ProgressLine.start(tracker)
  }

  /** The newest application's progress as JSON: what `assay_progress()` gives. */
  def json: String = newest.map(_.snapshot()).getOrElse(Snapshot.none).json
}

/** What of one limit per minute was used in the last minute, by the driver's account. */
private[assay] final case class QuotaUse(group: String, dimension: String, limit: Long, used: Long) {
  def share: Double = used.toDouble / limit

  override def toString: String =
    f"${share * 100}%.0f%% of $limit%,d ${dimension.replace('_', ' ')} a minute"
}

private[assay] object QuotaUse {

  /** From what the ledger reports; none where this process keeps none. */
  def all(report: JsonNode): Seq[QuotaUse] = for {
    group <- report.path("groups").elements.asScala.toSeq
    limit <- group.path("limits").properties.asScala
  } yield QuotaUse(
    group.path("name").asText,
    limit.getKey,
    limit.getValue.asLong,
    group.path("used").path(limit.getKey).asLong
  )
}

/** How far the calls are.
  *
  * @param counters
  *   sums over all tasks so far, by the engine's names
  * @param tasks
  *   of the stages that call and run
  * @param rowsPerSecond
  *   over the last half minute
  * @param quotas
  *   of every limit, what is used
  * @param budgetUsed
  *   what counts against a budget: `requests`, `tokens` and `usd`
  */
private[assay] final case class Snapshot(
    active: Boolean,
    counters: Map[String, Long],
    tasksDone: Int,
    tasks: Int,
    rowsPerSecond: Double,
    elapsedSeconds: Double,
    quotas: Seq[QuotaUse] = Nil,
    budgetUsed: JsonNode = JsonValues.emptyObject
) {
  private def counter(name: String): Long = counters.getOrElse(name, 0L)
  def rows: Long = counter("rows_ok") + counter("rows_failed")

  /** From the share of tasks that ended; nothing before the first has. */
  def secondsLeft: Option[Double] =
    if (!active || tasksDone == 0 || tasks == 0) None else Some(elapsedSeconds * (tasks - tasksDone) / tasksDone)

  def json: String = {
    val node = JsonValues.emptyObject.put("active", active).put("rows", rows)
    Snapshot.shown.foreach(name => node.put(name, counter(name)))
    node.put("cost_usd", counter("cost_nanousd") / 1e9).put("cost_avoided_usd", counter("cost_avoided_nanousd") / 1e9)
    node.put("rows_per_second", rowsPerSecond).put("tasks_done", tasksDone).put("tasks", tasks)
    node.put("elapsed_seconds", elapsedSeconds)
    secondsLeft.fold(node.putNull("seconds_left"))(node.put("seconds_left", _))
    val list = node.putArray("quotas")
    quotas.foreach { q =>
      list.addObject.put("group", q.group).put("dimension", q.dimension).put("limit", q.limit).put("used", q.used)
    }
    node.set[JsonNode]("budget_used", budgetUsed)
    JsonValues.mapper.writeValueAsString(node)
  }

  /** One line for a terminal. */
  def line: String = {
    val parts = Seq(
      f"$rows%,d done",
      f"${counter("rows_failed")}%,d failed",
      f"$rowsPerSecond%,.1f/s",
      f"${counter("requests")}%,d requests",
      if (counter("retries") > 0) f"${counter("retries")}%,d retries" else "",
      CostMetric.dollars(counter("cost_nanousd")),
      quotas.maxByOption(_.share).fold("")(_.toString),
      if (tasks > 0) s"$tasksDone of $tasks tasks" else "",
      secondsLeft.fold("")(left => s"${Snapshot.duration(left)} left")
    )
    parts.filter(_.nonEmpty).mkString("assay: ", ", ", "")
  }
}

private[assay] object Snapshot {
  val none: Snapshot = Snapshot(active = false, Map.empty, 0, 0, 0, 0)

  private val shown = Seq(
    "rows_ok",
    "rows_failed",
    "requests",
    "retries",
    "rate_limited",
    "timeouts",
    "server_errors",
    "network_errors",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "wait_ms",
    "quota_wait_ms",
    "cache_hits",
    "deduplicated"
  )

  def duration(seconds: Double): String = {
    val whole = math.round(seconds)
    if (whole >= 3600) f"${whole / 3600}h${whole % 3600 / 60}%02dm"
    else if (whole >= 60) f"${whole / 60}m${whole % 60}%02ds"
    else s"${whole}s"
  }
}

/** Sums the metrics of the operators of one application.
  *
  * @param local
  *   whether tasks run in this process, whose sessions can then be asked at once
  */
private[assay] final class ProgressTracker(local: Boolean, now: () => Long = () => System.nanoTime)
    extends SparkListener {
  // The engine's name of each metric that is followed, by the accumulator's id.
  private val names = mutable.LongMap.empty[String]
  private val ended = mutable.Map.empty[String, Long].withDefaultValue(0L)
  // The tasks that run: their last values by metric.
  private val running = mutable.LongMap.empty[mutable.Map[String, Long]]
  private val stages = mutable.LongMap.empty[Stage]
  private val callingStages = mutable.Set.empty[Long]
  private val samples = mutable.Queue.empty[(Long, Long)]
  private var began = 0L
  private var shown = 0L
  private var lastActive = 0L

  private final class Stage(val tasks: Int) {
    var done = 0
  }

  /** Follows one more operator; where nothing is called, a new count begins with it. */
  def follow(metrics: Map[String, SQLMetric]): Unit = synchronized {
    if (running.isEmpty && callingStages.isEmpty) {
      names.clear()
      ended.clear()
      samples.clear()
      shown = 0
      began = now()
    }
    metrics.foreach { case (name, metric) => names(metric.id) = name }
    lastActive = now()
  }

  override def onStageSubmitted(submitted: SparkListenerStageSubmitted): Unit = synchronized {
    stages(submitted.stageInfo.stageId) = new Stage(submitted.stageInfo.numTasks)
  }

  override def onStageCompleted(completed: SparkListenerStageCompleted): Unit = synchronized {
    stages.remove(completed.stageInfo.stageId)
    if (callingStages.remove(completed.stageInfo.stageId)) lastActive = now()
  }

  override def onExecutorMetricsUpdate(update: SparkListenerExecutorMetricsUpdate): Unit = synchronized {
    update.accumUpdates.foreach { case (taskId, stageId, _, values) => note(taskId, stageId, values) }
  }

  override def onTaskEnd(end: SparkListenerTaskEnd): Unit = synchronized {
    if (end.taskInfo != null) {
      note(end.taskInfo.taskId, end.stageId, end.taskInfo.accumulables)
      running.remove(end.taskInfo.taskId).foreach(_.foreach { case (name, value) => ended(name) += value })
      if (end.taskInfo.successful) stages.get(end.stageId).foreach(_.done += 1)
    }
  }

  private def note(taskId: Long, stageId: Int, values: Iterable[AccumulableInfo]): Unit =
    values.foreach { info =>
      names.get(info.id).foreach { name =>
        val value = info.update.collect { case number: Long => number }.getOrElse(0L)
        val task = running.getOrElseUpdate(taskId, mutable.Map.empty)
        task(name) = math.max(task.getOrElse(name, 0L), value)
        if (stages.contains(stageId)) callingStages += stageId
      }
    }

  def snapshot(): Snapshot = {
    // Asked before the lock, which the listener's thread waits for.
    val live = if (local) openCounters() else Map.empty[String, Long]
    snapshot(live, NativeLibrary.json("quota_totals", JsonValues.emptyObject))
  }

  private def snapshot(live: Map[String, Long], report: JsonNode): Snapshot = synchronized {
    val sums = names.values.toSet.map { name: String =>
      val counted = running.valuesIterator.map(_.getOrElse(name, 0L)).sum
      // In local mode a session closes a moment before its task ends; what was seen never shrinks.
      name -> (ended(name) + math.max(counted, live.getOrElse(name, 0L)))
    }.toMap
    val rows = sums.getOrElse("rows_ok", 0L) + sums.getOrElse("rows_failed", 0L)
    shown = math.max(shown, rows)
    val time = now()
    samples.enqueue(time -> shown)
    while (samples.size > 2 && time - samples.head._1 > ProgressTracker.RateNanos) samples.dequeue()
    val (since, before) = samples.head
    val seconds = (time - since) / 1e9
    val active = callingStages.nonEmpty || live.getOrElse("rows", 0L) > 0
    if (active) lastActive = time
    val calling = callingStages.flatMap(stages.get)
    Snapshot(
      active = active,
      counters = sums,
      tasksDone = calling.toSeq.map(_.done).sum,
      tasks = calling.toSeq.map(_.tasks).sum,
      rowsPerSecond = if (seconds > 0) (shown - before) / seconds else 0,
      elapsedSeconds = if (began == 0) 0 else (lastActive - began) / 1e9,
      quotas = QuotaUse.all(report),
      budgetUsed = if (report.has("budget_used")) report.get("budget_used") else JsonValues.emptyObject
    )
  }

  /** How long nothing has been called. */
  def idleNanos: Long = synchronized(now() - lastActive)

  private def openCounters(): Map[String, Long] = {
    val values = NativeLibrary.json("open_counters", JsonValues.emptyObject).get("counters")
    Engine.counters.indices.map(i => Engine.counters(i) -> values.get(i).asLong).toMap
  }
}

private[assay] object ProgressTracker {
  val RateNanos = 30000000000L
}

/** Writes the progress to standard error, over itself, for as long as something is called. */
private object ProgressLine {
  private val PeriodMs = 500L
  private val IdleNanos = 3000000000L
  private var writer: Option[Thread] = None

  def start(tracker: ProgressTracker): Unit = synchronized {
    if (!writer.exists(_.isAlive)) {
      val thread = new Thread(() => write(tracker), "assay-progress")
      thread.setDaemon(true)
      writer = Some(thread)
      thread.start()
    }
  }

  private def write(tracker: ProgressTracker): Unit = {
    var width = 0
    var last = tracker.snapshot()
    while (tracker.idleNanos < IdleNanos) {
      last = tracker.snapshot()
      if (last.active) {
        width = math.max(width, last.line.length)
        System.err.print("\r" + last.line.padTo(width, ' '))
        System.err.flush()
      }
      Thread.sleep(PeriodMs)
    }
    if (width > 0) System.err.println("\r" + last.line.padTo(width, ' '))
  }
}
