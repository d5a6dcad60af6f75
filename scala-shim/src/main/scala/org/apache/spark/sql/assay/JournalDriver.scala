package org.apache.spark.sql.assay

import java.util.WeakHashMap

import scala.util.control.NonFatal

import _root_.assay.{AssayConf, AssayException, NativeLibrary}
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ArrayNode
import org.apache.hadoop.fs.{FileSystem, Path}
import org.slf4j.LoggerFactory

import org.apache.spark.SparkContext
import org.apache.spark.scheduler._
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.internal.SQLConf

private[assay] object JournalEndpoint {
  val name = "assay-journal"
}

/** The journal of an application, as its driver keeps it. */
private[assay] object JournalDriver {
  private val log = LoggerFactory.getLogger("assay.JournalDriver")
  private val prepared = new WeakHashMap[SparkContext, Option[JournalPlace]]

  /** Where the results of this session's queries are kept; None where they are not. Nothing of it is fixed in a plan: this is asked
    * when an operator executes.
    */
  def place(sc: SparkContext, conf: SQLConf): Option[JournalPlace] =
    AssayConf.text(conf, AssayConf.CacheMode) match {
      case "off" => None
      case "session" =>
        prepared.synchronized {
          if (!prepared.containsKey(sc)) prepared.put(sc, prepare(sc, conf))
          prepared.get(sc)
        }
      case other =>
        throw new AssayException(
          "ASSAY_INVALID_OPTION",
          s"${AssayConf.CacheMode.key} must be off or session (default ${AssayConf.CacheMode.default}), not '$other'"
        )
    }

  /** The run of the query that executes: a result that is not ok is served in its own run only. */
  def run(sc: SparkContext): String =
    Option(sc.getLocalProperty("spark.sql.execution.id")).getOrElse(s"rdd-${java.util.UUID.randomUUID}")

  private def prepare(sc: SparkContext, conf: SQLConf): Option[JournalPlace] = {
    val own = AssayConf.text(conf, AssayConf.CacheDir)
    val base = if (own.nonEmpty) own else s"${conf.warehousePath}/_assay"
    val hadoop = SparkSession.getActiveSession.map(_.sessionState.newHadoopConf()).getOrElse(sc.hadoopConfiguration)
    val folder = new Path(s"$base/${sc.applicationId}")
    try {
      val system = JournalFiles.system(folder, hadoop)
      if (!system.mkdirs(folder)) throw new java.io.IOException("the folder cannot be made")
      val place = JournalPlace(system.makeQualified(folder).toString, hadoop)
      register(sc, place)
      Some(place)
    } catch {
      case NonFatal(e) if own.nonEmpty =>
        throw new AssayException(
          "ASSAY_JOURNAL",
          s"the journal $folder cannot be begun (${e.getClass.getSimpleName}); give access to it, name another folder in " +
            s"${AssayConf.CacheDir.key}, or set ${AssayConf.CacheMode.key}=off and pay again for what is asked again",
          e
        )
      case NonFatal(e) =>
        log.warn(
          "No journal can be kept in {} ({}): what is asked again is paid again. Name a folder that all executors can write in {}",
          folder,
          e.getClass.getSimpleName,
          AssayConf.CacheDir.key
        )
        None
    }
  }

  private def register(sc: SparkContext, place: JournalPlace): Unit = {
    val which = JsonValues.emptyObject.put("folder", place.folder).put("executor", SparkContext.DRIVER_IDENTIFIER)
    NativeLibrary.bridge.call("journal_register", JsonValues.bytes(which))
    sc.env.rpcEnv.setupEndpoint(JournalEndpoint.name, new NativeEndpoint(sc.env.rpcEnv, "journal_serve"))
    sc.addSparkListener(new JournalListener(place))
  }
}

/** Frees what a lost executor had claimed, after reading what it had written; deletes the journal with its application. */
private final class JournalListener(place: JournalPlace) extends SparkListener {
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
      val message =
        JsonValues.emptyObject.put("folder", place.folder).put("executor", SparkContext.DRIVER_IDENTIFIER)
      message.set[ArrayNode]("body", body)
      NativeLibrary.bridge.call("journal_lost_executor", JsonValues.bytes(message))
    } catch {
      case NonFatal(e) =>
        log.error("What executor {} had claimed cannot be freed: its journal cannot be read", executor, e)
    }

  private def scan(file: Path, into: ArrayNode): Unit = {
    val in = system.open(file)
    try {
      val body = JsonValues.emptyObject.put("file", file.toString).put("offset", 0L)
      val message =
        JsonValues.emptyObject.put("folder", place.folder).put("executor", SparkContext.DRIVER_IDENTIFIER)
      message.set[JsonNode]("body", body)
      val found = NativeLibrary.bridge.call("journal_scan", JournalThreads.withBytes(message, in.readAllBytes()))
      into.addAll(JsonValues.mapper.readTree(found).get("finished").asInstanceOf[ArrayNode])
    } finally in.close()
  }

  override def onApplicationEnd(end: SparkListenerApplicationEnd): Unit =
    try system.delete(folder, true)
    catch { case NonFatal(_) => () }
}
