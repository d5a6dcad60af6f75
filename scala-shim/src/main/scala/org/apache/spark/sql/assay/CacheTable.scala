package org.apache.spark.sql.assay

import java.util.WeakHashMap

import scala.collection.mutable
import scala.util.Try
import scala.util.control.NonFatal

import _root_.assay.{AssayConf, AssayException}
import org.apache.hadoop.fs.Path

import org.apache.spark.SparkContext
import org.apache.spark.sql.Row
import org.apache.spark.sql.classic.{DataFrame, SparkSession}
import org.apache.spark.sql.functions.{col, lit}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._
import org.apache.spark.util.Utils

/** The schema of stored answers; the engine's `exec/stored.rs` has the same. */
private[assay] object CacheSchema {
  private val error = new StructType()
    .add("condition", StringType)
    .add("message", StringType)
    .add("retryable", BooleanType)
    .add("http_status", IntegerType)
  private val response = new StructType()
    .add("text", StringType)
    .add("partial_text", StringType)
    .add("reasoning", StringType)
    .add("tool_calls", StringType)
    .add("logprobs", ArrayType(DoubleType))
    .add("embedding", ArrayType(FloatType))
    .add("finish_reason", StringType)
  private val usage = new StructType()
    .add("input_tokens", LongType)
    .add("cached_input_tokens", LongType)
    .add("cache_write_tokens", LongType)
    .add("output_tokens", LongType)
    .add("reasoning_tokens", LongType)

  val stored: StructType = new StructType()
    .add("request_key", StringType)
    .add("status", StringType)
    .add("provider", StringType)
    .add("model", StringType)
    .add("model_answered", StringType)
    .add("created_at", TimestampType)
    .add("response", response)
    .add("error", error)
    .add("usage", usage)
    .add("cost_usd", DoubleType)
    .add("latency_ms", DoubleType)
    .add("ttft_ms", DoubleType)
    .add("attempts", IntegerType)
    .add("request", StringType)
    .add("run_id", StringType)
    .add("key_version", IntegerType)

  /** What a session of calls takes of them, in this order. */
  lazy val answers: Seq[StructField] = {
    val names = Engine.description.get("answer_columns")
    (0 until names.size).map(i => stored(names.get(i).asText))
  }

  /** The version of the schema. */
  lazy val version: Int = Engine.description.get("stored_version").asInt
}

/** A Delta table of answers, one row for each key.
  *
  * @param name
  *   as SQL names it
  * @param location
  *   its folder
  * @param columns
  *   those that it has; a table of an earlier version lacks some
  */
private[assay] final case class CacheTable(name: String, location: String, columns: Set[String]) {

  /** Whether it has all columns of this version. */
  def isCurrent: Boolean = CacheSchema.stored.fieldNames.forall(columns)

  /** Its answers now, with every column of the schema. */
  def read(session: SparkSession): DataFrame = {
    val all = session.table(name)
    all.select(CacheSchema.stored.map { field =>
      if (columns(field.name)) col(field.name) else lit(null).cast(field.dataType).as(field.name)
    }: _*)
  }

  /** The folder of its journals. */
  def journals(conf: SQLConf): Path = AssayConf.text(conf, AssayConf.CacheDir) match {
    case "" => new Path(location, "_assay")
    // Other tables may have their journals in the same folder.
    case own => new Path(new Path(own), f"table-${location.hashCode}%08x")
  }
}

