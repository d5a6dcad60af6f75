package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution._
import org.apache.spark.sql.execution.aggregate.BaseAggregateExec
import org.apache.spark.sql.execution.command.DataWritingCommandExec
import org.apache.spark.sql.execution.datasources.WriteFilesExec
import org.apache.spark.sql.execution.datasources.v2.V2TableWriteExec
import org.apache.spark.sql.execution.exchange.Exchange

/** Marks calls whose rows are all read whatever comes of them: below an aggregate, a sort, an exchange or a write, with
  * nothing between that could stop early. They need no small first window, whose growth takes some latencies.
  */
private[assay] object ReadToEnd extends Rule[SparkPlan] {

  def apply(plan: SparkPlan): SparkPlan = mark(plan, readsAll = false)

  private def mark(plan: SparkPlan, readsAll: Boolean): SparkPlan = {
    val below = plan match {
      case _: BaseAggregateExec | _: SortExec | _: Exchange | _: TakeOrderedAndProjectExec | _: WriteFilesExec |
          _: DataWritingCommandExec | _: V2TableWriteExec =>
        true
      case _: ProjectExec | _: FilterExec | _: NativeEvalExec | _: CompletionExec => readsAll
      case _ => false
    }
    plan match {
      case calls: CompletionExec => calls.copy(readToEnd = readsAll, child = mark(calls.child, below))
      case other => other.mapChildren(mark(_, below))
    }
  }
}
