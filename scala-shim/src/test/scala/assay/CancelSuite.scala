package assay

import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._
import scala.util.Try

import org.apache.spark.scheduler.{SparkListener, SparkListenerTaskEnd}
import org.scalatest.concurrent.Eventually._
import org.scalatest.time.{Millis, Seconds, Span}

/** A killed task leaves native code at once: what its thread is in would else go on for many minutes. */
class CancelSuite extends SparkSuite {
  private def inNativeCode: Boolean = Thread.getAllStackTraces.asScala.exists { case (thread, frames) =>
    thread.getName.startsWith("Executor task") &&
    frames.exists(frame => frame.getClassName == "assay.NativeBridge" && frame.getMethodName == "eval")
  }

  // Pairs of 100 kB; all of them are one batch.
  private def words(multiplier: Int) =
    s"array_join(transform(sequence(1, 20000), i -> CAST(pmod(i * $multiplier + id, 9973) AS STRING)), ' ')"
  private val pairs = s"(SELECT ${words(7919)} AS p, ${words(104729)} AS r FROM range(0, 60, 1, 1))"

  for (
    (where, query) <- Seq(
      "a batch" -> s"SELECT sum(llm_ter(p, r)) FROM $pairs",
      "a row alone" -> s"SELECT sum(transform(array(p, p, p, p, p, p, p, p), x -> llm_ter(x, r))[0]) FROM $pairs"
    )
  ) test(s"a job that is cancelled in the middle of $where") {
    val ended = new LinkedBlockingQueue[String]
    val listener = new SparkListener {
      override def onTaskEnd(event: SparkListenerTaskEnd): Unit = ended.add(event.reason.toString)
    }
    spark.sparkContext.addSparkListener(listener)
    try {
      val run = Future {
        spark.sparkContext.setJobGroup("cancelled", where, interruptOnCancel = true)
        Try(sql(query).collect())
      }(ExecutionContext.global)
      eventually(timeout(Span(120, Seconds)), interval(Span(20, Millis))) {
        assert(inNativeCode || run.isCompleted)
      }
      assert(!run.isCompleted, run.value)
      spark.sparkContext.cancelJobGroup("cancelled")
      val reason = ended.poll(60, TimeUnit.SECONDS)
      assert(reason != null && reason.startsWith("TaskKilled"), reason)
      assert(!inNativeCode)
      assert(Await.result(run, 60.seconds).failed.get.getMessage.contains("cancelled"))
    } finally spark.sparkContext.removeSparkListener(listener)
  }
}
