package assay

import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions

import com.fasterxml.jackson.databind.ObjectMapper
import org.scalatest.funsuite.AnyFunSuite

/** Whatever crosses the border wrongly ends as a typed exception, and the JVM lives on. */
class NativeBorderSuite extends AnyFunSuite {
  private val bridge = NativeLibrary.bridge
  private val evalSpec =
    """{"kind":"eval","version":1,"columns":2,"functions":[{"name":"llm_exact_match","args":[0,1]}]}""".getBytes(UTF_8)
  private val completeSpec =
    ("""{"kind":"complete","version":1,"columns":1,"calls":[{"model":{"name":"m","conf":{"provider":"mock","model":"x"}},""" +
      """"prompt":{"column":0}}]}""").getBytes(UTF_8)

  private def condition(body: => Any): String = intercept[AssayException](body).condition

  private def direct(bytes: Array[Byte]): ByteBuffer = {
    val buffer = ByteBuffer.allocateDirect(math.max(bytes.length, 1))
    buffer.put(bytes)
    buffer
  }

  test("a panic in Rust is an exception, and the next call works") {
    assert(condition(bridge.call("panic", Array.emptyByteArray)) == "ASSAY_INTERNAL")
    assert(bridge.call("describe", Array.emptyByteArray).nonEmpty)
  }

  test("a handle that was never given out, or is closed, is an error; closing twice is not") {
    for (handle <- Seq(0L, -1L, Long.MaxValue)) {
      assert(condition(bridge.eval(handle, direct(Array(1)), 1)) == "ASSAY_STALE_HANDLE")
      assert(condition(bridge.push(handle, direct(Array(1)), 1)) == "ASSAY_STALE_HANDLE")
      assert(condition(bridge.poll(handle, 0, 1, 1)) == "ASSAY_STALE_HANDLE")
      assert(condition(bridge.counters(handle)) == "ASSAY_STALE_HANDLE")
      bridge.close(handle)
    }
    val handle = bridge.open(evalSpec)
    bridge.close(handle)
    bridge.close(handle)
    assert(condition(bridge.eval(handle, direct(Array(1)), 1)) == "ASSAY_STALE_HANDLE")
  }

  test("a session of one kind refuses the methods of the other") {
    val eval = bridge.open(evalSpec)
    val complete = bridge.open(completeSpec)
    assert(condition(bridge.poll(eval, 0, 1, 1)) == "ASSAY_INVALID_SPEC")
    assert(condition(bridge.eval(complete, direct(Array(1)), 1)) == "ASSAY_INVALID_SPEC")
    bridge.close(eval)
    bridge.close(complete)
  }

  test("bytes that are no batch are refused, whatever they are") {
    val eval = bridge.open(evalSpec)
    val complete = bridge.open(completeSpec)
    val random = new scala.util.Random(7)
    for (length <- Seq(0, 1, 8, 100, 5000)) {
      val bytes = new Array[Byte](length)
      random.nextBytes(bytes)
      assert(condition(bridge.eval(eval, direct(bytes), length)) == "ASSAY_MALFORMED_BATCH")
      assert(condition(bridge.push(complete, direct(bytes), length)) == "ASSAY_MALFORMED_BATCH")
    }
    bridge.close(eval)
    bridge.close(complete)
  }

  test("a buffer that is null, on the heap or shorter than its length is refused") {
    val eval = bridge.open(evalSpec)
    assert(condition(bridge.eval(eval, null, 1)) == "ASSAY_MALFORMED_BATCH")
    assert(condition(bridge.eval(eval, ByteBuffer.allocate(8), 8)) == "ASSAY_MALFORMED_BATCH")
    assert(condition(bridge.eval(eval, direct(new Array[Byte](8)), 9)) == "ASSAY_MALFORMED_BATCH")
    assert(condition(bridge.eval(eval, direct(new Array[Byte](8)), -1)) == "ASSAY_MALFORMED_BATCH")
    bridge.close(eval)
  }

  test("a spec that is no JSON, of another version or with unknown fields is refused") {
    assert(condition(bridge.open("no".getBytes(UTF_8))) == "ASSAY_INVALID_SPEC")
    assert(
      condition(bridge.open("""{"kind":"eval","version":9,"columns":0,"functions":[]}""".getBytes(UTF_8))) ==
        "ASSAY_VERSION_MISMATCH"
    )
    assert(
      condition(bridge.open("""{"kind":"eval","version":1,"columns":0,"functions":[],"x":1}""".getBytes(UTF_8))) ==
        "ASSAY_INVALID_SPEC"
    )
    assert(condition(bridge.call("no_such_operation", Array.emptyByteArray)) == "ASSAY_UNKNOWN_FUNCTION")
    assert(condition(bridge.call("finish", Array[Byte](9))) == "ASSAY_INVALID_SPEC")
  }

  test("null arguments are errors") {
    intercept[AssayException](bridge.call(null, Array.emptyByteArray))
    intercept[AssayException](bridge.call("describe", null))
    intercept[AssayException](bridge.open(null))
  }

  test("every condition of the engine is in the list of conditions, which is sorted and has valid states") {
    val described = new ObjectMapper().readTree(bridge.call("describe", Array.emptyByteArray)).get("conditions")
    described.forEach(node => assert(ErrorConditions.all.contains(node.asText), node.asText))
    val text = new String(getClass.getResourceAsStream("/assay/error-conditions.json").readAllBytes(), "UTF-8")
    val names = "\"(ASSAY_[A-Z_]+)\"".r.findAllMatchIn(text).map(_.group(1)).toSeq
    assert(names == names.sorted && names.distinct == names)
    assert(ErrorConditions.all.values.forall(_.matches("[0-9A-Z]{5}")))
  }

  test("the library is unpacked once, to a folder that nobody else can write") {
    val base = Files.createTempDirectory("assay-test")
    val first = NativeLibrary.unpack(NativeLibrary.platform, base)
    val time = Files.getLastModifiedTime(first)
    assert(NativeLibrary.unpack(NativeLibrary.platform, base) == first)
    assert(Files.getLastModifiedTime(first) == time)
    assert(PosixFilePermissions.toString(Files.getPosixFilePermissions(first.getParent)) == "rwx------")
  }

  test("a folder that others could write is not used") {
    val base = Files.createTempDirectory("assay-test")
    val open = base.resolve(s"assay-native-${sys.props("user.name")}")
    Files.createDirectory(open)
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"))
    assert(NativeLibrary.unpack(NativeLibrary.platform, base).getParent != open)
  }

  test("a platform without a library gets an error that says which there are") {
    val error = intercept[AssayException](NativeLibrary.unpack("windows-x86_64"))
    assert(error.condition == "ASSAY_NATIVE_LIBRARY")
    assert(error.detail.contains("no native library for windows-x86_64"))
    assert(error.detail.contains(NativeLibrary.platform))
  }
}
