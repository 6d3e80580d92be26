//! What is at rest: SQLite and PostgreSQL.

pub mod postgres;
pub mod sqlite;
