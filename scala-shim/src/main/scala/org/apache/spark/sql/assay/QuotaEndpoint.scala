package org.apache.spark.sql.assay

import java.nio.charset.StandardCharsets.UTF_8
import java.util.WeakHashMap

import scala.concurrent.duration.DurationInt
import scala.util.Try
import scala.util.control.NonFatal

import _root_.assay.{AssayConf, NativeLibrary}
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.slf4j.LoggerFactory

import org.apache.spark.{SparkContext, SparkEnv}
import org.apache.spark.rpc._
import org.apache.spark.sql.internal.SQLConf

/** A driver's end: hands each message to an operation of the engine and replies at once. Messages are bytes: a class of
  * this jar in a reply would end an executor that got the jar by `--jars`.
  */
private[assay] final class NativeEndpoint(override val rpcEnv: RpcEnv, operation: String)
    extends ThreadSafeRpcEndpoint {
  override def receiveAndReply(context: RpcCallContext): PartialFunction[Any, Unit] = { case message: Array[Byte] =>
    val answer = Try(NativeLibrary.bridge.call(operation, message))
    answer.fold(e => context.sendFailure(new IllegalStateException(String.valueOf(e.getMessage))), context.reply)
  }
}

private[assay] object QuotaEndpoint {
  val name = "assay-quota"
  private val log = LoggerFactory.getLogger("assay.QuotaEndpoint")
  private val registered = new WeakHashMap[SparkContext, RpcEnv]

  /** Makes the limits and the budget of this session those of the application, and gives them as the operator's spec
    * takes them.
    */
  def plan(sc: SparkContext, conf: SQLConf): JsonNode = {
    val request = QuotaSettings.json(conf).put("application", sc.applicationId).put("executors", executors(sc))
    val spec = AssayAnalysisException.planning(NativeLibrary.json("quota_plan", request))
    NativeLibrary.json("quota_register", spec)
    register(sc)
    spec
  }

  private def register(sc: SparkContext): Unit = registered.synchronized {
    val rpcEnv = sc.env.rpcEnv
    if (registered.get(sc) ne rpcEnv) {
      try rpcEnv.setupEndpoint(name, new NativeEndpoint(rpcEnv, "quota_serve"))
      catch {
        // Executors then go on with a fixed share each, and say so.
        case NonFatal(e) => log.warn("The driver cannot offer its quotas to executors: {}", e.toString)
      }
      registered.put(sc, rpcEnv)
    }
  }

  /** How many executors there may be, for the share of one that cannot reach the driver. */
  private def executors(sc: SparkContext): Long = {
    val conf = sc.getConf
    val local = """local-cluster\[\s*(\d+)\s*,.*""".r
    val most = if (conf.getBoolean("spark.dynamicAllocation.enabled", defaultValue = false)) {
      conf.getOption("spark.dynamicAllocation.maxExecutors").flatMap(_.toLongOption).getOrElse(0L)
    } else 0L
    val started = sc.master match {
      case local(count) => count.toLong
      case _ => conf.getLong("spark.executor.instances", 0L)
    }
    Seq(most, started, sc.getExecutorMemoryStatus.size - 1L, 1L).max
  }
}

/** What of a session's settings concerns quotas: those of every model, since models share groups, and the budget. */
private[assay] object QuotaSettings {
  private val keys = Set("quotaGroup", "outputTokenAccounting")

  def json(conf: SQLConf): ObjectNode = {
    val node = JsonValues.emptyObject
    val models = node.putArray("models")
    ModelConf.all(conf).filterNot(_.isLocal).foreach { model =>
      val own = model.settings.filter { case (key, _) => keys(key) || key.endsWith("PerMinute") }
      models.add(ModelConf(model.name, own).json)
    }
    val budget = node.putObject("budget")
    conf.getAllConfs.foreach { case (key, value) =>
      if (key.startsWith(AssayConf.BudgetPrefix)) budget.put(key.stripPrefix(AssayConf.BudgetPrefix), value)
    }
    node
  }
}

/** Moves the messages of this process's quotas to the driver and back, on a thread of its own: neither tasks nor the
  * native runtime ever wait for Spark's RPC.
  */
private[assay] object LeaseThread {
  private val log = LoggerFactory.getLogger("assay.LeaseThread")
  private val timeout = new RpcTimeout(3.seconds, "assay.quota.timeout")
  // Private to Spark's package of RPC.
  private val notFound = "org.apache.spark.rpc.RpcEndpointNotFoundException"
  @volatile private var served: SparkEnv = _

  def ensure(env: SparkEnv): Unit = if (served ne env) synchronized {
    if (served ne env) {
      served = env
      val thread = new Thread(() => run(env), "assay-lease")
      thread.setDaemon(true)
      thread.start()
    }
  }

  private def run(env: SparkEnv): Unit = {
    var driver: Option[RpcEndpointRef] = None
    while ((served eq env) && !env.isStopped)
      try {
        // Waits in native code, for a quarter of a second at most.
        val message = NativeLibrary.bridge.call("quota_message", Array.emptyByteArray)
        if (message.nonEmpty) {
          if (driver.isEmpty) driver = Some(find(env))
          driver.get
            .ask[Array[Byte]](message, timeout)
            .onComplete {
              case scala.util.Success(reply) => say(NativeLibrary.bridge.call("quota_reply", reply))
              case scala.util.Failure(e) => say(lost(e))
            }(scala.concurrent.ExecutionContext.parasitic)
        }
      } catch {
        case NonFatal(e) if !env.isStopped => say(lost(e))
        case NonFatal(_) => ()
      }
    synchronized { if (served eq env) served = null }
  }

  private def lost(e: Throwable): Array[Byte] =
    NativeLibrary.bridge.call("quota_lost", if (isAbsent(e)) "absent".getBytes(UTF_8) else Array.emptyByteArray)

  /** Whether the driver itself said that it keeps no quotas. Of one that does not answer in time nobody knows what it
    * grants to others.
    */
  private[assay] def isAbsent(e: Throwable): Boolean =
    Iterator.iterate(e)(_.getCause).take(8).takeWhile(_ != null).exists { e =>
      e.isInstanceOf[IllegalStateException] || e.getClass.getName == notFound
    }

  private[assay] def find(env: SparkEnv, name: String = QuotaEndpoint.name): RpcEndpointRef = {
    val conf = env.conf
    val address =
      if (env.executorId == SparkContext.DRIVER_IDENTIFIER) env.rpcEnv.address
      else RpcAddress(conf.get("spark.driver.host"), conf.get("spark.driver.port").toInt)
    timeout.awaitResult(env.rpcEnv.asyncSetupEndpointRefByURI(RpcEndpointAddress(address, name).toString))
  }

  private def say(news: Array[Byte]): Unit =
    if (news.nonEmpty) log.warn(new String(news, UTF_8))
}
