//! GitHub Actions workflows as data: their syntax, their expressions, what triggers them and what
//! jobs they come to. Nothing here reads a clock or a file, draws a random number, waits or logs.

pub mod cron;
pub mod expression;
pub mod github;
pub mod glob;
pub mod lint;
pub mod matrix;
pub mod sheet;
pub mod syntax;
pub mod tree;
pub mod trigger;
