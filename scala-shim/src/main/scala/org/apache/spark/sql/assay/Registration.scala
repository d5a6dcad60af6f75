package org.apache.spark.sql.assay

import java.util.{Collections, WeakHashMap}

import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, SparkPlan, SparkStrategy}

/** Puts functions, rules and operators into a session. Applying it twice, by service file and by setting, does no harm. */
object Registration {

  private val registered =
    Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap[SparkSessionExtensions, java.lang.Boolean]))

  def apply(extensions: SparkSessionExtensions): Unit = if (registered.add(extensions)) {
    FunctionTable.register(extensions)
    CacheFunctions.register(extensions)
    extensions.injectPostHocResolutionRule(_ => FinishOnDriver)
    extensions.injectPostHocResolutionRule(_ => ExtractCompletions)
    extensions.injectPostHocResolutionRule(_ => BindFunctions)
    extensions.injectCheckRule(_ => CheckCompletions)
    extensions.injectOptimizerRule(_ => PushThroughCompletion)
    extensions.injectPreCBORule(_ => ExtractNative)
    extensions.injectPlannerStrategy(_ => PlanOperators)
    extensions.injectQueryStagePrepRule(_ => PrepareCompletions)
    extensions.injectColumnar(_ => PrepareWithoutAdaptive)
  }

  /** Touches what the first query would otherwise load, so that a broken installation shows when the application
    * starts.
    */
  def check(): Unit = Engine.description: Unit
}

private object PrepareCompletions extends Rule[SparkPlan] {
  override def apply(plan: SparkPlan): SparkPlan = ReadToEnd(CompletionBarrier(PrefixOrder(plan)))
}

/** The same where adaptive execution, and with it the hook for query stages, is off. */
private object PrepareWithoutAdaptive extends ColumnarRule {
  override def preColumnarTransitions: Rule[SparkPlan] = PrepareCompletions
}

private[assay] object PlanOperators extends SparkStrategy {
  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case Completion(calls, guards, results, child) => CompletionExec(calls, guards, results, planLater(child)) :: Nil
    case CacheActionPlan(action, options, output) => CacheActionExec(action, options, output) :: Nil
    case NativeEval(functions, results, carried, child) =>
      NativeEvalExec(functions, results, carried, planLater(child)) :: Nil
    case FinishStates(calls, states, results, child) =>
      FinishStatesExec(calls, states, results, planLater(child)) :: Nil
    case _ => Nil
  }
}
