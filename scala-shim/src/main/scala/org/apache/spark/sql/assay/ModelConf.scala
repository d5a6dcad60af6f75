package org.apache.spark.sql.assay

import _root_.assay.AssayConf
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.SparkEnv
import org.apache.spark.sql.internal.SQLConf

/** A model as configured. The settings may hold secrets: only the name is ever shown. */
private[assay] final case class ModelConf(name: String, settings: Map[String, String]) {
  override def toString: String = s"model $name"

  /** Whether equal requests are one call. */
  def deduplicates: Boolean = !settings.get("deduplicate").exists(_.trim.equalsIgnoreCase("false"))

  /** Whether it is a folder rather than an API. */
  def isLocal: Boolean = settings.get("provider").exists(_.trim == "local")

  def json: ObjectNode = {
    val node = JsonValues.emptyObject.put("name", name)
    val conf = node.putObject("conf")
    settings.toSeq.sorted.foreach { case (k, v) => conf.put(k, v) }
    node
  }
}

private[assay] object ModelConf {
  private val prefix = AssayConf.ModelPrefix

  /** The settings of model `name` in this session; an error with the nearest name where there are none. */
  def of(name: String, conf: SQLConf): ModelConf = {
    val all = conf.getAllConfs.filter(_._1.startsWith(prefix))
    val names = namesIn(all)
    val settings = settingsOf(name, names, all)
    if (settings.isEmpty)
      throw new AssayAnalysisException(
        "ASSAY_UNKNOWN_MODEL",
        s"no model named '$name' is configured${Engine.hint(name, names)}. Set ${prefix}$name.provider and " +
          s"${prefix}$name.model, or call assay.add_model"
      )
    ModelConf(name, settings)
  }

  /** Every model of this session. */
  def all(conf: SQLConf): Seq[ModelConf] = {
    val all = conf.getAllConfs.filter(_._1.startsWith(prefix))
    val names = namesIn(all)
    names.toSeq.sorted.map(name => ModelConf(name, settingsOf(name, names, all)))
  }

  private def namesIn(all: Map[String, String]): Set[String] =
    all.keySet.filter(_.endsWith(".provider")).map(_.stripPrefix(prefix).stripSuffix(".provider"))

  private def settingsOf(name: String, names: Set[String], all: Map[String, String]): Map[String, String] = {
    val mine = s"$prefix$name."
    val others = names.filter(n => n != name && n.startsWith(s"$name.")).map(n => s"$prefix$n.")
    all.collect {
      case (key, value) if key.startsWith(mine) && !others.exists(key.startsWith) => key.stripPrefix(mine) -> value
    }
  }

  /** Environment variables that executors get by configuration: a key may stand in one that the driver lacks. */
  def executorEnvironment: Seq[String] =
    Option(SparkEnv.get).toSeq.flatMap(_.conf.getExecutorEnv.map(_._1))
}
