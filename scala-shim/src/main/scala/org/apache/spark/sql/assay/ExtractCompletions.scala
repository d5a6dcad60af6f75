package org.apache.spark.sql.assay

import scala.collection.mutable

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule

/** Takes every model call out of projections, filters, aggregates, sorts, windows and generators, into a
  * [[Completion]] below. Runs after resolution, before any rule could copy a call.
  *
  * A call inside CASE, IF, COALESCE, AND or OR gets the condition under which its branch is taken as a guard. A call
  * whose prompt or guard needs another call goes into a node above the other's. A call that equals one further down is
  * not made again: its result is carried up.
  */
private[assay] object ExtractCompletions extends Rule[LogicalPlan] {

  def apply(plan: LogicalPlan): LogicalPlan = {
    val extracted = plan.resolveOperatorsUp {
      case node: UnaryNode if eligible(node) && hasCall(node) => restoreOutput(node, extract(node))
    }
    // Here, and not only among the checks: Spark's own would refuse first, without saying what to do.
    if (extracted.resolved) CheckCompletions(extracted)
    extracted
  }

  private def eligible(node: UnaryNode): Boolean = node.resolved && (node match {
    case _: Project | _: Filter | _: Aggregate | _: Sort | _: Window | _: Generate => true
    case _ => false
  })

  private def hasCall(node: LogicalPlan): Boolean = node.expressions.exists(hasCall)
  private def hasCall(e: Expression): Boolean = e.exists(_.isInstanceOf[ModelCall])

  /** A lambda's calls stay where they are and are refused later. */
  private def hasExtractableCall(e: Expression): Boolean = e match {
    case _: LambdaFunction => false
    case _: ModelCall => true
    case other => other.children.exists(hasExtractableCall)
  }

  private def restoreOutput(before: LogicalPlan, after: LogicalPlan): LogicalPlan =
    if (after.output.map(_.exprId) == before.output.map(_.exprId)) after else Project(before.output, after)

  private def extract(node: UnaryNode): LogicalPlan = node match {
    case aggregate: Aggregate => extractFromAggregate(aggregate)
    case Filter(condition, child) =>
      // What needs no answer decides first who is asked.
      val (first, rest) =
        SplitConjuncts(condition).partition(c => !hasCall(c) && c.deterministic && !SubqueryExpression.hasSubquery(c))
      val below = first.reduceOption(And).fold(child)(Filter(_, child))
      layers(Filter(rest.reduce(And), below))
    case other => layers(other)
  }

  /** Adds nodes below `node` until no call is left in it. Each round takes out what needs no call that is still there. */
  private def layers(node: UnaryNode): LogicalPlan = {
    var current: UnaryNode = node
    while (current.expressions.exists(hasExtractableCall)) {
      val layer = new Layer(current.child)
      val rewritten = current.mapExpressions(e => layer.rewrite(e, Nil)).asInstanceOf[UnaryNode]
      if (!layer.progressed) return current
      current = rewritten.withNewChildren(Seq(layer.child)).asInstanceOf[UnaryNode]
    }
    current
  }

  /** Calls inside aggregate functions or grouping expressions are made below the aggregate; calls on its results, such
    * as `llm_complete('m', max(x))`, once per group above it.
    */
  private def extractFromAggregate(aggregate: Aggregate): LogicalPlan = {
    val grouping = aggregate.groupingExpressions
    // Not semanticEquals: to that no expression with a call is equal to itself.
    def isGrouping(e: Expression) = grouping.exists(_.canonicalized == e.canonicalized)
    def callOnResult(e: Expression): Boolean = e match {
      case _: AggregateExpression => false
      case _ if isGrouping(e) => false
      case _: ModelCall => true
      case other => other.children.exists(callOnResult)
    }
    if (!aggregate.aggregateExpressions.exists(callOnResult)) return layers(aggregate)

    val results = mutable.LinkedHashMap.empty[Expression, NamedExpression]
    def resultOf(e: Expression): Expression = e match {
      case named: Attribute => results.getOrElseUpdate(named.canonicalized, named).toAttribute
      case other => results.getOrElseUpdate(other.canonicalized, Alias(other, "_group")()).toAttribute
    }
    def lift(e: Expression): Expression = e match {
      case a: AggregateExpression => resultOf(a)
      case g if isGrouping(g) => resultOf(g)
      case other => other.mapChildren(lift)
    }
    val above = aggregate.aggregateExpressions.map(e => lift(e).asInstanceOf[NamedExpression])
    val below = aggregate.copy(aggregateExpressions = results.values.toSeq)
    val inner = if (hasCall(below)) restoreOutput(below, layers(below)) else below
    layers(Project(above, inner))
  }

  /** One round over the expressions of one operator: the calls that can be made over `input` as it is. */
  private final class Layer(input: LogicalPlan) {
    private val calls = mutable.ArrayBuffer.empty[(PaidCall, Seq[Seq[Expression]], Attribute)]
    private val materialized = mutable.ArrayBuffer.empty[Alias]
    private var reused = input
    private val reusedResults = mutable.Map.empty[Expression, Attribute]
    var progressed = false

    /** The operator's new child. */
    def child: LogicalPlan = {
      val base = if (materialized.isEmpty) reused else Project(reused.output ++ materialized, reused)
      if (calls.isEmpty) base
      else Completion(calls.map(_._1).toSeq, calls.map(c => guard(c._2)).toSeq, calls.map(_._3).toSeq, base)
    }

    /** A call that stands under several guards is made where any holds. */
    private def guard(alternatives: Seq[Seq[Expression]]): Expression =
      if (alternatives.exists(_.isEmpty)) Literal.TrueLiteral
      else alternatives.map(_.reduce(And)).reduce(Or)

    /** `e` with calls replaced by their results; `guards` must all be true for `e` to be evaluated. */
    def rewrite(e: Expression, guards: Seq[Expression]): Expression = e match {
      case _ if !hasExtractableCall(e) => e
      case call: ModelCall =>
        if (call.children.exists(hasCall)) call.mapChildren(rewrite(_, guards))
        else if (guards.exists(hasCall)) call
        else replace(call, guards)
      case If(p, t, f) =>
        val (condition, stable) = stabilize(p, Seq(t, f))
        If(rewrite(condition, guards), rewrite(t, guards ++ stable), rewrite(f, guards ++ stable.map(isNotTrue)))
      case CaseWhen(branches, otherwise) =>
        var before = guards
        val newBranches = branches.zipWithIndex.map { case ((p, value), i) =>
          val later = value +: (branches.drop(i + 1).flatMap(b => Seq(b._1, b._2)) ++ otherwise)
          val (condition, stable) = stabilize(p, later)
          val branch = (rewrite(condition, before), rewrite(value, before ++ stable))
          before = before ++ stable.map(isNotTrue)
          branch
        }
        CaseWhen(newBranches, otherwise.map(rewrite(_, before)))
      case Coalesce(children) =>
        var before = guards
        Coalesce(children.zipWithIndex.map { case (c, i) =>
          val (value, stable) = stabilize(c, children.drop(i + 1))
          val rewritten = rewrite(value, before)
          before = before ++ stable.map(IsNull(_))
          rewritten
        })
      case And(left, right) =>
        shortCircuit(left, right, guards, And(_, _), l => Not(EqualNullSafe(l, Literal.FalseLiteral)))
      case Or(left, right) => shortCircuit(left, right, guards, Or(_, _), isNotTrue)
      case a: AggregateExpression =>
        // An aggregate's argument is evaluated for every row that its own filter lets in, whatever stands around it.
        val filters = a.filter.toSeq.filter(f => !hasCall(f) && f.deterministic)
        a.mapChildren(c => if (a.filter.exists(_ eq c)) rewrite(c, Nil) else rewrite(c, filters))
      case w: WindowExpression => w.mapChildren(rewrite(_, Nil))
      case other => other.mapChildren(rewrite(_, guards))
    }

    private def isNotTrue(e: Expression): Expression = Not(EqualNullSafe(e, Literal.TrueLiteral))

    /** The right side is evaluated where the left does not decide; a left side with a call, where a right without does
      * not.
      */
    private def shortCircuit(
        left: Expression,
        right: Expression,
        guards: Seq[Expression],
        combine: (Expression, Expression) => Expression,
        undecided: Expression => Expression
    ): Expression =
      if (hasCall(left) && !hasCall(right) && right.deterministic)
        combine(rewrite(left, guards :+ undecided(right)), right)
      else {
        val (stableLeft, condition) = stabilize(left, Seq(right))
        combine(rewrite(stableLeft, guards), rewrite(right, guards ++ condition.map(undecided)))
      }

    /** A condition that can be evaluated twice with one result, in the guard and where it stands: itself if it is
      * deterministic, else a column computed below. None where it has both a call and a random part.
      */
    private def stabilize(condition: Expression, guarded: Seq[Expression]): (Expression, Option[Expression]) =
      if (!guarded.exists(hasExtractableCall)) (condition, None)
      else if (!isRandom(condition)) (condition, Some(condition))
      else if (hasCall(condition)) (condition, None)
      else {
        val column = Alias(condition, "_guard")()
        materialized += column
        progressed = true
        (column.toAttribute, Some(column.toAttribute))
      }

    private def isRandom(e: Expression): Boolean = e match {
      case call: ModelCall => call.children.exists(isRandom)
      case other => (!other.deterministic && other.children.forall(_.deterministic)) || other.children.exists(isRandom)
    }

    private def replace(call: ModelCall, guards: Seq[Expression]): Expression = {
      val bound = call.bind()
      val key = bound.canonicalized
      progressed = true
      calls.indexWhere(_._1.canonicalized == key) match {
        case -1 =>
          reusedResults.get(key).orElse(findBelow(key)).getOrElse {
            val result = AttributeReference(call.kind.function, bound.dataType)()
            calls += ((bound, Seq(guards), result))
            result
          }
        case i =>
          val (same, alternatives, result) = calls(i)
          calls(i) = (same, alternatives :+ guards, result)
          result
      }
    }

    /** The result of an equal, unguarded call in a node further down, carried up to here. */
    private def findBelow(key: Expression): Option[Attribute] =
      CarryUp(reused, key).map { case (plan, result) =>
        reused = plan
        reusedResults(key) = result
        result
      }
  }
}

