package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule

/** Nobody pays for a row that nobody wants: what needs no answer moves below the calls, and an answer that no one reads
  * is not bought. Spark's own rules stop at a node that they do not know.
  */
private[assay] object PushThroughCompletion extends Rule[LogicalPlan] {

  def apply(plan: LogicalPlan): LogicalPlan = plan.transform {
    case p @ Project(list, n: Completion) if unused(n, list) => p.copy(child = n.keep(references(list)))
    case p @ Project(list, f @ Filter(condition, n: Completion)) if unused(n, condition +: list) =>
      p.copy(child = f.copy(child = n.keep(references(condition +: list))))

    case Filter(condition, n: Completion) if SplitConjuncts(condition).exists(movable(_, n)) =>
      val (below, above) = SplitConjuncts(condition).partition(movable(_, n))
      val pushed = n.copy(child = Filter(below.reduce(And), n.child))
      above.reduceOption(And).fold[LogicalPlan](pushed)(Filter(_, pushed))

    // Each row has one answer, so a limit on rows is a limit on calls.
    case LocalLimit(e, n: Completion) => n.copy(child = LocalLimit(e, n.child))
    case GlobalLimit(e, n: Completion) => n.copy(child = GlobalLimit(e, n.child))
    case Offset(e, n: Completion) => n.copy(child = Offset(e, n.child))
    case s @ Sample(_, _, false, _, n: Completion) => n.copy(child = s.copy(child = n.child))
    case LocalLimit(e, p @ Project(_, n: Completion)) => p.copy(child = n.copy(child = LocalLimit(e, n.child)))
    case GlobalLimit(e, p @ Project(_, n: Completion)) => p.copy(child = n.copy(child = GlobalLimit(e, n.child)))
    case Offset(e, p @ Project(_, n: Completion)) => p.copy(child = n.copy(child = Offset(e, n.child)))
    case LocalLimit(e, s @ Sort(order, true, n: Completion, _)) if free(order, n) =>
      n.copy(child = LocalLimit(e, s.copy(child = n.child)))
    case LocalLimit(e, s @ Sort(order, true, p @ Project(_, n: Completion), _)) if free(order, n) =>
      p.copy(child = n.copy(child = LocalLimit(e, s.copy(child = n.child))))
  }

  private def references(expressions: Seq[Expression]): AttributeSet =
    AttributeSet.fromAttributeSets(expressions.map(_.references))

  private def unused(n: Completion, readers: Seq[Expression]): Boolean = {
    val used = references(readers)
    n.results.exists(r => !used.contains(r))
  }

  private def movable(condition: Expression, n: Completion): Boolean =
    condition.deterministic && condition.references.subsetOf(n.child.outputSet)

  private def free(order: Seq[SortOrder], n: Completion): Boolean =
    order.forall(o => o.deterministic && o.references.subsetOf(n.child.outputSet))
}
