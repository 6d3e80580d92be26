//! The expression language as a whole: upstream's own cases, what they leave open, and text that
//! nobody should write.

mod condition;
mod conformance;
mod hostile;
mod semantics;
mod template;
mod world;
