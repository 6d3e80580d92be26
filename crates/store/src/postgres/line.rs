//! One connection to the database that mends itself: made when it is needed, dropped when it
//! breaks, and not tried again too soon.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex};

use jiff::{SignedDuration, Timestamp};
use ports::clock::Clock;
use ports::store::{StoreError, StoreErrorKind};
use tokio::sync::Mutex;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::Mode;
use super::address::Address;
use super::error::explain;
use super::schema::{self, quoted};

/// What every connection needs to be made.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    pub(super) schema: String,
    pub(super) mode: Mode,
    pub(super) clock: Arc<dyn Clock>,
}

/// A connection that is made anew when it breaks.
#[derive(Debug)]
pub(super) struct Line {
    endpoint: Arc<Endpoint>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Arc<Session>>,
    failures: u32,
    /// Nothing is tried before, and what went wrong last is told instead.
    rest: Option<(Timestamp, StoreErrorKind, String)>,
}

struct Session {
    client: Client,
    statements: StdMutex<HashMap<String, Statement>>,
}

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Line {
    const SHORTEST_REST: SignedDuration = SignedDuration::from_millis(50);
    const LONGEST_REST: SignedDuration = SignedDuration::from_secs(2);

    pub(super) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, state: Mutex::default() }
    }

    /// With a connection that was made and checked already.
    pub(super) fn connected(endpoint: Arc<Endpoint>, client: Client) -> Self {
        let state = State { session: Some(Arc::new(Session::new(client))), ..State::default() };
        Self { endpoint, state: Mutex::new(state) }
    }

    pub(super) fn address(&self) -> &Address {
        &self.endpoint.address
    }

    /// Asks, and once more when the connection turns out to be broken: for what changes nothing.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        match self.call(sql, parameters).await {
            Err(error) if error.kind == StoreErrorKind::Unreachable => {
                self.call(sql, parameters).await
            }
            result => result,
        }
    }

    /// Asks once. After [`StoreErrorKind::Unreachable`] nobody knows whether it was done.
    pub(super) async fn call(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let session = self.session().await?;
        match session.query(sql, parameters).await {
            Ok(rows) => Ok(rows),
            Err(error) => {
                let error = explain(error, self.address()).doing("ask the database");
                // A server that only lets read may have a new primary beside it.
                if matches!(error.kind, StoreErrorKind::Unreachable | StoreErrorKind::ReadOnly) {
                    self.forget(&session).await;
                }
                Err(error)
            }
        }
    }

    async fn session(&self) -> Result<Arc<Session>, StoreError> {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && !session.client.is_closed()
        {
            return Ok(session.clone());
        }
        state.session = None;
        let now = self.endpoint.clock.now();
        if let Some((until, kind, what)) = &state.rest
            // A clock that was set back must not make the rest longer.
            && (*until - Self::LONGEST_REST..*until).contains(&now)
        {
            return Err(StoreError::new(*kind, what.clone()));
        }
        match self.endpoint.connect().await {
            Ok(client) => {
                let session = Arc::new(Session::new(client));
                *state = State { session: Some(session.clone()), ..State::default() };
                Ok(session)
            }
            Err(error) => {
                let rest = Self::SHORTEST_REST * (1 << state.failures.min(10));
                state.failures += 1;
                let until = self.endpoint.clock.now() + rest.min(Self::LONGEST_REST);
                state.rest = Some((until, error.kind, error.what.clone()));
                Err(error)
            }
        }
    }

    async fn forget(&self, broken: &Arc<Session>) {
        let mut state = self.state.lock().await;
        if state.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, broken)) {
            state.session = None;
        }
    }
}

impl Endpoint {
    /// A connection to a database that was found to be in order.
    async fn connect(&self) -> Result<Client, StoreError> {
        let client = self.connect_to_any().await?;
        schema::check(&client, &self.schema, &self.address).await?;
        Ok(client)
    }

    /// A connection to whatever is there, with the session as the store needs it.
    pub(super) async fn connect_to_any(&self) -> Result<Client, StoreError> {
        const SETTINGS: &str = "SELECT current_setting('server_version_num')::int,
            getdatabaseencoding(),
            pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
            current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on',
            CASE current_setting('synchronous_commit')
                WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END";
        let client = self.address.connect().await?;
        let failed = |error| explain(error, &self.address).doing("set up the connection");
        let mut setup = format!(
            "SET search_path = {}; SET default_transaction_isolation = 'read committed';
             SET statement_timeout = '60s'; SET jit = off; SET client_min_messages = warning;",
            quoted(&self.schema)
        );
        if self.mode == Mode::Reader {
            setup.push_str("SET default_transaction_read_only = on");
        }
        client.batch_execute(&setup).await.map_err(failed)?;
        let row = client.query_typed_one(SETTINGS, &[]).await.map_err(failed)?;
        let (version, encoding): (i32, String) = (row.get(0), row.get(1));
        let (reads_only, is_durable): (bool, bool) = (row.get(2), row.get(3));
        let refuse = |kind, why: String| {
            Err(StoreError::new(kind, format!("the database {} {why}", self.address)))
        };
        if version < 120_000 {
            let found = version / 10_000;
            let why = format!("is served by PostgreSQL {found}: highroad needs 12 or newer");
            return refuse(StoreErrorKind::Failed, why);
        }
        if encoding != "UTF8" {
            let why = format!("keeps its text in {encoding}: create it with `-E UTF8`");
            return refuse(StoreErrorKind::Failed, why);
        }
        if self.mode == Mode::Server && reads_only {
            let why = "can only be read: is the server a standby?".to_owned();
            return refuse(StoreErrorKind::ReadOnly, why);
        }
        if self.mode == Mode::Server && !is_durable {
            tracing::warn!(
                database = %self.address,
                "fsync or full_page_writes is off: a loss of power may lose or damage the journal"
            );
        }
        Ok(client)
    }
}

impl Session {
    fn new(client: Client) -> Self {
        Self { client, statements: StdMutex::default() }
    }

    async fn query(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let known = self.statements().get(sql).cloned();
        if let Some(statement) = known {
            return self.client.query(&statement, parameters).await;
        }
        let statement = self.client.prepare(sql).await?;
        self.statements().insert(sql.to_owned(), statement.clone());
        self.client.query(&statement, parameters).await
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.statements.lock().expect("nothing panics while it holds the statements")
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
