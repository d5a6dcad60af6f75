package org.apache.spark.sql.assay

import java.util.WeakHashMap

import scala.collection.mutable
import scala.util.control.NonFatal

import _root_.assay.{AssayConf, AssayException, NativeLibrary}
import com.fasterxml.jackson.databind.node.ArrayNode
import org.apache.hadoop.fs.{FileSystem, Path}
import org.slf4j.LoggerFactory

import org.apache.spark.SparkContext
import org.apache.spark.rpc.RpcEnv
import org.apache.spark.scheduler._
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.internal.SQLConf

private[assay] object JournalEndpoint {
  val name = "assay-journal"
  private val registered = new WeakHashMap[SparkContext, RpcEnv]

  def register(sc: SparkContext): Unit = registered.synchronized {
    val rpcEnv = sc.env.rpcEnv
    if (registered.get(sc) ne rpcEnv) {
      rpcEnv.setupEndpoint(name, new NativeEndpoint(rpcEnv, "journal_serve"))
      registered.put(sc, rpcEnv)
    }
  }
}

/** The journals of an application, as its driver keeps them: one for the application itself, one for each table that it writes. */
private[assay] object JournalDriver {
  private val log = LoggerFactory.getLogger("assay.JournalDriver")
  private val prepared = new WeakHashMap[SparkContext, mutable.Map[String, Option[JournalPlace]]]

  /** Where the results of a query are kept: with the table that is written, else with the application. None where there is no folder
    * that all executors share and none was named. Errors: ASSAY_JOURNAL for a folder that was named and cannot be written.
    */
  def place(session: SparkSession, conf: SQLConf, table: Option[CacheTable]): Option[JournalPlace] = {
    val sc = session.sparkContext
    val base = table.fold(applicationFolder(conf))(_.journals(conf))
    prepared.synchronized {
      val places = Option(prepared.get(sc)).getOrElse {
        val none = mutable.Map.empty[String, Option[JournalPlace]]
        prepared.put(sc, none)
        none
      }
      places.getOrElseUpdate(
        base.toString,
        prepare(session, base, isNamed = table.isDefined || isNamed(conf), keeps = table.isDefined)
      )
    }
  }

  /** Answers may have been deleted from a table: what this application has of them is not served to later queries. */
  def forgetAnswers(sc: SparkContext): Unit = prepared.synchronized {
    for (places <- Option(prepared.get(sc)); place <- places.values.flatten)
      NativeLibrary.bridge.call("journal_forget", place.message(None))
  }

  private def isNamed(conf: SQLConf): Boolean = AssayConf.text(conf, AssayConf.CacheDir).nonEmpty

  private def applicationFolder(conf: SQLConf): Path = AssayConf.text(conf, AssayConf.CacheDir) match {
    case "" => new Path(conf.warehousePath, "_assay")
    case own => new Path(own)
  }

  private def prepare(session: SparkSession, base: Path, isNamed: Boolean, keeps: Boolean): Option[JournalPlace] = {
    val sc = session.sparkContext
    val hadoop = session.sessionState.newHadoopConf()
    val folder = new Path(base, sc.applicationId)
    try {
      val system = JournalFiles.system(folder, hadoop)
      if (!isNamed && system.getUri.getScheme == "file" && !sc.master.startsWith("local"))
        throw new java.io.IOException("a folder of this machine alone")
      if (!system.mkdirs(folder)) throw new java.io.IOException("the folder cannot be made")
      val place = JournalPlace(system.makeQualified(folder).toString, hadoop)
      NativeLibrary.bridge.call("journal_register", place.message(None))
      JournalEndpoint.register(sc)
      sc.addSparkListener(new JournalListener(place, keeps))
      Some(place)
    } catch {
      case NonFatal(e) if isNamed =>
        throw new AssayException(
          "ASSAY_JOURNAL",
          s"the journal $folder cannot be begun (${CacheTable.reason(e)}); give access to it, name another folder in " +
            s"${AssayConf.CacheDir.key}, or set ${AssayConf.CacheMode.key}=off and pay again for what is asked again",
          e
        )
      case NonFatal(e) =>
        log.warn(
          "No journal can be kept in {} ({}): what is asked again is paid again. Name a folder that all executors can write in {}",
          folder,
          e.toString,
          AssayConf.CacheDir.key
        )
        None
    }
  }
}

/** Frees what a lost executor had claimed, after reading what it had written. At the end of the application deletes what nobody needs
  * any more: the application's own journal, and of a table's journal what is in the table.
  */
private final class JournalListener(place: JournalPlace, keeps: Boolean) extends SparkListener {
  private val log = LoggerFactory.getLogger("assay.JournalListener")
  private val folder = new Path(place.folder)
  private lazy val system: FileSystem = JournalFiles.system(folder, place.conf)

  // On a thread of its own: it reads files, and the listeners' bus must not wait for that.
  override def onExecutorRemoved(removed: SparkListenerExecutorRemoved): Unit = {
    val thread = new Thread(() => recover(removed.executorId), "assay-journal-recovery")
    thread.setDaemon(true)
    thread.start()
  }

  private def recover(executor: String): Unit =
    try {
      val left = JsonValues.mapper.createArrayNode()
      JournalFiles.of(folder, executor, system).foreach(scan(_, left))
      val body = JsonValues.emptyObject.put("name", executor)
      body.set[ArrayNode]("left", left)
      NativeLibrary.bridge.call("journal_lost_executor", place.message(Some(body)))
    } catch {
      case NonFatal(e) =>
        log.error("What executor {} had claimed cannot be freed: its journal cannot be read", executor, e)
    }

  private def scan(file: Path, into: ArrayNode): Unit = {
    val in = system.open(file)
    try {
      val body = JsonValues.emptyObject.put("file", file.toString).put("offset", 0L)
      val found =
        NativeLibrary.bridge.call("journal_scan", JournalThreads.withBytes(place.header(Some(body)), in.readAllBytes()))
      into.addAll(JsonValues.mapper.readTree(found).get("finished").asInstanceOf[ArrayNode])
    } finally in.close()
  }

  override def onApplicationEnd(end: SparkListenerApplicationEnd): Unit =
    try
      if (!keeps) system.delete(folder, true)
      else if (JournalFiles.unfolded(folder, system).isEmpty) system.delete(folder, true)
    catch { case NonFatal(_) => () }
}
