//! Pay once: the canonical form of a request, its key, and the place where finished answers are looked up and kept.

pub mod claims;
pub mod journal;
pub mod key;
pub mod store;
