//! How many requests a process has open at once, to one model.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A semaphore whose size can change while it is in use.
#[derive(Debug)]
pub struct Limiter {
    semaphore: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    permits: usize,
    /// Permits that are still out though the limiter has shrunk; they are not given out again.
    owed: usize,
}

/// One open request. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<Limiter>,
    permit: Option<OwnedSemaphorePermit>,
}

/// By model name and endpoint.
type Limiters = HashMap<(String, String), Arc<Limiter>>;

static LIMITERS: LazyLock<Mutex<Limiters>> = LazyLock::new(Mutex::default);

impl Limiter {
    /// A limiter of `permits` for one user.
    pub fn new(permits: usize) -> Arc<Self> {
        Arc::new(Limiter { semaphore: Arc::new(Semaphore::new(permits)), size: Mutex::new(Size { permits, owed: 0 }) })
    }

    /// The limiter that all sessions of this process share for the model `name` at `endpoint`. The newest `permits` wins.
    pub fn shared(name: &str, endpoint: &str, permits: usize) -> Arc<Self> {
        let mut limiters = LIMITERS.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter =
            limiters.entry((name.to_string(), endpoint.to_string())).or_insert_with(|| Limiter::new(permits)).clone();
        limiter.resize(permits);
        limiter
    }

    /// Sets how many may be out at once. Those that are out stay out.
    pub fn resize(&self, permits: usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if permits > size.permits {
            let more = permits - size.permits;
            let forgiven = more.min(size.owed);
            size.owed -= forgiven;
            self.semaphore.add_permits(more - forgiven);
        } else {
            let fewer = size.permits - permits;
            size.owed += fewer - self.semaphore.forget_permits(fewer);
        }
        size.permits = permits;
    }

    /// Waits for its turn; first come, first served.
    pub async fn acquire(self: &Arc<Self>) -> Permit {
        // The semaphore is never closed, so there is always a permit.
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok();
        Permit { limiter: Arc::clone(self), permit }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut size = self.limiter.size.lock().unwrap_or_else(PoisonError::into_inner);
        if size.owed > 0
            && let Some(permit) = self.permit.take()
        {
            size.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_size_wins_also_while_permits_are_out() {
        let limiter = Limiter::shared("limiter-test", "", 3);
        let mut out = vec![limiter.acquire().await, limiter.acquire().await, limiter.acquire().await];
        let same = Limiter::shared("limiter-test", "", 1);
        assert!(Arc::ptr_eq(&limiter, &same));
        out.pop();
        out.pop();
        assert_eq!(limiter.semaphore.available_permits(), 0, "two are owed and do not come back");
        out.pop();
        assert_eq!(limiter.semaphore.available_permits(), 1);
        let one = limiter.acquire().await;
        limiter.resize(0);
        limiter.resize(2);
        assert_eq!(limiter.semaphore.available_permits(), 1);
        drop(one);
        assert_eq!(limiter.semaphore.available_permits(), 2);
    }
}
