//! Actions: what `uses:` names, where it comes from and what it says of itself.

mod definition;
mod reference;
mod source;
mod steps;

pub(crate) use definition::{Action, DockerAction, Input, JavaScript, Runs};
pub(crate) use reference::{Reference, Repository};
pub use source::{Fetched, Mirrors, SourceError};
