//! The native methods that the JVM class `assay.NativeBridge` declares, over `assay-core`.
//!
//! The only crate with unsafe code. Every method is a few lines: it looks up a session by its id, calls the engine and
//! hands bytes back. One policy ([`policy::Throw`]) turns errors and panics into `assay.AssayException`.

mod buffer;
mod calls;
mod policy;
mod registry;

use std::time::Duration;

use jni::objects::{JByteArray, JByteBuffer, JObject, JString};
use jni::sys::{jint, jlong};
use jni::{Env, NativeMethod, native_method};

use policy::{Outcome, Throw};

/// All native methods; each also exports its symbol, which is how the JVM finds them.
pub const METHODS: [NativeMethod; 7] = [
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn call(operation: JString, input: jbyte[]) -> jbyte[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn open(spec: jbyte[]) -> jlong },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn eval(handle: jlong, buffer: java.nio.ByteBuffer, length: jint) -> jbyte[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn push(handle: jlong, buffer: java.nio.ByteBuffer, length: jint) -> jint },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn poll(handle: jlong, timeout_ms: jlong, max_rows: jint, max_bytes: jlong) -> jbyte[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn counters(handle: jlong) -> jlong[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn close(handle: jlong) -> void },
];
