//! One policy for every native method: an error or a panic becomes a Java exception with a condition and a message.

use std::any::Any;
use std::fmt;

use assay_core::{Error, ErrorKind};
use jni::errors::ErrorPolicy;
use jni::objects::{JThrowable, JValue};
use jni::{Env, jni_sig, jni_str};

/// What a native method gives.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a native method gives nothing: the engine refused, or the JVM did.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine's error.
    Engine(Error),
    /// A JNI call failed; where Java code threw, that exception is pending and passes unchanged.
    Jni(jni::errors::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Engine(e) => e.fmt(f),
            Failure::Jni(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Engine(e)
    }
}

impl From<jni::errors::Error> for Failure {
    fn from(e: jni::errors::Error) -> Self {
        Failure::Jni(e)
    }
}

/// Throws `assay.AssayException` and returns the default value.
pub(crate) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        let error = match failure {
            Failure::Engine(e) => e,
            Failure::Jni(e) => Error::internal(format!("a JNI call failed: {e}")),
        };
        throw(env, error.kind(), error.message())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        // The text of a panic may quote data (an index into a prompt, say), so only its presence is told.
        let length = payload
            .downcast_ref::<String>()
            .map(String::len)
            .or_else(|| payload.downcast_ref::<&str>().map(|s| s.len()))
            .unwrap_or(0);
        std::mem::forget(payload);
        let message = format!("the native library hit a bug (a panic with {length} bytes of text); please report it");
        throw(env, ErrorKind::Internal, &message)
    }
}

fn throw<T: Default>(env: &mut Env<'_>, kind: ErrorKind, message: &str) -> jni::errors::Result<T> {
    if env.exception_check() {
        return Ok(T::default());
    }
    let condition = env.new_string(kind.condition())?;
    let detail = env.new_string(message)?;
    let exception = env.new_object(
        jni_str!("assay/AssayException"),
        jni_sig!("(Ljava/lang/String;Ljava/lang/String;)V"),
        &[JValue::Object(&condition), JValue::Object(&detail)],
    )?;
    let exception = env.cast_local::<JThrowable>(exception)?;
    // `throw` reports the exception it threw as an error; here that is what was wanted.
    let _ = env.throw(exception);
    Ok(T::default())
}
