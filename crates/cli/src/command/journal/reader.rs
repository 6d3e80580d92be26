//! Reading a journal of any length in pages, in either direction.

use model::journal::{Entry, Head};
use ports::store::{Query, Store};

use crate::database::Database;
use crate::error::Error;

/// Facts that are held in memory at a time.
pub(super) const PAGE: usize = 1_000;

/// A store, and where it is, for what is said when it does not serve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    store: &'a dyn Store,
    database: &'a Database,
}

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a dyn Store, database: &'a Database) -> Self {
        Self { store, database }
    }

    pub(super) async fn head(&self) -> Result<Head, Error> {
        self.store.head().await.map_err(|failure| self.database.failure(&failure))
    }

    async fn entries(&self, query: Query) -> Result<Vec<Entry>, Error> {
        self.store.entries(query).await.map_err(|failure| self.database.failure(&failure))
    }
}

/// A way through the journal, page by page.
#[derive(Debug)]
pub(super) struct Walk {
    query: Query,
    /// Where the way back ends; the way forwards would begin there.
    end: Option<u64>,
    left: usize,
}

impl Walk {
    pub(super) fn forwards(query: Query) -> Self {
        Self { query: Query { newest_first: false, ..query }, end: None, left: usize::MAX }
    }

    /// From the newest fact back, for at most so many.
    pub(super) fn backwards(query: Query, most: usize) -> Self {
        let end = query.after;
        Self { query: Query { newest_first: true, after: None, ..query }, end, left: most }
    }

    /// The next page, never an empty one.
    pub(super) async fn next(&mut self, reader: &Reader<'_>) -> Result<Option<Vec<Entry>>, Error> {
        let limit = self.left.min(PAGE);
        if limit == 0 {
            return Ok(None);
        }
        let mut page = reader.entries(Query { limit, ..self.query.clone() }).await?;
        if let Some(end) = self.end {
            page.truncate(page.partition_point(|entry| entry.seq > end));
        }
        self.left = if page.len() < limit { 0 } else { self.left - limit };
        self.query.after = page.last().map(|entry| entry.seq);
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    /// Whether there is no further page.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use model::journal::{Record, Sealed};
    use ports::memory::MemoryStore;
    use ports::store::Commit;

    use super::*;
    use crate::wire;

    /// The sizes of the pages and the numbers at both ends, on a way through 2,500 facts.
    fn pages(walk: impl FnOnce(Query) -> Walk, after: Option<u64>) -> Vec<(usize, u64, u64)> {
        let store = MemoryStore::default();
        let database = Database::File("a.db".into());
        let sealed = |at| {
            let record = Record {
                at,
                schema: 1,
                kind: String::new(),
                actor: String::new(),
                cause: String::new(),
                subject: String::new(),
                scope: String::new(),
                body: String::new(),
            };
            Sealed { digest: record.digest(), record }
        };
        let facts = (1..=2_500).map(sealed).collect();
        let mut walk = walk(Query { after, ..Query::default() });
        let read = async {
            store.commit(Commit { facts, ..Commit::default() }).await.unwrap();
            let reader = Reader::new(&store, &database);
            assert_eq!(reader.head().await?.seq, 2_500);
            let mut pages = Vec::new();
            while let Some(page) = walk.next(&reader).await? {
                pages.push((page.len(), page[0].seq, page[page.len() - 1].seq));
            }
            Ok(pages)
        };
        wire::block_on(read).unwrap()
    }

    #[test]
    fn forwards() {
        assert_eq!(
            pages(Walk::forwards, None),
            [(1_000, 1, 1_000), (1_000, 1_001, 2_000), (500, 2_001, 2_500)]
        );
        assert_eq!(pages(Walk::forwards, Some(1_500)), [(1_000, 1_501, 2_500)]);
        assert_eq!(pages(Walk::forwards, Some(2_500)), []);
    }

    #[test]
    fn backwards() {
        let most = |most| move |query| Walk::backwards(query, most);
        assert_eq!(pages(most(0), None), []);
        assert_eq!(pages(most(10), None), [(10, 2_500, 2_491)]);
        assert_eq!(pages(most(1_001), None), [(1_000, 2_500, 1_501), (1, 1_500, 1_500)]);
        assert_eq!(
            pages(most(usize::MAX), Some(1_400)),
            [(1_000, 2_500, 1_501), (100, 1_500, 1_401)]
        );
        assert_eq!(pages(most(usize::MAX), Some(1_500)), [(1_000, 2_500, 1_501)]);
    }
}
