package assay

import org.apache.spark.SparkEnv
import org.apache.spark.sql.internal.SQLConf

/** One setting: its key, default and meaning in one place; docs/configuration.md is made from this table. */
final case class Setting(key: String, default: String, unit: String, doc: String)

/** The settings of Assay, all under `spark.assay.`; models stand under `spark.assay.model.<name>.`. */
object AssayConf {
  val ModelPrefix = "spark.assay.model."
  val NativePath = "spark.assay.native.path"

  val BatchMaxRows: Setting =
    Setting("spark.assay.batch.maxRows", "8192", "rows", "Rows that cross to native code in one batch of metrics.")
  val BatchMaxBytes: Setting =
    Setting("spark.assay.batch.maxBytes", "16777216", "bytes", "Bytes that cross to native code in one batch.")
  val WindowMaxRows: Setting = Setting(
    "spark.assay.window.maxRows",
    "0",
    "rows",
    "Rows that one task may have handed to model calls and not yet got back; 0 means twice the model's maxConcurrency."
  )
  val WindowMaxBytes: Setting = Setting(
    "spark.assay.window.maxBytes",
    "67108864",
    "bytes",
    "Bytes of rows that one task may have handed to model calls and not yet got back."
  )
  val WindowFirstRows: Setting = Setting(
    "spark.assay.window.firstRows",
    "32",
    "rows",
    "Rows that a task hands to model calls at first; each row that comes back lets one more in, up to the window. " +
      "It bounds what a query pays for that stops early, such as a LIMIT above a filter on the answer. Below an " +
      "aggregate, a sort, an exchange or a write, which read all rows, the window is whole from the start."
  )
  val BudgetPrefix = "spark.assay.budget."
  val BudgetUsd: Setting = Setting(
    "spark.assay.budget.usd",
    "",
    "US dollars",
    "The most that this application may spend on model calls, over all executors; rows above it end as budget_stopped, " +
      "without a call. Where max_tokens bounds the answers it is never exceeded."
  )
  val BudgetTokens: Setting = Setting(
    "spark.assay.budget.tokens",
    "",
    "tokens",
    "The most tokens of input and output that this application may use."
  )
  val BudgetRequests: Setting = Setting(
    "spark.assay.budget.requests",
    "",
    "requests",
    "The most requests that this application may send, failed ones and retries included."
  )
  val CacheFold: Setting = Setting(
    "spark.assay.cache.fold",
    "auto",
    "",
    "When answers go from journals into the table: auto, after each query that has written, or manual, by assay_cache_fold() alone. " +
      "They are served either way."
  )
  val CacheMode: Setting = Setting(
    "spark.assay.cache.mode",
    "session",
    "",
    "Which answers are kept and served again. off: none. session: those of this application, so that a second action on a " +
      "frame, an equal row on another executor and a task that is tried again call nothing. With a table: read serves its " +
      "answers too, write keeps answers in it, read_write does both, replay serves it alone and never calls."
  )
  val CacheTable: Setting = Setting(
    "spark.assay.cache.table",
    "",
    "table",
    "The Delta table of answers: a name, or a path, which has a slash in it. It is made where it is to be written and is not there."
  )
  val CacheTtl: Setting = Setting(
    "spark.assay.cache.ttl",
    "",
    "duration",
    "How old an answer of the table may be to be served, for instance 7d, 12h or 30m; empty means any age. A replay serves all."
  )
  val CacheBroadcastKeys: Setting = Setting(
    "spark.assay.cache.broadcastKeys",
    "1000000",
    "keys",
    "Up to so many distinct requests of a query are collected at the driver (about 50 bytes each) and sent to where the table is read, " +
      "so that only the answers to them move; with more, requests and table are both partitioned by key."
  )
  val CacheDir: Setting = Setting(
    "spark.assay.cache.dir",
    "",
    "path",
    "The folder of journals, on any Hadoop file system that driver and executors share; empty means _assay in the folder of the " +
      "table that is written, else in spark.sql.warehouse.dir. A session's journal is deleted when its application ends."
  )
  val NativePathSetting: Setting =
    Setting(NativePath, "", "path", "A native library to load instead of the one in the jar, on every host.")

  val PrefixOrder: Setting = Setting(
    "spark.assay.prefixOrder",
    "false",
    "",
    "Whether each task asks in the order of its prompts, so that those which begin alike follow each other and the provider's own " +
      "prompt cache serves them. A task then reads all its rows before it asks. A query's own order stands above this."
  )
  val ShowProgress: Setting = Setting(
    "spark.assay.progress",
    "auto",
    "",
    "Whether the driver prints a line with the progress of model calls to standard error: true, false, or auto: on a " +
      "terminal where Spark's own progress bar is off."
  )

  val StatsMaxValues: Setting = Setting(
    "spark.assay.stats.maxValues",
    "16777216",
    "rows",
    "So many rows of a group an aggregate keeps where more than 4096 of them are distinct; 8 bytes each and column. Above it, and " +
      "above 65536 in any case where nothing is drawn, a mean is finished from exact sums of powers, as hall, t, normal or " +
      "bca_analytic; other statistics are NULL with a reason."
  )

  val settings: Seq[Setting] =
    Seq(
      BatchMaxRows,
      BatchMaxBytes,
      BudgetRequests,
      BudgetTokens,
      BudgetUsd,
      CacheBroadcastKeys,
      CacheDir,
      CacheFold,
      CacheMode,
      CacheTable,
      CacheTtl,
      NativePathSetting,
      PrefixOrder,
      ShowProgress,
      StatsMaxValues,
      WindowFirstRows,
      WindowMaxBytes,
      WindowMaxRows
    )

  /** The value of a setting that is a word in the current session. */
  def text(conf: SQLConf, setting: Setting): String = conf.getConfString(setting.key, setting.default).trim

  /** The value of a setting that is true or false. */
  def flag(conf: SQLConf, setting: Setting): Boolean = text(conf, setting).toLowerCase match {
    case "true" => true
    case "false" => false
    case other =>
      throw new AssayException("ASSAY_INVALID_OPTION", s"${setting.key} must be true or false, not '$other'")
  }

  /** The value of a whole-number setting in the current session. */
  def long(conf: SQLConf, setting: Setting): Long = {
    val text = conf.getConfString(setting.key, setting.default)
    text.trim.toLongOption.filter(_ >= 0).getOrElse {
      throw new AssayException(
        "ASSAY_INVALID_OPTION",
        s"${setting.key} must be a whole number of ${setting.unit}, 0 or more (default ${setting.default})"
      )
    }
  }

  /** `spark.assay.native.path`: read where the library loads, which may be before any session exists. */
  private[assay] def nativePath: Option[String] =
    Option(SparkEnv.get).flatMap(_.conf.getOption(NativePath)).orElse(sys.props.get(NativePath))
}
