//! The body of a response: whole, or in steps that may wait or break off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::service::Booking;

/// A response body.
pub(crate) enum Reply {
    Whole(Bytes),
    Steps(Box<Steps>),
}

/// A body that is sent step by step.
pub(crate) struct Steps {
    queue: VecDeque<Step>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Dropped with the body, and told before when all of it was sent.
    booking: Option<Booking>,
}

/// One step of a body.
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// The connection is closed without the rest.
    Cut,
}

impl Reply {
    pub(crate) fn steps(steps: impl IntoIterator<Item = Step>) -> Reply {
        Reply::Steps(Box::new(Steps { queue: steps.into_iter().collect(), pause: None, booking: None }))
    }

    /// Lets a booking end with the body rather than with the head.
    pub(crate) fn hold(&mut self, mut booking: Booking) {
        match self {
            Reply::Whole(_) => booking.sent(),
            Reply::Steps(steps) => {
                booking.sending();
                steps.booking = Some(booking);
            }
        }
    }
}

/// The body broke off on purpose.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken off on purpose")
    }
}

impl std::error::Error for BrokenOff {}

impl From<Infallible> for BrokenOff {
    fn from(never: Infallible) -> BrokenOff {
        match never {}
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Reply::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Reply::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Reply::Steps(steps) => steps.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Reply::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Reply::Steps(_) => SizeHint::default(),
        }
    }
}

impl Steps {
    /// The first half of the steps that send something.
    pub(crate) fn first_half(self) -> Vec<Step> {
        let kept = self.queue.len() / 2;
        self.queue.into_iter().take(kept).collect()
    }

    /// What the steps send.
    pub(crate) fn sent(self) -> Vec<Bytes> {
        let sent = self.queue.into_iter().filter_map(|step| match step {
            Step::Send(bytes) => Some(bytes),
            Step::Wait(_) | Step::Cut => None,
        });
        sent.collect()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.queue.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => {
                    // A client that has read the last event may go without reading on.
                    if self.queue.is_empty()
                        && let Some(mut booking) = self.booking.take()
                    {
                        booking.sent();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(duration)) => self.pause = Some(Box::pin(tokio::time::sleep(duration))),
                Some(Step::Cut) => return Poll::Ready(Some(Err(BrokenOff))),
            }
        }
    }
}
