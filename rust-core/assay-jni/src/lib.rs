//! The native methods that the JVM class `assay.NativeBridge` declares, over `assay-core`.
//!
//! The only crate with unsafe code. Every method is a few lines: it looks up a session by its id, calls the engine and
//! hands bytes back. One policy ([`policy::Throw`]) turns errors and panics into `assay.AssayException`.

mod buffer;
mod calls;
mod journals;
mod policy;
mod registry;

use std::time::Duration;

use assay_core::exec::CompleteSession;
use jni::objects::{JByteArray, JByteBuffer, JLongArray, JObject, JString};
use jni::sys::{jint, jlong};
use jni::{Env, NativeMethod, native_method};

use policy::{Outcome, Throw};

/// A request is some hundred small allocations, which many threads make and others free. Its second version: the third
/// takes the process down once the thread that loaded it has ended and another gets the same identity.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// All native methods; each also exports its symbol, which is how the JVM finds them.
pub const METHODS: [NativeMethod; 8] = [
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn call(operation: JString, input: jbyte[]) -> jbyte[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn open(spec: jbyte[]) -> jlong },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn eval(handle: jlong, buffer: java.nio.ByteBuffer, length: jint) -> jbyte[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn known(handle: jlong, buffer: java.nio.ByteBuffer, length: jint) -> jint },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn push(handle: jlong, buffer: java.nio.ByteBuffer, length: jint) -> jint },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn poll(handle: jlong, timeout_ms: jlong, max_rows: jint, max_bytes: jlong) -> jbyte[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn counters(handle: jlong) -> jlong[] },
    native_method! { java_type = "assay.NativeBridge", error_policy = Throw,
    extern fn close(handle: jlong) -> void },
];

fn call<'local>(
    env: &mut Env<'local>,
    _this: JObject<'local>,
    operation: JString<'local>,
    input: JByteArray<'local>,
) -> Outcome<JByteArray<'local>> {
    let operation = operation.try_to_string(env)?;
    let input = env.convert_byte_array(&input)?;
    Ok(env.byte_array_from_slice(&calls::call(&operation, &input)?)?)
}

fn open<'local>(env: &mut Env<'local>, _this: JObject<'local>, spec: JByteArray<'local>) -> Outcome<jlong> {
    let spec = env.convert_byte_array(&spec)?;
    Ok(registry::insert(registry::Session::open(&spec)?))
}

fn eval<'local>(
    env: &mut Env<'local>,
    _this: JObject<'local>,
    handle: jlong,
    batch: JByteBuffer<'local>,
    length: jint,
) -> Outcome<JByteArray<'local>> {
    let session = registry::get(handle)?;
    let result = buffer::with_bytes(env, &batch, length, |bytes| Ok(session.eval(bytes)?))?;
    Ok(env.byte_array_from_slice(&result)?)
}

fn known<'local>(
    env: &mut Env<'local>,
    _this: JObject<'local>,
    handle: jlong,
    batch: JByteBuffer<'local>,
    length: jint,
) -> Outcome<jint> {
    taken(env, handle, &batch, length, CompleteSession::known)
}

fn push<'local>(
    env: &mut Env<'local>,
    _this: JObject<'local>,
    handle: jlong,
    batch: JByteBuffer<'local>,
    length: jint,
) -> Outcome<jint> {
    taken(env, handle, &batch, length, CompleteSession::push)
}

/// Gives a session a batch; how many rows it had.
fn taken(
    env: &mut Env<'_>,
    handle: jlong,
    batch: &JByteBuffer<'_>,
    length: jint,
    take: fn(&CompleteSession, &[u8]) -> assay_core::error::Result<usize>,
) -> Outcome<jint> {
    let session = registry::get(handle)?;
    let rows = buffer::with_bytes(env, batch, length, |bytes| Ok(take(session.complete()?, bytes)?))?;
    Ok(jint::try_from(rows).unwrap_or(jint::MAX))
}

fn poll<'local>(
    env: &mut Env<'local>,
    _this: JObject<'local>,
    handle: jlong,
    timeout_ms: jlong,
    max_rows: jint,
    max_bytes: jlong,
) -> Outcome<JByteArray<'local>> {
    let session = registry::get(handle)?;
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let (rows, bytes) = (usize::try_from(max_rows).unwrap_or(1), usize::try_from(max_bytes).unwrap_or(1));
    match session.complete()?.poll(timeout, rows, bytes)? {
        Some(batch) => Ok(env.byte_array_from_slice(&batch)?),
        None => Ok(JByteArray::null()),
    }
}

fn counters<'local>(env: &mut Env<'local>, _this: JObject<'local>, handle: jlong) -> Outcome<JLongArray<'local>> {
    let values = registry::get(handle)?.counters()?;
    let array = JLongArray::new(env, values.len())?;
    array.set_region(env, 0, &values)?;
    Ok(array)
}

fn close<'local>(_env: &mut Env<'local>, _this: JObject<'local>, handle: jlong) -> Outcome<()> {
    registry::remove(handle);
    Ok(())
}
