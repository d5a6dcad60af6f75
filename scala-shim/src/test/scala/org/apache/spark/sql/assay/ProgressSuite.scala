package org.apache.spark.sql.assay

import java.io.{ByteArrayOutputStream, PrintStream}
import java.util.Properties

import scala.jdk.CollectionConverters._

import _root_.assay.{CostMetric, InFlightMetric, SparkSuite}
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.scalatest.funsuite.AnyFunSuite

import org.apache.spark.scheduler._
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec

/** What one sees of calls that run: metrics of the operator and the driver's progress. */
class ProgressSuite extends SparkSuite {
  override protected def settings: Map[String, String] = Map(
    "spark.assay.model.m.price.input" -> "1000",
    "spark.assay.model.m.price.output" -> "1000",
    "spark.assay.model.f.provider" -> "mock",
    "spark.assay.model.f.model" -> "fails",
    "spark.assay.model.f.mock.errorRate" -> "1",
    "spark.assay.model.f.maxRetries" -> "0"
  )

  private def progress(): JsonNode =
    new ObjectMapper().readTree(value("SELECT * FROM VALUES (assay_progress()) AS t(p)").asInstanceOf[String])

  private def quotas(group: String): Seq[(String, Int, Int)] =
    progress().get("quotas").elements.asScala.toSeq.filter(_.get("group").asText == group).map { quota =>
      (quota.get("dimension").asText, quota.get("limit").asInt, quota.get("used").asInt)
    }

  private def completion(plan: SparkPlan): CompletionExec = plan match {
    case adaptive: AdaptiveSparkPlanExec => completion(adaptive.executedPlan)
    case exec: CompletionExec => exec
    case other => other.children.map(completion).head
  }

  test("the operator's metrics and what the UI makes of them") {
    val frame = sql("SELECT llm_complete('m', concat('two words ', id)) r FROM range(0, 10, 1, 2)")
    frame.collect()
    val metrics = completion(frame.queryExecution.executedPlan).metrics
    def count(name: String): Long = metrics(name).value
    assert(count("requests") == 10 && count("rows_ok") == 10 && count("rows_failed") == 0)
    // The mock counts words: three in and three out, at a dollar for a thousand.
    assert(count("input_tokens") == 30 && count("output_tokens") == 30)
    assert(count("cost_nanousd") == 60000000L)
    for (
      name <- Seq(
        "retries",
        "rate_limited",
        "timeouts",
        "server_errors",
        "network_errors",
        "cache_hits",
        "deduplicated"
      )
    )
      assert(count(name) == 0, name)

    spark.sparkContext.listenerBus.waitUntilEmpty()
    val store = spark.asInstanceOf[org.apache.spark.sql.classic.SparkSession].sharedState.statusStore
    val execution = store.executionsList().last
    val shown = store.executionMetrics(execution.executionId)
    def text(title: String): String =
      shown(execution.metrics.find(_.name.startsWith(title)).getOrElse(fail(s"no metric '$title'")).accumulatorId)
    assert(text("cost of calls") == "$0.0600")
    assert(text("requests sent") == "10")
    val most = text("most requests in flight").split(", ").map(_.toInt)
    assert(most.length == 2 && most(0) >= 1 && most(1) <= 5)
  }

  test("equal rows are counted as shared, and what they saved") {
    val frame = sql("SELECT llm_complete('m', 'the same words').cost_avoided_usd c FROM range(0, 50, 1, 1)")
    val avoided = frame.collect().filterNot(_.isNullAt(0)).map(_.getDouble(0))
    val metrics = completion(frame.queryExecution.executedPlan).metrics
    assert(metrics("deduplicated").value == avoided.length)
    assert(metrics("requests").value + metrics("deduplicated").value == 50)
    assert(metrics("cost_avoided_nanousd").value == math.round(avoided.sum * 1e9))
  }

  test("assay_progress() tells of the last calls, without a job") {
    sql("SELECT llm_complete('m', concat('q', id)).text FROM range(0, 20, 1, 4)").collect()
    spark.sparkContext.listenerBus.waitUntilEmpty()
    val done = progress()
    assert(!done.get("active").asBoolean)
    assert(done.get("rows").asLong == 20 && done.get("rows_failed").asLong == 0 && done.get("requests").asLong == 20)
    assert(done.get("cost_usd").asDouble == 0.04)
    sql("SELECT llm_complete('f', concat('q', id)).text FROM range(0, 7, 1, 1)").collect()
    spark.sparkContext.listenerBus.waitUntilEmpty()
    assert(progress().get("rows_failed").asLong == 7 && progress().get("rows").asLong == 7)
    assert(progress().get("server_errors").asLong == 7)
    var jobs = 0
    val counter = new SparkListener {
      override def onJobStart(start: SparkListenerJobStart): Unit = jobs += 1
    }
    spark.sparkContext.addSparkListener(counter)
    progress()
    spark.sparkContext.listenerBus.waitUntilEmpty()
    spark.sparkContext.removeSparkListener(counter)
    assert(jobs == 0)
  }

  test("assay_progress() tells what of each limit is used") {
    spark.conf.set("spark.assay.model.m.requestsPerMinute", "600")
    try {
      sql("SELECT llm_complete('m', concat('q', id)).text FROM range(0, 5, 1, 1)").collect()
      assert(quotas("m") == Seq(("requests", 600, 5)))
    } finally {
      spark.conf.unset("spark.assay.model.m.requestsPerMinute")
      sql("SELECT llm_complete('m', 'without a limit').text").collect(): Unit
    }
    assert(quotas("m").isEmpty)
  }