private[assay] object CacheTable {
  val VersionProperty = "assay.cacheVersion"
  private val known = new WeakHashMap[SparkContext, mutable.Map[String, CacheTable]]

  /** The table that a session names. Errors: ASSAY_CACHE_TABLE, which says what to do. */
  def of(session: SparkSession, conf: SQLConf, create: Boolean): CacheTable =
    named(session, AssayConf.text(conf, AssayConf.CacheTable), create)

  /** The table called `called`: by a path, which has a slash, or by a name. */
  def named(session: SparkSession, called: String, create: Boolean): CacheTable = known.synchronized {
    val tables = Option(known.get(session.sparkContext)).getOrElse {
      val none = mutable.Map.empty[String, CacheTable]
      known.put(session.sparkContext, none)
      none
    }
    val name = if (called.contains("/")) s"delta.`${called.replace("`", "``")}`" else called
    tables.get(name) match {
      case Some(table) if !create || table.isCurrent => table
      case _ =>
        // Another application may make it at the same time.
        val table =
          if (create) Conflicts.creating(session.sparkContext)(open(session, name, create))
          else open(session, name, create)
        tables.put(name, table)
        table
    }
  }

  /** Forgets what it knows of tables: they may have changed. */
  def forget(session: SparkSession): Unit = known.synchronized(known.remove(session.sparkContext): Unit)

  private def open(session: SparkSession, name: String, create: Boolean): CacheTable = {
    requireDelta(session)
    val detail = attempt(session, name, "read") {
      // Asked first: a log that another application begins meanwhile is read anew by this only.
      if (create) Try(describe(session, name)).filter(_.getAs[String]("format") == "delta").getOrElse {
        make(session, name)
        describe(session, name)
      }
      else describe(session, name)
    }
    val table = check(session, name, detail)
    val missing = CacheSchema.stored.filterNot(field => table.columns(field.name))
    if (create && missing.nonEmpty) {
      attempt(session, name, "brought up to date") {
        session.sql(s"ALTER TABLE $name ADD COLUMNS (${missing.map(_.toDDL).mkString(", ")})")
        session.sql(s"ALTER TABLE $name SET TBLPROPERTIES ('$VersionProperty' = '${CacheSchema.version}')")
      }
      table.copy(columns = CacheSchema.stored.fieldNames.toSet)
    } else table
  }

  private def describe(session: SparkSession, name: String): Row = session.sql(s"DESCRIBE DETAIL $name").head()

  private def make(session: SparkSession, name: String): Unit = {
    val columns = CacheSchema.stored.fields.map(_.toDDL).mkString(", ")
    // Statistics are for finding keys and for what is deleted by; those of texts would cost and serve nobody.
    session.sql(s"""
      CREATE TABLE IF NOT EXISTS $name ($columns) USING delta TBLPROPERTIES (
        '$VersionProperty' = '${CacheSchema.version}',
        'delta.dataSkippingStatsColumns' = 'request_key,status,provider,model,created_at,run_id')
    """): Unit
  }

  private def check(session: SparkSession, name: String, detail: Row): CacheTable = {
    val version = Option(detail.getAs[scala.collection.Map[String, String]]("properties"))
      .flatMap(_.get(VersionProperty))
      .flatMap(_.toIntOption)
    version match {
      case None =>
        throw error(
          s"$name is no cache table of Assay: it has no property $VersionProperty. Name another table, or let Assay make it"
        )
      case Some(later) if later > CacheSchema.version =>
        throw error(
          s"the cache table $name has version $later, this spark-assay reads up to ${CacheSchema.version}; use a later spark-assay"
        )
      case _ => ()
    }
    val present = session.table(name).schema
    CacheSchema.stored.foreach { field =>
      present.find(_.name == field.name).foreach { other =>
        if (!DataType.equalsIgnoreCompatibleNullability(field.dataType, other.dataType))
          throw error(
            s"column ${field.name} of the cache table $name is ${other.dataType.sql} and not ${field.dataType.sql}; was it " +
              "changed by something other than Assay?"
          )
      }
    }
    Seq("request_key", "status", "response").find(c => !present.fieldNames.contains(c)).foreach { column =>
      throw error(s"the cache table $name has no column $column; was it changed by something other than Assay?")
    }
    CacheTable(name, detail.getAs[String]("location"), present.fieldNames.toSet)
  }

  private def attempt[T](session: SparkSession, name: String, what: String)(body: => T): T =
    try body
    catch {
      case e: AssayException => throw e
      case NonFatal(e) =>
        throw error(s"the cache table $name cannot be $what: ${reason(e)}${hint(session)}", e)
    }

  /** The first line of what went wrong, which names no data. */
  def reason(e: Throwable): String =
    Option(e.getMessage).fold(e.getClass.getSimpleName)(_.linesIterator.nextOption().getOrElse("").take(400))

  private def hint(session: SparkSession): String =
    if (session.conf.getOption("spark.sql.catalog.spark_catalog").exists(_.toLowerCase.contains("delta"))) ""
    else s". $settings"

  def error(message: String, cause: Throwable = null): AssayException =
    new AssayException("ASSAY_CACHE_TABLE", message, cause)

  private val settings = "Start Spark with " +
    "--conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension " +
    "--conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog " +
    "(where spark.sql.extensions names assay.AssayExtensions, put the other behind a comma)"

  private def requireDelta(session: SparkSession): Unit =
    if (!isThere("io.delta.sql.DeltaSparkSessionExtension")) {
      val coordinates = session.version.split('.').take(2).mkString(".") match {
        case "4.0" => "io.delta:delta-spark_4.0_2.13:4.2.0"
        case _ => "io.delta:delta-spark_4.1_2.13:4.3.0"
      }
      throw error(
        s"${AssayConf.CacheTable.key} needs Delta, which is not on the class path: add --packages $coordinates. $settings. Or unset " +
          s"it and use ${AssayConf.CacheMode.key}=session, which needs no table"
      )
    }

  private def isThere(name: String): Boolean =
    try {
      Utils.classForName[Any](name, initialize = false)
      true
    } catch { case _: ClassNotFoundException => false }
}
