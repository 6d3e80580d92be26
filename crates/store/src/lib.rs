//! What is at rest: SQLite and PostgreSQL, artifacts and caches, secrets and tokens.

pub mod depot;
pub mod postgres;
pub mod sqlite;
pub mod tokens;
pub mod vault;
