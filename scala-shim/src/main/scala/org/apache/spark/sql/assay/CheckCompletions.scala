package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.plans.logical._

/** Refuses what is left after extraction: calls where a call cannot stand, and DISTINCT in Assay's aggregates. */
private[assay] object CheckCompletions extends (LogicalPlan => Unit) {

  def apply(plan: LogicalPlan): Unit = plan.foreach { node =>
    node.expressions.foreach(_.foreach {
      case call: ModelCall => throw notAllowed(call.kind, place(node))
      case AggregateExpression(f @ (_: StatAggregate | _: CorpusMetric | _: CountedCorpus), _, true, _, _) =>
        throw Arguments.invalid(s"${f.prettyName}(DISTINCT ...) is not supported: each row is an observation")
      case _: OnDriver =>
        throw Arguments.invalid(
          s"${OnDriver.name} stands over a statistic of a GROUP BY or of all rows, not over a window"
        )
      case _ => ()
    })
  }

  def notAllowed(kind: CallKind, place: String): AssayAnalysisException = new AssayAnalysisException(
    "ASSAY_CALL_NOT_ALLOWED",
    s"${kind.function} cannot stand in $place, where it could be evaluated more than once for a row. Put it into a SELECT " +
      s"list below, such as SELECT *, ${kind.function}(...) AS answer FROM ..., and use that column"
  )

  private def place(node: LogicalPlan): String = {
    val inLambda = node.expressions.exists(_.exists {
      case l: LambdaFunction => l.exists(_.isInstanceOf[ModelCall])
      case _ => false
    })
    node match {
      case _ if inLambda => "a lambda function"
      case _: Join => "a join condition"
      case other => s"the operator ${other.nodeName}"
    }
  }
}
