//! Finding facts: by a word in the catalogue, and behind its end one by one.

use model::fact::Actor;
use model::journal::Entry;
use model::name::Scope;
use ports::store::Query;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::catalogue::{Catalogue, Stretch};
use super::rows::{self, ENTRY};
use super::trouble::Trouble;

/// Facts by filter, in the order asked for.
///
/// SQLite keeps no statistics here, so nothing is left to its guesses: one filter leads the way, by
/// how few facts its words tend to have. All facts of one word come out of the catalogue in the
/// order of the journal and stop at the limit; where a filter stands for several words, their
/// streams merge.
pub(super) fn entries(connection: &Connection, query: &Query) -> Result<Vec<Entry>, Trouble> {
    let catalogue = Catalogue::load(connection)?;
    let stretch = catalogue.entered(connection, query)?;
    let entered = match words(connection, query)? {
        Some(words) => words.into_iter().map(|word| Way::by(word, stretch, query)).collect(),
        None => vec![Way::through(stretch, query)],
    };
    let behind = vec![Way::through(catalogue.behind(), query)];
    let parts = if query.newest_first { [behind, entered] } else { [entered, behind] };
    let mut found = Vec::new();
    for ways in parts {
        if found.len() < query.limit {
            found.append(&mut merged(connection, ways, query)?);
        }
    }
    found.truncate(query.limit);
    Ok(found)
}

fn merged(connection: &Connection, ways: Vec<Way>, query: &Query) -> Result<Vec<Entry>, Trouble> {
    let mut found = Vec::new();
    for way in ways {
        let mut select = connection.prepare_cached(&way.sql)?;
        for entry in select.query_map(params_from_iter(way.values), rows::entry)? {
            found.push(entry?);
        }
    }
    found.sort_by_key(|entry| entry.seq);
    if query.newest_first {
        found.reverse();
    }
    Ok(found)
}

/// Words of which every fact that is asked for has one, if there are such words.
fn words(connection: &Connection, query: &Query) -> Result<Option<Vec<String>>, Trouble> {
    if let Some(subject) = query.subject {
        return Ok(Some(vec![subject.to_string()]));
    }
    if let Some(actor) = query.actor.as_ref().filter(|actor| **actor != Actor::conductor()) {
        return Ok(Some(vec![actor.to_string()]));
    }
    if let Some(Scope::Place(place)) = &query.scope {
        return Ok(Some(vec![place.to_string()]));
    }
    if let Some(kind) = &query.kind {
        return words_under(connection, kind, '.').map(Some);
    }
    if let Some(Scope::Service(service)) = &query.scope {
        return words_under(connection, service.as_str(), '/').map(Some);
    }
    Ok(None)
}

/// A select that finds facts in the order asked for.
struct Way {
    sql: String,
    values: Vec<Value>,
}

impl Way {
    /// To all facts with one word.
    fn by(word: String, stretch: Stretch, query: &Query) -> Self {
        let mut filter = Filter::new(stretch, query);
        filter.and("word", "=", word);
        // The order of a CROSS JOIN is never changed.
        filter.select("catalogue CROSS JOIN facts USING (seq)", query)
    }

    /// Through everything.
    fn through(stretch: Stretch, query: &Query) -> Self {
        Filter::new(stretch, query).select("facts", query)
    }
}

/// Terms that must all be true, and their values.
#[derive(Default)]
struct Filter {
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Filter {
    fn new(stretch: Stretch, query: &Query) -> Self {
        let mut filter = Self::default();
        filter.and("seq", ">", stretch.after);
        filter.and("seq", "<=", stretch.last);
        filter.all(query);
        filter
    }

    fn and(&mut self, column: &str, compares: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.terms.push(format!("{column} {compares} ?{}", self.values.len()));
    }

    fn all(&mut self, query: &Query) {
        if let Some(subject) = query.subject {
            self.and("subject", "=", subject.to_string());
        }
        if let Some(actor) = &query.actor {
            self.and("actor", "=", actor.to_string());
        }
        match &query.scope {
            None | Some(Scope::Everything) => {}
            Some(Scope::Place(place)) => self.and("scope", "=", place.to_string()),
            Some(Scope::Service(service)) => self.under("scope", service.as_str(), '/'),
        }
        if let Some(kind) = &query.kind {
            self.under("kind", kind, '.');
        }
        if let Some(since) = query.since {
            self.and("at", ">=", since.as_microsecond());
        }
        if let Some(until) = query.until {
            self.and("at", "<", until.as_microsecond());
        }
        if let Some(after) = query.after {
            let compares = if query.newest_first { "<" } else { ">" };
            self.and("seq", compares, rows::signed(after));
        }
    }

    /// The text itself, and all that go on behind the border.
    fn under(&mut self, column: &str, text: &str, border: char) {
        let (from, to) = range(text, border);
        self.values.extend([text.to_owned().into(), from.into(), to.into()]);
        let last = self.values.len();
        self.terms.push(format!(
            "({column} = ?{} OR ({column} >= ?{} AND {column} < ?{last}))",
            last - 2,
            last - 1
        ));
    }

    fn select(self, tables: &str, query: &Query) -> Way {
        let terms = self.terms.join(" AND ");
        let direction = if query.newest_first { "DESC" } else { "ASC" };
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT {ENTRY} FROM {tables} WHERE {terms} ORDER BY seq {direction} LIMIT {limit}"
        );
        Way { sql, values: self.values }
    }
}

/// A text and every word that goes on behind the border, found by leaps through the catalogue.
fn words_under(connection: &Connection, text: &str, border: char) -> Result<Vec<String>, Trouble> {
    let (from, to) = range(text, border);
    let mut words = vec![text.to_owned()];
    let leap = |compares, from: &str| {
        let sql = format!(
            "SELECT word FROM catalogue WHERE word {compares} ?1 AND word < ?2 ORDER BY word LIMIT 1"
        );
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query([from, &to])?;
        let word = rows.next()?.map(|row| row.get::<_, String>(0)).transpose()?;
        Ok::<_, Trouble>(word)
    };
    let mut next = leap(">=", &from)?;
    while let Some(word) = next {
        next = leap(">", &word)?;
        words.push(word);
    }
    Ok(words)
}

fn range(text: &str, border: char) -> (String, String) {
    let behind = char::from_u32(u32::from(border) + 1).expect("a border is plain ASCII");
    (format!("{text}{border}"), format!("{text}{behind}"))
}
