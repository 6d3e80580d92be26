//! What is at rest: SQLite and PostgreSQL.
