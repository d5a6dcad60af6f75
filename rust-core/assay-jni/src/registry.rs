//! Sessions by id. The JVM never holds an address: a stale or invented id is an error, not a crash.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use assay_core::exec::{CompleteSession, EvalSession, JournalSession, KeysSession};
use assay_core::spec::SessionSpec;
use assay_core::{Error, ErrorKind, Result};

/// An open session.
pub(crate) enum Session {
    /// Row functions.
    Eval(EvalSession),
    /// Model calls.
    Complete(CompleteSession),
    /// Keys of model calls.
    Keys(KeysSession),
    /// A file of a journal.
    Journal(JournalSession),
}

impl Session {
    pub(crate) fn open(spec: &[u8]) -> Result<Self> {
        Ok(match SessionSpec::from_json(spec)? {
            SessionSpec::Eval(spec) => Session::Eval(EvalSession::open(&spec)?),
            SessionSpec::Complete(spec) => Session::Complete(CompleteSession::open(&spec)?),
            SessionSpec::Keys(spec) => Session::Keys(KeysSession::open(&spec)?),
            SessionSpec::Journal(_) => Session::Journal(JournalSession::new()),
        })
    }

    /// Bytes in, a batch out.
    pub(crate) fn eval(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        match self {
            Session::Eval(session) => session.eval(bytes),
            Session::Keys(session) => session.eval(bytes),
            Session::Journal(session) => session.eval(bytes),
            Session::Complete(_) => Err(wrong_kind("a session of model calls evaluates no row functions")),
        }
    }

    /// Ends what other threads have it do.
    fn cancel(&self) {
        match self {
            Session::Eval(session) => session.cancel(),
            Session::Complete(session) => session.cancel(),
            Session::Keys(_) | Session::Journal(_) => {}
        }
    }

    pub(crate) fn complete(&self) -> Result<&CompleteSession> {
        match self {
            Session::Complete(session) => Ok(session),
            _ => Err(wrong_kind("only a session of model calls makes any")),
        }
    }

    pub(crate) fn counters(&self) -> Result<Vec<i64>> {
        match self {
            Session::Complete(session) => Ok(session.counters()),
            Session::Journal(session) => Ok(session.dropped().into()),
            _ => Err(wrong_kind("a session of row functions counts nothing")),
        }
    }
}

fn wrong_kind(message: &str) -> Error {
    Error::new(ErrorKind::InvalidSpec, message)
}

static SESSIONS: LazyLock<RwLock<HashMap<i64, Arc<Session>>>> = LazyLock::new(RwLock::default);
static NEXT: AtomicI64 = AtomicI64::new(1);

/// Keeps a session and gives its id.
pub(crate) fn insert(session: Session) -> i64 {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    SESSIONS.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(session));
    id
}

/// The session of an id.
pub(crate) fn get(id: i64) -> Result<Arc<Session>> {
    SESSIONS.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned().ok_or_else(|| {
        Error::new(ErrorKind::StaleHandle, format!("there is no native session {id}: it is closed or never was"))
    })
}

/// Forgets a session and cancels what it has under way, even while another thread is inside it.
pub(crate) fn remove(id: i64) {
    let session = SESSIONS.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    if let Some(session) = session {
        session.cancel();
    }
}

/// The counters of all sessions of model calls that are open, summed up.
pub(crate) fn open_counters() -> Vec<i64> {
    let mut sums = vec![0i64; assay_core::inference::COUNTERS.len()];
    for session in SESSIONS.read().unwrap_or_else(PoisonError::into_inner).values() {
        if let Session::Complete(session) = session.as_ref() {
            for (sum, value) in sums.iter_mut().zip(session.counters()) {
                *sum = sum.saturating_add(value);
            }
        }
    }
    sums
}

/// Cancels every session: the application ends.
pub(crate) fn cancel_all() {
    SESSIONS.read().unwrap_or_else(PoisonError::into_inner).values().for_each(|session| session.cancel());
}
