//! The time that a kernel takes.

use std::fs;
use std::time::Instant;

/// The time that this thread runs, or the time that passes where the kernel does not tell.
pub(crate) struct Clock {
    begun: Instant,
    ran: Option<u64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock { begun: Instant::now(), ran: nanoseconds_run() }
    }

    pub(crate) fn seconds(&self) -> f64 {
        match self.ran.zip(nanoseconds_run()) {
            Some((before, now)) => (now - before) as f64 / 1e9,
            None => self.begun.elapsed().as_secs_f64(),
        }
    }
}

fn nanoseconds_run() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
