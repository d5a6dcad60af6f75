package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule

/** Evaluates row functions of the engine in batches and appends their results.
  *
  * @param functions
  *   what to evaluate; an argument may be the result of an earlier one
  * @param results
  *   one attribute for each function
  * @param carried
  *   the child's columns that operators above still read
  */
private[assay] case class NativeEval(
    functions: Seq[BoundFunction],
    results: Seq[Attribute],
    carried: Seq[Attribute],
    child: LogicalPlan
) extends UnaryNode {
  override def output: Seq[Attribute] = carried ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)

  /** The same node without carried columns that are not in `read`, over a child without those that it does not need. */
  def narrow(read: AttributeSet): NativeEval = {
    val kept = carried.filter(read.contains)
    val readHere = AttributeSet.fromAttributeSets(functions.map(_.references)) ++ AttributeSet(kept)
    val needed = child.output.filter(readHere.contains)
    // Column pruning has run already, so a scan below must be told what is left to read.
    copy(carried = kept, child = if (needed.length == child.output.length) child else Project(needed, child))
  }

  override protected def withNewChildInternal(newChild: LogicalPlan): LogicalPlan = copy(child = newChild)
}

/** Pulls row functions out of the expressions of an operator into one [[NativeEval]] below it, so that thousands of
  * rows cross to native code at a time. What stays, in a lambda or a join condition, evaluates row by row and gives the
  * same.
  *
  * A function in a branch of CASE, IF, COALESCE, AND or OR is evaluated for all rows, but its arguments only where the
  * branch is taken, so that an argument which fails elsewhere still does not fail.
  */
