package assay

import java.nio.ByteBuffer

/** The native methods: all that crosses the border between the JVM and the Rust library.
  *
  * Each throws [[AssayException]] where the engine refuses or fails; none takes the JVM down. Handles are ids in a
  * registry of the library: one that is closed or was never given out is an error, not a crash. Direct buffers are
  * passed as objects, so that they live at least as long as the call.
  */
final class NativeBridge private[assay] () {

  /** A call without a session: versions, checks at planning, finishing an aggregate. */
  @native def call(operation: String, input: Array[Byte]): Array[Byte]

  /** Opens a session from a JSON spec and gives its handle. */
  @native def open(spec: Array[Byte]): Long

  /** Evaluates one batch: an Arrow IPC stream in the first `length` bytes of a direct buffer; gives one back. A session that
    * reads a journal takes the bytes of its file instead.
    */
  @native def eval(handle: Long, buffer: ByteBuffer, length: Int): Array[Byte]

  /** Tells a session of model calls, before its rows, what a cache has for them, and gives the number of answers. */
  @native def known(handle: Long, buffer: ByteBuffer, length: Int): Int

  /** Hands rows to a session of model calls and gives their number. */
  @native def push(handle: Long, buffer: ByteBuffer, length: Int): Int

  /** Rows that have finished, as an Arrow IPC stream; null where none has within the time. */
  @native def poll(handle: Long, timeoutMs: Long, maxRows: Int, maxBytes: Long): Array[Byte]

  /** The session's counters, in the order that the operation `describe` names. */
  @native def counters(handle: Long): Array[Long]

  /** Ends a session and cancels what is under way. Closing twice is no error. */
  @native def close(handle: Long): Unit
}
