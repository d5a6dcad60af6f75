package org.apache.spark.sql.assay

import java.util.Collections
import java.util.WeakHashMap

import _root_.assay.NativeLibrary

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.{SparkListener, SparkListenerApplicationEnd}

/** Ends what runs in this process when the application ends. In local mode the process and its tasks live on after
  * `SparkSession.stop()`, and without this they would go on calling.
  */
private[assay] object SessionEnd {
  private val watched = Collections.newSetFromMap(new WeakHashMap[SparkContext, java.lang.Boolean])

  def watch(sc: SparkContext): Unit = watched.synchronized {
    if (watched.add(sc)) sc.addSparkListener(new SparkListener {
      override def onApplicationEnd(end: SparkListenerApplicationEnd): Unit =
        NativeLibrary.bridge.call("cancel_all", Array.emptyByteArray)
    })
  }
}