/** The conjuncts of a condition. */
private[assay] object SplitConjuncts {
  def apply(condition: Expression): Seq[Expression] = condition match {
    case And(left, right) => apply(left) ++ apply(right)
    case other => Seq(other)
  }
}

/** Looks down through operators that keep rows as they are for a call, and carries its result up through them. */
private[assay] object CarryUp {

  /** `plan` with the result of the call among its output, and that result. */
  def apply(plan: LogicalPlan, key: Expression): Option[(LogicalPlan, Attribute)] = plan match {
    case c: Completion =>
      val same = c.calls.indices.find(i => c.calls(i).canonicalized == key && c.guards(i) == Literal.TrueLiteral)
      same.map(i => (c, c.results(i))).orElse(through(c, key))
    case Project(list, child) =>
      apply(child, key).map { case (newChild, result) =>
        val carried = list.exists(_.exprId == result.exprId)
        (Project(if (carried) list else list :+ result, newChild), result)
      }
    case node @ (_: Filter | _: Sort | _: SubqueryAlias | _: LocalLimit | _: GlobalLimit) =>
      through(node.asInstanceOf[UnaryNode], key)
    case _ => None
  }

  private def through(node: UnaryNode, key: Expression): Option[(LogicalPlan, Attribute)] =
    apply(node.child, key).map { case (newChild, result) => (node.withNewChildren(Seq(newChild)), result) }
}
