package org.apache.spark.sql.assay

import java.util.WeakHashMap
import java.util.concurrent.{ConcurrentHashMap, Executors}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import _root_.assay.{AssayConf, AssayException}
import org.apache.hadoop.fs.Path
import org.slf4j.LoggerFactory

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.{SparkListener, SparkListenerEvent}
import org.apache.spark.sql.classic.{DataFrame, SparkSession}
import org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionEnd
import org.apache.spark.sql.expressions.Window
import org.apache.spark.sql.functions.{col, row_number}
import org.apache.spark.sql.internal.SQLConf

/** What a fold did.
  *
  * @param files
  *   of journals
  * @param inserted
  *   keys that the table did not have
  * @param updated
  *   keys for which a later answer, or an answer in place of a failure, came
  * @param dropped
  *   torn or damaged places in the files
  */
private[assay] final case class Folded(files: Long, inserted: Long, updated: Long, dropped: Long)

/** Puts what stands in journals into the table. Nothing depends on it: readers read both, and a fold that is cut short, or done twice
  * or by two applications at once, does no harm.
  */
private[assay] object CacheFold {
  private val log = LoggerFactory.getLogger("assay.CacheFold")

  /** Folds once the query that executes has ended, on a thread of its own. */
  def after(session: SparkSession, conf: SQLConf, table: CacheTable): Unit = {
    val sc = session.sparkContext
    val execution = if (isAutomatic(conf)) Option(sc.getLocalProperty("spark.sql.execution.id")) else None
    execution.flatMap(_.toLongOption).foreach { execution =>
      FoldListener.of(sc).await(execution, new FoldTask(session.cloneSession(), table.journals(conf), table))
    }
  }

  private def isAutomatic(conf: SQLConf): Boolean = AssayConf.text(conf, AssayConf.CacheFold) match {
    case "auto" => true
    case "manual" => false
    case other =>
      throw new AssayException(
        "ASSAY_INVALID_OPTION",
        s"${AssayConf.CacheFold.key} must be auto or manual (default ${AssayConf.CacheFold.default}), not '$other'"
      )
  }

  /** Folds now. Errors: ASSAY_CACHE_TABLE where the table cannot be written; what is in the journals stays there. */
  def now(session: SparkSession, conf: SQLConf, table: CacheTable): Folded =
    fold(session.cloneSession(), table.journals(conf), table)

  private[assay] def fold(session: SparkSession, base: Path, table: CacheTable): Folded =
    table.name.intern.synchronized {
      val system = JournalFiles.system(base, session.sessionState.newHadoopConf())
      val files = JournalFiles.unfoldedIn(base, system, None)
      if (files.isEmpty) Folded(0, 0, 0, 0)
      else
        try {
          val folded = merge(session, files, table)
          files.foreach(file => system.create(JournalFiles.marker(new Path(file.path), file.length), true).close())
          folded
        } catch {
          case NonFatal(e) =>
            throw CacheTable.error(
              s"the cache table ${table.name} cannot be written: ${CacheTable.reason(e)}. What is not in it is kept in $base, is " +
                "served from there and goes into the table with the next run that can write it",
              e
            )
        }
    }

  private def merge(session: SparkSession, files: Seq[JournalFile], table: CacheTable): Folded = {
    val dropped = session.sparkContext.collectionAccumulator[(String, Long)]
    val source = best(JournalRows.read(session, files, Some(dropped)))
    source.createOrReplaceTempView("assay_folding")
    val target = session.table(table.name)
    // Keys that are all new, the common case, need no files rewritten.
    val changes = target.inputFiles.nonEmpty && hasChanges(source, target)
    val update = if (changes) s"WHEN MATCHED AND $isBetter THEN UPDATE SET *" else ""
    val merged = Conflicts.retrying(session.sparkContext) {
      session
        .sql(s"""
          MERGE INTO ${table.name} AS t USING assay_folding AS s ON t.request_key = s.request_key
          $update WHEN NOT MATCHED THEN INSERT *
        """)
        .head()
    }
    Folded(
      files.length.toLong,
      merged.getAs[Long]("num_inserted_rows"),
      merged.getAs[Long]("num_updated_rows"),
      // A file may have been read several times.
      dropped.value.asScala.toMap.values.sum
    )
  }

  /** One row for each key: one that is ok if there is, and of several the last. */
  def best(stored: DataFrame): DataFrame = {
    val order = Window.partitionBy("request_key").orderBy((col("status") === "ok").desc, col("created_at").desc)
    stored.withColumn("_rank", row_number().over(order)).where("_rank = 1").drop("_rank")
  }

  /** Deletes the journals of applications that are wholly in the table and have not changed since `oldest`. Gives their number. */
  def deleteFolded(session: SparkSession, base: Path, oldest: Long): Long = {
    val system = JournalFiles.system(base, session.sessionState.newHadoopConf())
    val folders = if (system.exists(base)) system.listStatus(base).toSeq.filter(_.isDirectory).map(_.getPath) else Nil
    folders.count { folder =>
      val own = folder.getName == session.sparkContext.applicationId
      !own && JournalFiles.unfolded(folder, system).isEmpty &&
      system.listStatus(folder).forall(_.getModificationTime < oldest) && system.delete(folder, true)
    }.toLong
  }

  private val isBetter = "(s.status = 'ok' OR t.status <> 'ok') AND s.created_at > t.created_at"

  private def hasChanges(source: DataFrame, target: DataFrame): Boolean = {
    val columns = Seq("request_key", "status", "created_at").map(col)
    val (s, t) = (source.select(columns: _*).as("s"), target.select(columns: _*).as("t"))
    !s.join(t, "request_key").where(isBetter).isEmpty
  }

  final class FoldTask(session: SparkSession, base: Path, val table: CacheTable) extends Runnable {
    override def run(): Unit =
      try {
        session.sparkContext.setJobDescription(s"assay: answers go into ${table.name}")
        session.withActive(fold(session, base, table))
      } catch {
        case NonFatal(_) if session.sparkContext.isStopped => ()
        case NonFatal(e) => log.error("{}", CacheTable.reason(e))
      }
  }
}

/** Folds after queries end. */
private final class FoldListener extends SparkListener {
  import CacheFold.FoldTask

  private val awaited = new ConcurrentHashMap[Long, FoldTask]
  // Tables whose fold has not begun: another one would find nothing more.
  private val queued = ConcurrentHashMap.newKeySet[String]
  private val thread = Executors.newSingleThreadExecutor { (body: Runnable) =>
    val thread = new Thread(body, "assay-fold")
    thread.setDaemon(true)
    thread
  }

  def await(execution: Long, task: FoldTask): Unit = awaited.put(execution, task): Unit

  override def onOtherEvent(event: SparkListenerEvent): Unit = event match {
    case end: SparkListenerSQLExecutionEnd =>
      Option(awaited.remove(end.executionId)).foreach { task =>
        if (queued.add(task.table.name)) thread.execute { () =>
          queued.remove(task.table.name)
          task.run()
        }
      }
    case _ => ()
  }
}

private object FoldListener {
  private val listeners = new WeakHashMap[SparkContext, FoldListener]

  def of(sc: SparkContext): FoldListener = listeners.synchronized {
    Option(listeners.get(sc)).getOrElse {
      val listener = new FoldListener
      sc.addSparkListener(listener)
      listeners.put(sc, listener)
      listener
    }
  }
}