private[assay] object ExtractNative extends Rule[LogicalPlan] {

  def apply(plan: LogicalPlan): LogicalPlan = plan.transformUp {
    case node: UnaryNode if !node.isInstanceOf[NativeEval] && !node.isStreaming && extractable(node) =>
      val after = layers(node)
      narrowBelowFilter(
        if (after.output.map(_.exprId) == node.output.map(_.exprId)) after else Project(node.output, after)
      )
    case node @ (_: Project | _: Aggregate) => narrowBelowFilter(node)
  }

  private def references(node: LogicalPlan): AttributeSet =
    AttributeSet.fromAttributeSets(node.expressions.map(_.references))

  /** A filter passes on whatever is below it; what stands above says how much of that is read. */
  private def narrowBelowFilter(plan: LogicalPlan): LogicalPlan = plan match {
    case above @ (_: Project | _: Aggregate) =>
      above.mapChildren {
        case f @ Filter(_, n: NativeEval) => narrowed(above, f, n)
        case Project(columns, f @ Filter(_, n: NativeEval)) if columns.forall(_.isInstanceOf[Attribute]) =>
          narrowed(above, f, n)
        case other => other
      }
    case other => other
  }

  private def narrowed(above: LogicalPlan, filter: Filter, n: NativeEval): Filter =
    filter.copy(child = n.narrow(references(above) ++ references(filter)))

  private def extractable(node: UnaryNode): Boolean = node match {
    case _: Project | _: Filter | _: Aggregate | _: Sort | _: Window | _: Generate | _: Completion | _: Expand =>
      node.expressions.exists(hasFunction)
    case _ => false
  }

  private def hasFunction(e: Expression): Boolean = e match {
    case _: LambdaFunction => false
    case f: BoundFunction => f.deterministic
    case other => other.children.exists(hasFunction)
  }

  private def layers(node: UnaryNode): UnaryNode = {
    var current = withFreeConjunctsBelow(node)
    while (current.expressions.exists(hasFunction)) {
      val layer = new Layer
      val rewritten = current match {
        case a: Aggregate => rewriteAggregate(a, layer)
        case other => other.mapExpressions(e => layer.rewrite(e, Nil)).asInstanceOf[UnaryNode]
      }
      if (layer.functions.isEmpty) return current
      current = rewritten.withNewChildren(Seq(layer.below(current, rewritten))).asInstanceOf[UnaryNode]
    }
    current
  }

  /** A filter's conjuncts that need no function stay next to the scan, which may use them. */
  private def withFreeConjunctsBelow(node: UnaryNode): UnaryNode = node match {
    case Filter(condition, child) =>
      val (free, rest) = SplitConjuncts(condition).partition(c => !hasFunction(c) && c.deterministic)
      if (free.isEmpty) node else Filter(rest.reduce(And), Filter(free.reduce(And), child))
    case other => other
  }

  /** Below an aggregate only what its functions and groups read can be evaluated; the rest is over its results. */
  private def rewriteAggregate(aggregate: Aggregate, layer: Layer): UnaryNode = {
    def inside(e: Expression): Expression = e match {
      case a: AggregateExpression => layer.rewrite(a, Nil)
      case g if aggregate.groupingExpressions.exists(_.semanticEquals(g)) => layer.rewrite(g, Nil)
      case other => other.mapChildren(inside)
    }
    aggregate.copy(
      groupingExpressions = aggregate.groupingExpressions.map(layer.rewrite(_, Nil)),
      aggregateExpressions = aggregate.aggregateExpressions.map(inside(_).asInstanceOf[NamedExpression])
    )
  }

  private final class Layer {
    val functions = scala.collection.mutable.ArrayBuffer.empty[(BoundFunction, Attribute)]

    /** The node to put below `before`, whose expressions are now those of `after`. */
    def below(before: UnaryNode, after: UnaryNode): LogicalPlan = {
      val node = NativeEval(functions.map(_._1).toSeq, functions.map(_._2).toSeq, before.child.output, before.child)
      before match {
        case _: Project | _: Aggregate => node.narrow(references(after))
        case _ => node
      }
    }

    def rewrite(e: Expression, guards: Seq[Expression]): Expression = e match {
      case _ if !hasFunction(e) => e
      case f: BoundFunction =>
        // Inner functions first: their results are arguments of the outer, in the same operator where nothing stands between.
        val arguments = f.children.map {
          case inner: BoundFunction => rewrite(inner, guards)
          case other => other
        }
        if (arguments.exists(hasFunction)) f.mapChildren(rewrite(_, guards))
        else if (guards.exists(g => hasFunction(g) || !g.deterministic)) f
        else resultOf(f.copy(children = arguments.map(guarded(_, guards))))
      case If(p, t, f) =>
        If(rewrite(p, guards), rewrite(t, guards :+ p), rewrite(f, guards :+ isNotTrue(p)))
      case CaseWhen(branches, otherwise) =>
        var before = guards
        val newBranches = branches.map { case (p, value) =>
          val branch = (rewrite(p, before), rewrite(value, before :+ p))
          before = before :+ isNotTrue(p)
          branch
        }
        CaseWhen(newBranches, otherwise.map(rewrite(_, before)))
      case Coalesce(children) =>
        var before = guards
        Coalesce(children.map { c =>
          val rewritten = rewrite(c, before)
          before = before :+ IsNull(c)
          rewritten
        })
      case And(l, r) => And(rewrite(l, guards), rewrite(r, guards :+ Not(EqualNullSafe(l, Literal.FalseLiteral))))
      case Or(l, r) => Or(rewrite(l, guards), rewrite(r, guards :+ isNotTrue(l)))
      case other => other.mapChildren(rewrite(_, guards))
    }

    private def isNotTrue(e: Expression): Expression = Not(EqualNullSafe(e, Literal.TrueLiteral))

    /** An argument that is a column or a constant cannot fail; anything else is evaluated only where its branch is
      * taken.
      */
    private def guarded(argument: Expression, guards: Seq[Expression]): Expression = argument match {
      case _: Attribute | _: Literal => argument
      case _ if guards.isEmpty => argument
      case _ => If(guards.reduce(And), argument, Literal(null, argument.dataType))
    }

    private def resultOf(f: BoundFunction): Attribute = {
      val key = f.canonicalized
      functions.find(_._1.canonicalized == key).map(_._2).getOrElse {
        val result = AttributeReference(f.call.name, f.dataType)()
        functions += ((f, result))
        result
      }
    }
  }
}

/** Replaces each function as written by the one that runs, once its options, template and model are checked. */
private[assay] object BindFunctions extends Rule[LogicalPlan] {
  def apply(plan: LogicalPlan): LogicalPlan = plan.resolveExpressions {
    case f: NativeFunction if f.childrenResolved => f.bind()
    case c: CorpusMetric if c.childrenResolved => c.counted
  }
}
