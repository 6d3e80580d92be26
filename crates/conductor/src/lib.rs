//! The loop: load, decide, commit, dispatch, wake. It knows nothing of any kind of process but
//! what `engine::decision::Process` says, and nothing of the world but the ports.
//!
//! The whole conductor is one future. Dropping it at any point is a crash, and a crash is
//! nothing special: starting and going on are one path, from what the store has.

mod audit;
mod conductor;
mod delivery;
mod desk;
mod handle;
mod hands;
mod kinds;
mod turn;

pub use conductor::{Conductor, Settings};
pub use handle::{Handle, HandleError, Reply};
pub use hands::Hands;
pub use kinds::Kinds;
