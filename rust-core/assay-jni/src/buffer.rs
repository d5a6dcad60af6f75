//! Bytes of a direct `ByteBuffer` of the JVM.

use assay_core::{Error, ErrorKind};
use jni::Env;
use jni::objects::JByteBuffer;
use jni::sys::jint;

use crate::policy::Outcome;

/// Gives `use_bytes` the first `length` bytes of a direct buffer.
pub(crate) fn with_bytes<T>(
    env: &Env<'_>,
    buffer: &JByteBuffer<'_>,
    length: jint,
    use_bytes: impl FnOnce(&[u8]) -> Outcome<T>,
) -> Outcome<T> {
    let refuse = |what: &str| Error::new(ErrorKind::MalformedBatch, format!("the buffer of a batch {what}"));
    if buffer.is_null() {
        return Err(refuse("is null").into());
    }
    let capacity = env.get_direct_buffer_capacity(buffer).map_err(|_| refuse("is not a direct buffer"))?;
    let length = usize::try_from(length)
        .ok()
        .filter(|n| *n <= capacity)
        .ok_or_else(|| refuse(&format!("has {capacity} bytes, which does not go with a length of {length}")))?;
    let address = env.get_direct_buffer_address(buffer).map_err(|_| refuse("is not a direct buffer"))?;
    // SAFETY: the JVM says that `capacity` bytes stand at `address`, and `length` is at most that. The buffer object is an
    // argument of the native method that is running, so it stays reachable and its memory stays mapped until this
    // returns. The shim writes to a buffer only between calls, on the thread that makes them.
    let bytes = unsafe { std::slice::from_raw_parts(address, length) };
    use_bytes(bytes)
}
