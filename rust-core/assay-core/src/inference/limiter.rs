//! How many requests a process has open at once, to one model.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::adaptive::Adaptive;
use super::shared::Registry;

/// A semaphore whose size can change while it is in use, and does where the server fails under the load.
#[derive(Debug)]
pub struct Limiter {
    semaphore: Arc<Semaphore>,
    size: Mutex<Size>,
    /// `None` where the size is fixed.
    adaptive: Mutex<Option<Adaptive>>,
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

static LIMITERS: Registry<Limiter> = Registry::new();

impl Limiter {
    /// A limiter of `permits` for one user.
    pub fn new(permits: usize) -> Arc<Self> {
        Arc::new(Limiter {
            semaphore: Arc::new(Semaphore::new(permits)),
            size: Mutex::new(Size { permits, owed: 0 }),
            adaptive: Mutex::new(None),
        })
    }

    /// The limiter that all sessions of this process share for the model `name` at `endpoint`. The newest settings win:
    /// how many `permits` there are at most, and whether there may be fewer while the server fails.
    pub fn shared(name: &str, endpoint: &str, permits: usize, is_adaptive: bool) -> Arc<Self> {
        let limiter = LIMITERS.get(name, endpoint, || Limiter::new(permits));
        limiter.adapt(permits, is_adaptive);
        limiter
    }

    fn adapt(&self, most: usize, is_adaptive: bool) {
        let mut adaptive = self.adaptive.lock().unwrap_or_else(PoisonError::into_inner);
        if is_adaptive {
            adaptive.get_or_insert_with(|| Adaptive::new(most)).set_most(most);
        } else {
            *adaptive = None;
        }
        self.resize(adaptive.as_ref().map_or(most, Adaptive::limit));
    }

    /// Learns how an attempt ended: `is_overload` where the server failed, broke the connection or took too long.
    pub fn observe(&self, is_overload: bool) {
        let mut adaptive = self.adaptive.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(adaptive) = adaptive.as_mut() else { return };
        if let Some(limit) = adaptive.observe(is_overload, Instant::now()) {
            self.resize(limit);
        }
    }

    /// How many may be out at once, now.
    pub fn size(&self) -> usize {
        self.size.lock().unwrap_or_else(PoisonError::into_inner).permits
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
        if let Ok(permit) = Arc::clone(&self.semaphore).try_acquire_owned() {
            // It may be free because its holder was cancelled in this moment: whoever is cancelled too must see that first.
            let permit = Permit { limiter: Arc::clone(self), permit: Some(permit) };
            tokio::task::yield_now().await;
            return permit;
        }
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
        let limiter = Limiter::shared("limiter-test", "", 3, false);
        let mut out = vec![limiter.acquire().await, limiter.acquire().await, limiter.acquire().await];
        let same = Limiter::shared("limiter-test", "", 1, false);
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

    #[tokio::test(start_paused = true)]
    async fn it_shrinks_while_the_server_fails_and_recovers() {
        let limiter = Limiter::shared("limiter-test-adaptive", "", 100, true);
        let step = std::time::Duration::from_millis(20);
        for _ in 0..500 {
            tokio::time::advance(step).await;
            limiter.observe(true);
        }
        assert!(limiter.size() < 50, "{}", limiter.size());
        for _ in 0..5000 {
            tokio::time::advance(step).await;
            limiter.observe(false);
        }
        assert_eq!((limiter.size(), limiter.semaphore.available_permits()), (100, 100));
        let fixed = Limiter::shared("limiter-test-adaptive", "", 100, false);
        (0..500).for_each(|_| fixed.observe(true));
        assert_eq!(fixed.size(), 100);
    }
}
