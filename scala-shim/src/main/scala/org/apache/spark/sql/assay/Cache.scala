package org.apache.spark.sql.assay

import _root_.assay.{AssayConf, AssayException}

import org.apache.spark.SparkContext
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.internal.SQLConf

/** What is done with answers that are kept.
  *
  * @param reads
  *   whether answers of the table are served
  * @param writes
  *   whether answers go into the table
  * @param calls
  *   whether what is not there is called for
  */
private[assay] sealed abstract class CacheMode(val name: String, val reads: Boolean, val writes: Boolean) {
  def calls: Boolean = this != CacheMode.Replay
  def needsTable: Boolean = reads || writes
}

private[assay] object CacheMode {
  case object Off extends CacheMode("off", reads = false, writes = false)
  case object Session extends CacheMode("session", reads = false, writes = false)
  case object Read extends CacheMode("read", reads = true, writes = false)
  case object Write extends CacheMode("write", reads = false, writes = true)
  case object ReadWrite extends CacheMode("read_write", reads = true, writes = true)
  case object Replay extends CacheMode("replay", reads = true, writes = false)

  val all: Seq[CacheMode] = Seq(Off, Session, Read, Write, ReadWrite, Replay)

  /** The mode of a session. Errors: ASSAY_INVALID_OPTION for one that there is not, and for one that needs a table that is not named. */
  def of(conf: SQLConf): CacheMode = {
    val named = AssayConf.text(conf, AssayConf.CacheMode)
    val mode = all.find(_.name == named).getOrElse {
      throw new AssayException(
        "ASSAY_INVALID_OPTION",
        s"${AssayConf.CacheMode.key} must be one of ${all.map(_.name).mkString(", ")} (default ${AssayConf.CacheMode.default}), " +
          s"not '$named'${Engine.hint(named, all.map(_.name))}"
      )
    }
    if (mode.needsTable && AssayConf.text(conf, AssayConf.CacheTable).isEmpty)
      throw new AssayException(
        "ASSAY_INVALID_OPTION",
        s"${AssayConf.CacheMode.key}=${mode.name} needs a table: name it in ${AssayConf.CacheTable.key}, or use session"
      )
    mode
  }
}

/** The cache as a query that executes has it. Nothing of it is fixed in a plan.
  *
  * @param journal
  *   where new answers are kept; None where they are not
  * @param table
  *   the table, where the mode needs one
  * @param notBefore
  *   how old an answer of the table may be, in microseconds since the epoch
  */
private[assay] final case class Cache(
    mode: CacheMode,
    journal: Option[JournalPlace],
    table: Option[CacheTable],
    notBefore: Option[Long]
)

private[assay] object Cache {

  /** The cache of the session whose query executes. Makes the table and the folder of the journal where they are not there: what
    * cannot be kept is known before anything is paid for.
    */
  def of(session: SparkSession, conf: SQLConf): Cache = {
    val mode = CacheMode.of(conf)
    val table = if (mode.needsTable) Some(CacheTable.of(session, conf, create = mode.writes)) else None
    val journal = mode match {
      case CacheMode.Off | CacheMode.Replay => None
      case _ => JournalDriver.place(session, conf, table.filter(_ => mode.writes))
    }
    val notBefore = if (mode == CacheMode.Replay) None else ttl(conf).map(System.currentTimeMillis * 1000 - _)
    Cache(mode, journal, table, notBefore)
  }

  /** The run of the query that executes: a result that is not ok is served in its own run only. */
  def run(sc: SparkContext): String =
    Option(sc.getLocalProperty("spark.sql.execution.id")).getOrElse(s"rdd-${java.util.UUID.randomUUID}")

  private def ttl(conf: SQLConf): Option[Long] =
    Option(AssayConf.text(conf, AssayConf.CacheTtl)).filter(_.nonEmpty).map(micros(AssayConf.CacheTtl.key, _))

  private val units = Map('s' -> 1L, 'm' -> 60L, 'h' -> 3600L, 'd' -> 86400L)

  /** A duration such as 7d in microseconds. */
  def micros(name: String, text: String): Long = {
    val count = text.dropRight(1).trim.toLongOption.filter(n => n >= 0 && n < 1000000000L)
    count.zip(text.lastOption.flatMap(units.get)).headOption match {
      case Some((number, unit)) => number * unit * 1000000L
      case None =>
        throw new AssayException(
          "ASSAY_INVALID_OPTION",
          s"$name must be a number and s, m, h or d, for instance 7d"
        )
    }
  }
}
