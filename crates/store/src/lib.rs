//! What is at rest: SQLite and PostgreSQL.

pub mod depot;
pub mod postgres;
pub mod sqlite;
pub mod vault;
