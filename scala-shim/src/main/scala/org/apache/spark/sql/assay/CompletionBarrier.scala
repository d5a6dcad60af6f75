package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.plans.physical.{RangePartitioning, RoundRobinPartitioning}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.exchange.{Exchange, REPARTITION_BY_NUM, ShuffleExchangeExec}

/** A range exchange samples its input in a job of its own, which would make every call twice. A plain exchange directly
  * above the calls keeps their answers in shuffle files that serve both jobs.
  */
private[assay] object CompletionBarrier extends Rule[SparkPlan] {

  def apply(plan: SparkPlan): SparkPlan = plan.transformUp {
    case exchange: ShuffleExchangeExec if samples(exchange) && readsCalls(exchange.child) =>
      exchange.withNewChildren(Seq(aboveCalls(exchange.child)))
  }

  private def samples(exchange: ShuffleExchangeExec): Boolean =
    exchange.outputPartitioning.isInstanceOf[RangePartitioning]

  private def readsCalls(plan: SparkPlan): Boolean = plan match {
    case _: Exchange => false
    case _: CompletionExec => true
    case other => other.children.exists(readsCalls)
  }

  private def aboveCalls(plan: SparkPlan): SparkPlan = plan match {
    case e: Exchange => e
    case calls: CompletionExec =>
      ShuffleExchangeExec(RoundRobinPartitioning(calls.conf.numShufflePartitions), calls, REPARTITION_BY_NUM)
    case other => other.withNewChildren(other.children.map(c => if (readsCalls(c)) aboveCalls(c) else c))
  }
}
