package org.apache.spark.sql.assay

import _root_.assay.{AssayConf, AssayException}

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.{CatalystTypeConverters, FunctionIdentifier, InternalRow}
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.{LeafNode, LogicalPlan, Statistics}
import org.apache.spark.sql.catalyst.types.DataTypeUtils.toAttributes
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.execution.LeafExecNode
import org.apache.spark.sql.types._

/** A table function of the cache.
  *
  * @param schema
  *   of what it gives
  * @param options
  *   that it takes, with what they mean
  */
private[assay] sealed abstract class CacheFunction(
    val name: String,
    val schema: StructType,
    val options: Seq[(String, String)],
    val usage: String,
    val example: String
) {
  def plan(session: SparkSession, options: CacheOptions): LogicalPlan
}

/** One that does something when it is executed, once, and never before. */
private[assay] sealed abstract class CacheAction(
    name: String,
    schema: StructType,
    options: Seq[(String, String)],
    usage: String,
    example: String
) extends CacheFunction(name, schema, options, usage, example) {
  override def plan(session: SparkSession, options: CacheOptions): LogicalPlan =
    CacheActionPlan(this, options, toAttributes(schema))

  /** Does it, and gives its rows. */
  def run(session: SparkSession, options: CacheOptions): Seq[Seq[Any]]
}

/** The options of one call. */
private[assay] final case class CacheOptions(values: Map[String, String]) {
  override def toString: String = values.keys.mkString(", ")

  def table(session: SparkSession, create: Boolean): CacheTable = {
    val conf = session.sessionState.conf
    val named = values.getOrElse("table", AssayConf.text(conf, AssayConf.CacheTable))
    if (named.isEmpty)
      throw new AssayAnalysisException(
        "ASSAY_INVALID_ARGUMENT",
        s"no cache table is named: give option table, or set ${AssayConf.CacheTable.key}"
      )
    CacheTable.named(session, named, create)
  }
}

