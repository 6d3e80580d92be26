//! The store in PostgreSQL: one database that several servers share.
//!
//! A commit is one round trip and one transaction; commits that wait at the same time share both.
//! Each commit locks the journal's head, so that all servers' commits follow one another, and the
//! chain is linked by the database itself. Claims pass over what others have locked.
//!
//! When the connection breaks while a commit is under way, nobody knows whether it was taken. It
//! is answered with [`StoreErrorKind::Unreachable`]: whoever gets that loads again, and repeats a
//! command under its id. Connections are made anew by themselves.

mod address;
mod batch;
mod error;
mod line;
#[cfg(feature = "local-postgres")]
pub mod local;
mod query;
mod rows;
mod schema;
mod tls;
mod writer;

use std::sync::Arc;

use model::id::{AnyId, CommandId};
use model::intent::{Generation, Target};
use model::journal::{Entry, Head};
use ports::BoxFuture;
use ports::clock::{Clock, SystemClock};
use ports::store::{
    Audit, Claim, Claimed, Commit, CommitError, Committed, Query, Standing, Store, StoreError,
    StoreErrorKind, Stored,
};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::ToSql;

use self::address::Address;
use self::error::damaged;
use self::line::{Endpoint, Line};
use self::writer::{Order, Writer};

/// A store in a PostgreSQL database, of version 12 or newer and with the encoding UTF8.
///
/// It needs a tokio runtime with its timers and network switched on, and keeps at most four
/// connections.
#[derive(Debug)]
pub struct PostgresStore {
    /// `None` when the store was opened for reading only.
    orders: Option<mpsc::Sender<Order>>,
    /// For what is asked by key.
    reads: Line,
    /// For claims and their like, which wait for the disk.
    claims: Line,
    /// For queries of the journal, which may take their time.
    scans: Line,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The schema in which the tables lie.
    pub schema: String,
    pub mode: Mode,
    /// Says when a broken connection is tried again.
    pub clock: Arc<dyn Clock>,
}

/// What a store may do to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything; an older database is migrated first.
    Server,
    /// Nothing but read, on a standby too.
    Reader,
}

impl Default for Settings {
    fn default() -> Self {
        Self { schema: "highroad".to_owned(), mode: Mode::Server, clock: Arc::new(SystemClock) }
    }
}

