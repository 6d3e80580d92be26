//! The catalogue, where facts are found by the words in them. It follows the journal in strides:
//! what a commit tells is entered later, together with much else.

use ports::store::Query;
use rusqlite::{Connection, OptionalExtension};

use super::rows::signed;
use super::trouble::Trouble;

/// How far the catalogue has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Catalogue {
    /// The last fact that was entered.
    end: i64,
}

/// Facts behind one and up to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) after: i64,
    pub(super) last: i64,
}

impl Catalogue {
    /// So many facts at least are entered at once. About as many may be waiting for it: whoever
    /// looks for facts looks through those one by one.
    const STRIDE: i64 = 1_000;

    pub(super) fn load(connection: &Connection) -> Result<Self, Trouble> {
        let mut select = connection.prepare_cached("SELECT max(last) FROM strides")?;
        let end = select.query_row([], |row| row.get::<_, Option<i64>>(0))?;
        Ok(Self { end: end.unwrap_or(0) })
    }

    /// Enters what the journal has up to a fact, once it is worth it.
    pub(super) fn follow(&mut self, connection: &Connection, seq: u64) -> Result<(), Trouble> {
        let last = signed(seq);
        if last - self.end < Self::STRIDE {
            return Ok(());
        }
        // In the catalogue's own order, so that each of its pages is changed once. Nobody asks for
        // everything, or for what the conductor alone has told.
        connection
            .prepare_cached(
                "WITH new AS (SELECT * FROM facts WHERE seq > ?1)
                 INSERT OR IGNORE INTO catalogue (word, seq)
                 SELECT subject, seq FROM new
                 UNION ALL SELECT scope, seq FROM new WHERE scope <> ''
                 UNION ALL SELECT kind, seq FROM new
                 UNION ALL SELECT actor, seq FROM new WHERE actor <> 'system:conductor'
                 ORDER BY 1, 2",
            )?
            .execute([self.end])?;
        connection
            .prepare_cached(
                "INSERT INTO strides (last, first, earliest, latest)
                 SELECT ?2, ?1 + 1, min(at), max(at) FROM facts WHERE seq > ?1",
            )?
            .execute([self.end, last])?;
        self.end = last;
        Ok(())
    }

    /// What was entered, without the ends in which nothing has a time that is asked for. Clocks
    /// are set back now and then, so every stride says for itself.
    pub(super) fn entered(
        self,
        connection: &Connection,
        query: &Query,
    ) -> Result<Stretch, Trouble> {
        // No fact has a place before the first; somebody with an editor may have put one there.
        let mut stretch = Stretch { after: i64::MIN, last: self.end };
        if let Some(since) = query.since {
            let first = connection
                .prepare_cached(
                    "SELECT first FROM strides WHERE latest >= ?1 ORDER BY last LIMIT 1",
                )?
                .query_row([since.as_microsecond()], |row| row.get::<_, i64>(0))
                .optional()?;
            stretch.after = first.map_or(self.end, |first| first - 1);
        }
        if let Some(until) = query.until {
            let last = connection
                .prepare_cached(
                    "SELECT last FROM strides WHERE earliest < ?1 ORDER BY last DESC LIMIT 1",
                )?
                .query_row([until.as_microsecond()], |row| row.get(0))
                .optional()?;
            stretch.last = last.unwrap_or(0);
        }
        Ok(stretch)
    }

    /// What is still to be entered.
    pub(super) fn behind(self) -> Stretch {
        Stretch { after: self.end, last: i64::MAX }
    }
}
