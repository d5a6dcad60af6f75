package org.apache.spark.sql.assay

import scala.collection.mutable

import _root_.assay.NativeLibrary

import org.apache.spark.TaskContext

/** The sessions of row functions of this process, and the thread that ends those whose task was killed. The task's own thread
  * cannot: it is in native code, which hears of no mark at a context and of no interrupt.
  */
private[assay] object EvalSessions {
  private val CheckMs = 100L

  /** What says of a session that nobody waits for it any more. */
  private val watched = mutable.LongMap.empty[() => Boolean]

  private var hasThread = false

  private def ensureThread(): Unit = if (!hasThread) {
    hasThread = true
    val thread = new Thread(() => watch(), "assay-killed-tasks")
    thread.setDaemon(true)
    thread.start()
  }

  /** Opens a session for a task or, where `context` is null, for the current thread. */
  def open(spec: Array[Byte], context: TaskContext): Long = {
    val session = NativeLibrary.bridge.open(spec)
    val thread = Thread.currentThread
    watched.synchronized {
      watched(session) =
        if (context == null) () => thread.isInterrupted else () => context.isInterrupted() || context.isCompleted()
      ensureThread()
      watched.notifyAll()
    }
    session
  }

  def close(session: Long): Unit = {
    watched.synchronized(watched.remove(session))
    NativeLibrary.bridge.close(session)
  }

  private def watch(): Unit =
    while (true) {
      val over = watched.synchronized {
        while (watched.isEmpty) watched.wait()
        watched.iterator.collect { case (session, isOver) if isOver() => session }.toList
      }
      over.foreach(close)
      Thread.sleep(CheckMs)
    }
}
