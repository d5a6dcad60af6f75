package org.apache.spark.sql.assay

import _root_.assay.AssayConf

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ProjectExec, SortExec, SparkPlan}
import org.apache.spark.sql.types.StringType

/** Lets each task ask in the order of its prompts, where `spark.assay.prefixOrder` says so: those that begin alike follow each
  * other, while the provider still has their beginning in its own prompt cache. All tasks go through the same order at
  * about the same pace, so that they share it too. A query's own order stands above this.
  */
private[assay] object PrefixOrder extends Rule[SparkPlan] {

  override def apply(plan: SparkPlan): SparkPlan =
    if (!AssayConf.flag(plan.conf, AssayConf.PrefixOrder)) plan
    else
      plan.transformUp {
        case calls: CompletionExec if !calls.byPrefix && !calls.isOrdered => ordered(calls)
      }

  private def ordered(calls: CompletionExec): SparkPlan = {
    val rendered = calls.calls.flatMap(c => c.settings.template.map(t => c -> (render(c, t), rendering())))
    val texts = rendered.toMap
    // The system message stands before the prompt.
    val keys = calls.calls
      .flatMap { call =>
        val system = call.settings.perRow.indexOf("system")
        (if (system < 0) Nil else Seq(call.perRow(system))) :+ texts.get(call).fold(call.prompt)(_._2)
      }
      .filter(e => RowOrdering.isOrderable(e.dataType))
    if (keys.isEmpty) calls
    else {
      val child = calls.child
      val order = keys.distinct.map(SortOrder(_, Ascending))
      val sorted =
        if (rendered.isEmpty) SortExec(order, global = false, child)
        else {
          val (functions, results) = rendered.map(_._2).unzip
          ProjectExec(
            child.output,
            SortExec(order, global = false, NativeEvalExec(functions, results, child.output, child))
          )
        }
      calls.copy(child = sorted, byPrefix = true)
    }
  }

  private def rendering(): Attribute = AttributeReference("_prompt", StringType)()

  private def render(call: PaidCall, template: String): BoundFunction =
    BoundFunction(NativeCall(FunctionTable.Prompt, "{}", Nil, Some(template), None), Seq(call.prompt), StringType)
}
