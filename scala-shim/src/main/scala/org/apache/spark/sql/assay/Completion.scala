package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._

/** Makes model calls for each row of its child and appends one completion struct per call.
  *
  * A node of its own, so that no rule of Spark copies a call, moves it or drops its guard. It is not deterministic, or
  * InlineCTE would double a CTE that is used twice. It holds no Alias, which CleanupAliases would strip.
  *
  * @param calls
  *   what to call
  * @param guards
  *   one for each call: where it is not true the call is not made and its result is NULL
  * @param results
  *   one attribute for each call
  */
private[assay] case class Completion(
    calls: Seq[PaidCall],
    guards: Seq[Expression],
    results: Seq[Attribute],
    child: LogicalPlan
) extends UnaryNode
    with SupportsNonDeterministicExpression {
  override def allowNonDeterministicExpression: Boolean = true
  override def output: Seq[Attribute] = child.output ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)

  // Answers are of unknown size: never broadcast them by estimate.
  override def stats: Statistics = Statistics(sizeInBytes = conf.defaultSizeInBytes)

  /** The same node without the calls whose results are not in `used`; its child where none is left. */
  def keep(used: AttributeSet): LogicalPlan = {
    val kept = results.indices.filter(i => used.contains(results(i)))
    if (kept.length == results.length) this
    else if (kept.isEmpty) child
    else copy(kept.map(calls), kept.map(guards), kept.map(results), child)
  }

  def resultSet: AttributeSet = AttributeSet(results)

  override protected def withNewChildInternal(newChild: LogicalPlan): LogicalPlan = copy(child = newChild)
}