private[assay] object CacheFunctions {
  private val table = "table" -> s"A table in place of the one that ${AssayConf.CacheTable.key} names."

  object Rows
      extends CacheFunction(
        "assay_cache",
        CacheSchema.stored,
        Seq(table),
        "All stored answers, one row for each key: those of the table and, as of the moment when the query is analyzed, those that " +
          "are in journals only.",
        "SELECT status, count(*), sum(cost_usd) FROM assay_cache() GROUP BY status"
      ) {
    override def plan(session: SparkSession, options: CacheOptions): LogicalPlan = {
      val table = options.table(session, create = false)
      val stored = table.read(session)
      val journals = JournalRows.unfolded(session, table.journals(session.sessionState.conf), None)
      val all =
        if (journals.isEmpty) stored
        else CacheFold.best(stored.unionByName(JournalRows.read(session, journals)))
      all.queryExecution.logical
    }
  }

  object Fold
      extends CacheAction(
        "assay_cache_fold",
        new StructType()
          .add("files", LongType)
          .add("inserted", LongType)
          .add("updated", LongType)
          .add("dropped", LongType),
        Seq(table),
        "Puts what is in journals only into the table, which otherwise happens by itself after each query that has written: the " +
          "number of files, of keys inserted and updated, and of torn or damaged places that were left out.",
        "SELECT * FROM assay_cache_fold()"
      ) {
    override def run(session: SparkSession, options: CacheOptions): Seq[Seq[Any]] = {
      val folded = CacheFold.now(session, session.sessionState.conf, options.table(session, create = true))
      Seq(Seq(folded.files, folded.inserted, folded.updated, folded.dropped))
    }
  }

  object Invalidate
      extends CacheAction(
        "assay_cache_invalidate",
        new StructType().add("deleted", LongType),
        Seq(
          "model" -> "Answers of this model, as the provider names it.",
          "provider" -> "Answers of this provider.",
          "status" -> "Answers with this status.",
          "older_than" -> "Answers older than this: a number and s, m, h or d.",
          "request_key" -> "The answer of this key.",
          table
        ),
        "Deletes the answers that meet all conditions given, of which there must be one, so that they are called for anew. What is " +
          "in journals goes into the table first. Gives their number.",
        "SELECT * FROM assay_cache_invalidate(map('model', 'gpt-4o', 'older_than', '30d'))"
      ) {
    override def run(session: SparkSession, options: CacheOptions): Seq[Seq[Any]] = {
      val table = options.table(session, create = false)
      val equal =
        for (column <- Seq("model", "provider", "status", "request_key"); value <- options.values.get(column))
          yield s"$column = ${Literal(value).sql}"
      val old = options.values.get("older_than").map { text =>
        s"created_at < timestamp_micros(${System.currentTimeMillis * 1000 - Cache.micros("older_than", text)})"
      }
      val conditions = equal ++ old
      if (conditions.isEmpty)
        throw new AssayAnalysisException(
          "ASSAY_INVALID_ARGUMENT",
          s"$name needs a condition: model, provider, status, older_than or request_key; to delete all, drop the table"
        )
      CacheFold.now(session, session.sessionState.conf, table)
      val deleted = Conflicts.retrying(session.sparkContext) {
        session.sql(s"DELETE FROM ${table.name} WHERE ${conditions.mkString(" AND ")}").head().getLong(0)
      }
      JournalDriver.forgetAnswers(session.sparkContext)
      Seq(Seq(deleted))
    }
  }

  object Vacuum
      extends CacheAction(
        "assay_cache_vacuum",
        new StructType().add("journals_deleted", LongType).add("files_before", LongType).add("files", LongType),
        Seq(table),
        "Puts journals into the table, orders its files by key, deletes files that no version needs any more (a week, or the table's " +
          "delta.deletedFileRetentionDuration), and journals of other applications that are in the table and a week old.",
        "SELECT * FROM assay_cache_vacuum()"
      ) {
    private val WeekMs = 7 * 24 * 3600000L

    override def run(session: SparkSession, options: CacheOptions): Seq[Seq[Any]] = {
      val table = options.table(session, create = false)
      val conf = session.sessionState.conf
      CacheFold.now(session, conf, table)
      def files = session.sql(s"DESCRIBE DETAIL ${table.name}").head().getAs[Long]("numFiles")
      val before = files
      session.sql(s"OPTIMIZE ${table.name} ZORDER BY (request_key)").collect()
      session.sql(s"VACUUM ${table.name}").collect()
      Seq(Seq(CacheFold.deleteFolded(session, table.journals(conf), System.currentTimeMillis - WeekMs), before, files))
    }
  }

  val all: Seq[CacheFunction] = Seq(Rows, Fold, Invalidate, Vacuum)

  def register(extensions: SparkSessionExtensions): Unit = all.foreach { function =>
    val info = new ExpressionInfo(
      classOf[CacheFunction].getName,
      null,
      function.name,
      s"_FUNC_([options]) - ${function.usage}",
      "",
      s"\n    Examples:\n      > ${function.example};\n  ",
      "",
      "table_funcs",
      "0.1.0",
      "",
      "built-in"
    )
    extensions.injectTableFunction((FunctionIdentifier(function.name), info, children => build(function, children)))
  }

  /** Spark would put the place in the query to an error of analysis and lose its class, and PySpark then fails to show it. */
  private def build(function: CacheFunction, children: Seq[Expression]): LogicalPlan =
    try plan(function, children)
    catch { case e: AssayAnalysisException => throw new AssayException(e.getCondition, e.detail, e) }

  private def plan(function: CacheFunction, children: Seq[Expression]): LogicalPlan = {
    Arguments.count(function.name, children, 0, 1)
    val options = FunctionOptions.of(function.name, children.headOption)
    if (options.perRow.nonEmpty)
      throw new AssayAnalysisException("ASSAY_INVALID_ARGUMENT", s"${function.name}: options must be constant")
    val known = function.options.map(_._1)
    val values = Map.newBuilder[String, String]
    options.constant.properties.forEach { entry =>
      if (!known.contains(entry.getKey))
        throw new AssayAnalysisException(
          "ASSAY_UNKNOWN_OPTION",
          s"${function.name} has no option '${entry.getKey}'${Engine.hint(entry.getKey, known)}"
        )
      if (!entry.getValue.isNull) values += entry.getKey -> entry.getValue.asText
    }
    function.plan(SparkSession.active, CacheOptions(values.result()))
  }
}

/** A table function that does something, as a node of a plan. */
private[assay] case class CacheActionPlan(action: CacheAction, options: CacheOptions, output: Seq[Attribute])
    extends LeafNode {
  override def computeStats(): Statistics = Statistics(sizeInBytes = 1000)
}

private[assay] case class CacheActionExec(action: CacheAction, options: CacheOptions, output: Seq[Attribute])
    extends LeafExecNode {
  override def nodeName: String = action.name

  // Once, however often the plan is executed.
  private lazy val rows: Seq[InternalRow] = {
    val convert = CatalystTypeConverters.createToCatalystConverter(action.schema)
    AssayAnalysisException
      .planning(action.run(session, options))
      .map(row => convert(org.apache.spark.sql.Row.fromSeq(row)).asInstanceOf[InternalRow])
  }

  override def executeCollect(): Array[InternalRow] = rows.toArray
  override protected def doExecute(): RDD[InternalRow] = {
    val types = output.map(_.dataType).toArray
    sparkContext.parallelize(rows, 1).mapPartitions { rows =>
      val project = UnsafeProjection.create(types)
      rows.map(project(_): InternalRow)
    }
  }
}
