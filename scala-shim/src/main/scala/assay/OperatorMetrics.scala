package assay

import java.util.Locale

import org.apache.spark.sql.connector.metric.CustomMetric

/** An amount of money in the Spark UI. Tasks count billionths of a US dollar; the UI shows dollars. Public, and made without
  * arguments, because the UI makes one by its class name.
  */
final class CostMetric(title: String) extends CustomMetric {
  def this() = this("cost")
  override def name(): String = "cost"
  override def description(): String = title
  override def aggregateTaskMetrics(taskMetrics: Array[Long]): String = CostMetric.dollars(taskMetrics.sum)
}

object CostMetric {

  /** Dollars from billionths: cents, but as many digits as a small amount needs. */
  def dollars(nanousd: Long): String = {
    val usd = BigDecimal(nanousd) / 1000000000L
    val digits = if (usd == 0 || usd.abs >= 1) 2 else if (usd.abs >= BigDecimal("0.01")) 4 else 6
    String.format(Locale.ROOT, s"$$%,.${digits}f", usd.bigDecimal)
  }
}

/** The most requests that a task had open at once, in the Spark UI: of all tasks, and of the one in the middle. */
final class InFlightMetric extends CustomMetric {
  override def name(): String = "max_in_flight"
  override def description(): String = "most requests in flight in a task (med, max)"
  override def aggregateTaskMetrics(taskMetrics: Array[Long]): String =
    if (taskMetrics.isEmpty) "0"
    else {
      val sorted = taskMetrics.sorted
      s"${sorted(sorted.length / 2)}, ${sorted.last}"
    }
}
