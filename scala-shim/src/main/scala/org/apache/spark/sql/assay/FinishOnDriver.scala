package org.apache.spark.sql.assay

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, ExprCode}
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.types.DataType

/** `assay_on_driver(statistic)`: marks a statistic that the driver finishes, on all its cores. */
private[assay] case class OnDriver(child: Expression) extends UnaryExpression {
  override def prettyName: String = OnDriver.name
  override def dataType: DataType = child.dataType
  override def nullable: Boolean = child.nullable

  override def checkInputDataTypes(): TypeCheckResult = child match {
    case AggregateExpression(_: StatAggregate, _, _, _, _) => TypeCheckResult.TypeCheckSuccess
    case _ => throw Arguments.invalid(s"${OnDriver.name} takes a statistic, such as ${OnDriver.name}(mean_ci(x))")
  }

  // Split off when the query is analyzed. Unevaluable is another trait in Spark 4.0.
  private def unevaluated = throw new IllegalStateException(s"${OnDriver.name} was not analyzed")
  override def eval(input: InternalRow): Any = unevaluated
  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = unevaluated

  override protected def withNewChildInternal(newChild: Expression): Expression = copy(child = newChild)
}

private[assay] object OnDriver {
  val name = "assay_on_driver"

  def build(children: Seq[Expression]): Expression = {
    Arguments.count(name, children, 1, 1)
    OnDriver(children.head)
  }
}

/** What a state is of. */
private[assay] final case class FinishCall(name: String, options: String) {
  override def toString: String = name
}

/** Rows of the child with results in the place of states. */
private[assay] case class FinishStates(
    calls: Seq[FinishCall],
    states: Seq[Attribute],
    results: Seq[Attribute],
    child: LogicalPlan
) extends UnaryNode {
  override def output: Seq[Attribute] = child.output.filterNot(a => states.exists(_.exprId == a.exprId)) ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)
  override protected def withNewChildInternal(newChild: LogicalPlan): LogicalPlan = copy(child = newChild)
}

/** Splits an aggregate of which statistics are finished on the driver: the aggregate gives their states, a node above it the results,
  * and a projection what was selected.
  */
private[assay] object FinishOnDriver extends Rule[LogicalPlan] {
  def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperatorsUp {
    case a: Aggregate if a.resolved && a.aggregateExpressions.exists(_.exists(_.isInstanceOf[OnDriver])) => split(a)
  }

  private def split(aggregate: Aggregate): LogicalPlan = {
    val below = ArrayBuffer.empty[NamedExpression]
    val finished = ArrayBuffer.empty[(AggregateExpression, FinishCall, Attribute, Attribute)]

    def passed(e: Expression): Attribute = {
      val named = below.collectFirst { case a @ Alias(child, _) if child.semanticEquals(e) => a.toAttribute }
      named.getOrElse {
        val alias = e match {
          case a: Attribute => a
          case other => Alias(other, "passed")()
        }
        below += alias
        alias.toAttribute
      }
    }

    def above(e: Expression): Expression = e match {
      case OnDriver(call @ AggregateExpression(statistic: StatAggregate, _, _, _, _)) =>
        finished.find(_._1.semanticEquals(call)).map(_._4).getOrElse {
          val state = Alias(call.copy(aggregateFunction = statistic.copy(asState = true)), "state")()
          val result = AttributeReference(statistic.name, statistic.dataType, nullable = false)()
          below += state
          finished += ((call, statistic.finishCall, state.toAttribute, result))
          result
        }
      case call: AggregateExpression => passed(call)
      case group if aggregate.groupingExpressions.exists(_.semanticEquals(group)) => passed(group)
      case other => other.mapChildren(above)
    }

    val selected = aggregate.aggregateExpressions.map {
      case named if !named.exists(_.isInstanceOf[OnDriver]) =>
        below += named
        named.toAttribute
      case named => above(named).asInstanceOf[NamedExpression]
    }
    val states = aggregate.copy(aggregateExpressions = below.distinct.toSeq)
    Project(
      selected,
      FinishStates(finished.map(_._2).toSeq, finished.map(_._3).toSeq, finished.map(_._4).toSeq, states)
    )
  }
}

private[assay] case class FinishStatesExec(
    calls: Seq[FinishCall],
    states: Seq[Attribute],
    results: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode {
  override def nodeName: String = "FinishStates"
  override def output: Seq[Attribute] = child.output.filterNot(a => states.exists(_.exprId == a.exprId)) ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)

  override def executeCollect(): Array[InternalRow] = finish(child.executeCollect())

  override protected def doExecute(): RDD[InternalRow] =
    sparkContext.parallelize(executeCollect().toSeq, 1)

  private def finish(rows: Array[InternalRow]): Array[InternalRow] = {
    val columns = calls.zip(states).map { case (call, state) =>
      val at = child.output.indexWhere(_.exprId == state.exprId)
      val resultType = StatResult.of(StatFunctions.kind(call.name))
      StatResult.finishAll(call.name, call.options, rows.toSeq.map(_.getBinary(at)), resultType).toIndexedSeq
    }
    val kept = child.output.zipWithIndex.filterNot { case (a, _) => states.exists(_.exprId == a.exprId) }
    val projection = UnsafeProjection.create(output.map(_.dataType).toArray)
    rows.indices.toArray.map { i =>
      val values = kept.map { case (a, at) => rows(i).get(at, a.dataType) } ++ columns.map(_(i))
      projection(InternalRow.fromSeq(values)).copy(): InternalRow
    }
  }

  override protected def withNewChildInternal(newChild: SparkPlan): SparkPlan = copy(child = newChild)
}