impl PostgresStore {
    /// Opens the store at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and brings its schema to
    /// the newest version.
    ///
    /// `sslmode` in the URL is `disable`, `prefer` (as if left out), `require`, `verify-ca` or
    /// `verify-full`. The roots of the latter are the file `sslrootcert`, or that in the
    /// environment variable `PGSSLROOTCERT`, or the system's. A password that the URL does not
    /// have may be in `PGPASSWORD`.
    ///
    /// Commits are flushed to the disk before they are acknowledged, even where
    /// `synchronous_commit` is off. A server with `fsync` off is used, with a warning.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Settings::default()).await
    }

    /// Opens the store for commands that only look at it.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Settings { mode: Mode::Reader, ..Settings::default() }).await
    }

    pub async fn open_with(url: &str, settings: Settings) -> Result<Self, StoreError> {
        let Settings { schema, mode, clock } = settings;
        let address = Address::parse(url)?;
        let endpoint = Arc::new(Endpoint { address, schema, mode, clock });
        let mut client = endpoint.connect_to_any().await?;
        let (address, schema) = (&endpoint.address, &endpoint.schema);
        let orders = match mode {
            Mode::Reader => {
                schema::check(&client, schema, address).await?;
                None
            }
            Mode::Server => {
                schema::migrate(&mut client, schema, address).await?;
                let (orders, waiting) = mpsc::channel(Writer::WAITING);
                let line = Line::connected(endpoint.clone(), client);
                tokio::spawn(Writer::new(line, waiting).run());
                Some(orders)
            }
        };
        let line = || Line::new(endpoint.clone());
        Ok(Self { orders, reads: line(), claims: line(), scans: line() })
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        commit.check()?;
        batch::check(&commit)?;
        let Some(orders) = &self.orders else { return Err(self.read_only().into()) };
        let ended = || StoreError::new(StoreErrorKind::Failed, "the store has been closed");
        let (answer, answered) = oneshot::channel();
        orders.send(Order { commit, answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    async fn load(&self, process: AnyId) -> Result<Option<Stored>, StoreError> {
        const LOAD: &str = "SELECT p.id, p.kind, p.version, p.state, p.status, p.wake_at, p.slot,
                o.generations AS open_generations, o.bodies AS open_bodies
            FROM processes p, LATERAL (
                SELECT array_agg(i.generation ORDER BY i.target) AS generations,
                    array_agg(i.body ORDER BY i.target) AS bodies
                FROM intents i WHERE i.process = p.id AND i.status = 'open') o
            WHERE p.id = $1";
        let rows = self.reads.read(LOAD, &[&process.to_string()]).await?;
        rows.first().map(rows::stored).transpose()
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        const CLAIM: &str = "SELECT id, kind, version, state, status, wake_at, slot,
            open_generations, open_bodies, next_due_at FROM claim($1, $2, $3, $4, $5)";
        if self.orders.is_none() {
            return Err(self.read_only());
        }
        let Claim { hold, anew, now, limit } = claim;
        let (until, now) = (hold.until.as_microsecond(), now.as_microsecond());
        let rows =
            self.claims.call(CLAIM, &[&hold.server, &until, &anew, &now, &most(limit)]).await?;
        let (next, due) =
            rows.split_last().ok_or_else(|| damaged("a claim was left without an answer"))?;
        Ok(Claimed {
            due: due.iter().map(rows::stored).collect::<Result<_, _>>()?,
            next: rows::time(rows::field(next, "next_due_at")?)?,
        })
    }

    async fn audit(&self, audit: Audit) -> Result<Vec<Standing>, StoreError> {
        const AUDIT: &str = "WITH stale AS MATERIALIZED (
                SELECT target, audited_at FROM intents
                WHERE status = 'upheld' AND audited_at < $1
                ORDER BY audited_at, target LIMIT $3 FOR UPDATE SKIP LOCKED
            ), noted AS (
                UPDATE intents i SET audited_at = $2 FROM stale s WHERE i.target = s.target
                RETURNING i.target, i.process, i.generation, i.body, s.audited_at
            )
            SELECT process, generation, body FROM noted ORDER BY audited_at, target";
        if self.orders.is_none() {
            return Err(self.read_only());
        }
        let (not_since, now) = (audit.not_since.as_microsecond(), audit.now.as_microsecond());
        let rows = self.claims.call(AUDIT, &[&not_since, &now, &most(audit.limit)]).await?;
        rows.iter().map(rows::standing).collect()
    }

    async fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> Result<Option<Generation>, StoreError> {
        const RAISE: &str = "UPDATE intents SET generation = greatest($2, $3) + 1
            WHERE target = $1 AND generation = $2 RETURNING generation";
        if self.orders.is_none() {
            return Err(self.read_only());
        }
        let (from, above) = (rows::small(from.0), rows::small(above.0));
        let rows = self.claims.call(RAISE, &[&target.to_string(), &from, &above]).await?;
        let raised = rows.first().map(|row| rows::natural(rows::field(row, "generation")?));
        Ok(raised.transpose()?.map(Generation))
    }

    async fn reply_to(&self, command: CommandId) -> Result<Option<String>, StoreError> {
        const REPLY: &str = "SELECT reply FROM commands WHERE id = $1";
        let rows = self.reads.read(REPLY, &[&command.to_string()]).await?;
        rows.first().map(|row| rows::field(row, "reply")).transpose()
    }

    async fn entries(&self, query: Query) -> Result<Vec<Entry>, StoreError> {
        let (sql, parameters) = query::entries(&query);
        let parameters: Vec<_> =
            parameters.iter().map(|parameter| parameter.as_ref() as &(dyn ToSql + Sync)).collect();
        self.scans.read(&sql, &parameters).await?.iter().map(rows::entry).collect()
    }

    async fn head(&self) -> Result<Head, StoreError> {
        const HEAD: &str = "SELECT seq, link FROM journal_head";
        let rows = self.reads.read(HEAD, &[]).await?;
        rows.first().map_or_else(|| Err(damaged("the journal has no head")), rows::head)
    }

    fn read_only(&self) -> StoreError {
        let what = format!("the database {} was opened for reading only", self.reads.address());
        StoreError::new(StoreErrorKind::ReadOnly, what)
    }
}

impl Store for PostgresStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(self.commit(commit))
    }

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(self.load(process))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        Box::pin(self.claim(claim))
    }

    fn audit(&self, audit: Audit) -> BoxFuture<'_, Result<Vec<Standing>, StoreError>> {
        Box::pin(self.audit(audit))
    }

    fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> BoxFuture<'_, Result<Option<Generation>, StoreError>> {
        Box::pin(self.raise(target, from, above))
    }

    fn reply_to(&self, command: CommandId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(self.reply_to(command))
    }

    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(self.entries(query))
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        Box::pin(self.head())
    }
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
