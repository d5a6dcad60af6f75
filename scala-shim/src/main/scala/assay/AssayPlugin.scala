package assay

import java.util.{Collections, Map => JMap}

import org.apache.spark.SparkContext
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}
import org.apache.spark.sql.assay.Registration

/** `spark.plugins=assay.AssayPlugin`: loads the native library when driver and executors start, so that a host where it
  * cannot run shows at once, and ends what is under way when they stop. All functions work without it.
  */
class AssayPlugin extends SparkPlugin {

  override def driverPlugin(): DriverPlugin = new DriverPlugin {
    override def init(sc: SparkContext, context: PluginContext): JMap[String, String] = {
      Registration.check()
      Collections.emptyMap()
    }
    override def shutdown(): Unit = AssayPlugin.cancelAll()
  }

  override def executorPlugin(): ExecutorPlugin = new ExecutorPlugin {
    override def init(context: PluginContext, extraConf: JMap[String, String]): Unit = Registration.check()
    override def shutdown(): Unit = AssayPlugin.cancelAll()
  }
}

private object AssayPlugin {
  def cancelAll(): Unit = NativeLibrary.bridge.call("cancel_all", Array.emptyByteArray)
}
