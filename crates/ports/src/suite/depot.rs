//! What every [`Depot`](crate::depot::Depot) must do.
//!
//! A case is given a [`Ground`]: a fresh depot with the limits that are named here, the clock that
//! it was given, and a folder to work in.

mod artifacts;
mod caches;
mod files;
mod given;
mod misses;
mod room;

pub use artifacts::*;
pub use caches::*;
pub use files::*;
pub use given::{Ground, SetClock};
pub use misses::*;
pub use room::*;

/// The quota of a depot on the ground, in bytes.
pub const QUOTA: u64 = 4 << 20;
/// After how many days without use a cache goes there.
pub const CACHE_DAYS: u32 = 7;
/// After how many days an artifact goes there.
pub const ARTIFACT_DAYS: u32 = 90;