  test("the line is printed where it is asked for, and holds no prompt") {
    val printed = new ByteArrayOutputStream
    val before = System.err
    System.setErr(new PrintStream(printed, true))
    try {
      spark.conf.set("spark.assay.progress", "true")
      spark.conf.set("spark.assay.model.m.mock.latencyMs", "700")
      sql("SELECT llm_complete('m', concat('PRIVATE', id)).text FROM range(0, 6, 1, 2)").collect()
    } finally {
      spark.conf.unset("spark.assay.progress")
      spark.conf.unset("spark.assay.model.m.mock.latencyMs")
      System.setErr(before)
    }
    val text = printed.toString
    assert(text.contains("assay: ") && text.contains(" done, "))
    assert(!text.contains("PRIVATE"))
    val (condition, message) = {
      spark.conf.set("spark.assay.progress", "yes")
      try conditionOf(sql("SELECT llm_complete('m', concat('q', id)) FROM range(2)").collect())
      finally spark.conf.unset("spark.assay.progress")
    }
    assert(condition == "ASSAY_INVALID_OPTION" && message.contains("spark.assay.progress"))
  }
}

/** The sums without a cluster: events as Spark sends them. */
class ProgressTrackerSuite extends AnyFunSuite {
  private def seconds(n: Long): Long = n * 1000000000L

  private def values(metrics: Map[String, org.apache.spark.sql.execution.metric.SQLMetric], counted: (String, Long)*) =
    counted.map { case (name, value) =>
      new AccumulableInfo(metrics(name).id, Some(name), Some(value), None, false, true, None)
    }

  test("tasks that run and tasks that ended add up, with rate and time left") {
    val spark =
      org.apache.spark.sql.SparkSession.builder().master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try {
      val metrics = CompletionMetrics.create(spark.sparkContext)
      var clock = seconds(100)
      val tracker = new ProgressTracker(false, () => clock)
      tracker.follow(metrics)
      val stage = new StageInfo(7, 0, "s", 4, Nil, Nil, "", null, Nil, None, 0)
      tracker.onStageSubmitted(SparkListenerStageSubmitted(stage, new Properties))
      tracker.snapshot()
      def heartbeat(task: Long, counted: (String, Long)*): Unit = tracker.onExecutorMetricsUpdate(
        SparkListenerExecutorMetricsUpdate("1", Seq((task, 7, 0, values(metrics, counted: _*))))
      )
      heartbeat(1, "rows_ok" -> 30, "cost_nanousd" -> 2000000000L)
      heartbeat(2, "rows_ok" -> 10, "rows_failed" -> 5)
      // An older value comes late.
      heartbeat(1, "rows_ok" -> 20)
      clock += seconds(10)
      val first = tracker.snapshot()
      assert(first.active && first.rows == 45 && first.counters("rows_failed") == 5)
      assert(first.rowsPerSecond == 4.5 && first.secondsLeft.isEmpty)

      val info = new TaskInfo(1, 0, 0, 0, 0L, "1", "host", TaskLocality.ANY, false)
      info.setAccumulables(values(metrics, "rows_ok" -> 40, "cost_nanousd" -> 3000000000L))
      info.markFinished(org.apache.spark.TaskState.FINISHED, 1L)
      tracker.onTaskEnd(SparkListenerTaskEnd(7, 0, "", org.apache.spark.Success, info, null, null))
      val second = tracker.snapshot()
      assert(second.rows == 55 && second.counters("cost_nanousd") == 3000000000L)
      assert((second.tasksDone, second.tasks) == (1, 4))
      assert(second.secondsLeft.contains(30.0))
      val quotas = Seq(QuotaUse("m", "input_tokens", 10000, 500), QuotaUse("m", "requests", 9800, 3920))
      assert(second.copy(quotas = quotas).line.contains(", $3.00, 40% of 9,800 requests a minute, 1 of 4"))
      assert(second.line == "assay: 55 done, 5 failed, 5.5/s, 0 requests, $3.00, 1 of 4 tasks, 30s left")

      tracker.onTaskEnd(
        SparkListenerTaskEnd(
          7,
          0,
          "",
          org.apache.spark.Success, {
            val other = new TaskInfo(2, 1, 0, 1, 0L, "1", "host", TaskLocality.ANY, false)
            other.setAccumulables(values(metrics, "rows_ok" -> 11, "rows_failed" -> 5))
            other.markFinished(org.apache.spark.TaskState.FINISHED, 1L)
            other
          },
          null,
          null
        )
      )
      tracker.onStageCompleted(SparkListenerStageCompleted(stage))
      assert(!tracker.snapshot().active && tracker.snapshot().rows == 56)
      tracker.follow(CompletionMetrics.create(spark.sparkContext))
      assert(tracker.snapshot().rows == 0, "a new query counts anew")
    } finally spark.stop()
  }

  test("money and requests in flight as the UI shows them") {
    assert(new CostMetric().aggregateTaskMetrics(Array(1500000000L, 250000000L)) == "$1.75")
    assert(CostMetric.dollars(0) == "$0.00")
    assert(CostMetric.dollars(1234567000000000L) == "$1,234,567.00")
    assert(CostMetric.dollars(56300000L) == "$0.0563")
    assert(CostMetric.dollars(123456L) == "$0.000123")
    assert(new InFlightMetric().aggregateTaskMetrics(Array(3, 64, 8)) == "8, 64")
    assert(new InFlightMetric().aggregateTaskMetrics(Array.empty) == "0")
    assert(Snapshot.duration(59.4) == "59s" && Snapshot.duration(61) == "1m01s" && Snapshot.duration(7260) == "2h01m")
  }
}
