//! Actions: what `uses:` names, where it comes from and what it says of itself.

mod definition;
mod reference;
mod source;
mod steps;

pub use definition::{Action, DefinitionError, Docker, Input, JavaScript, Runs};
pub use reference::{Reference, ReferenceError, Repository};
pub use source::{Fetched, Mirrors, SourceError};
