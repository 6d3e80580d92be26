//! Finding facts: which index leads the way, and how the ways are brought together.

use model::fact::Actor;
use model::journal::Entry;
use model::name::Scope;
use ports::store::Query;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::rows::{self, ENTRY};
use super::trouble::Trouble;

/// Facts by filter, in the order asked for.
///
/// SQLite keeps no statistics here, so nothing is left to its guesses: one index is chosen, by how
/// few facts its values tend to have. All facts of one value come out of it in the order of the
/// journal and stop at the limit; where a filter stands for several values, their streams merge.
pub(super) fn entries(connection: &Connection, query: &Query) -> Result<Vec<Entry>, Trouble> {
    if query.limit == 0 {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for way in ways(connection, query)? {
        let mut select = connection.prepare_cached(&way.sql)?;
        for entry in select.query_map(params_from_iter(way.values), rows::entry)? {
            found.push(entry?);
        }
    }
    found.sort_by_key(|entry| entry.seq);
    if query.newest_first {
        found.reverse();
    }
    found.truncate(query.limit);
    Ok(found)
}

/// A select that finds facts in the order asked for.
struct Way {
    sql: String,
    values: Vec<Value>,
}

fn ways(connection: &Connection, query: &Query) -> Result<Vec<Way>, Trouble> {
    let of_one = |index, column, value: String| vec![Way::along(index, column, value, query)];
    if let Some(subject) = query.subject {
        return Ok(of_one("facts_subject", "subject", subject.to_string()));
    }
    if let Some(actor) = query.actor.as_ref().filter(|actor| **actor != Actor::conductor()) {
        return Ok(of_one("facts_actor", "actor", actor.to_string()));
    }
    if let Some(Scope::Place(place)) = &query.scope {
        return Ok(of_one("facts_scope", "scope", place.to_string()));
    }
    if let Some(kind) = &query.kind {
        let kinds = values_under(connection, "facts_kind", "kind", kind, '.')?;
        let along = |kind| Way::along("facts_kind", "kind", kind, query);
        return Ok(kinds.into_iter().map(along).collect());
    }
    if let Some(Scope::Service(service)) = &query.scope {
        let scopes = values_under(connection, "facts_scope", "scope", service.as_str(), '/')?;
        let along = |scope| Way::along("facts_scope", "scope", scope, query);
        return Ok(scopes.into_iter().map(along).collect());
    }
    Ok(vec![if query.since.is_some() || query.until.is_some() {
        Way::by_time(query)
    } else {
        Way::by_number(query)
    }])
}

impl Way {
    /// Through all facts of one value.
    fn along(index: &str, column: &str, value: String, query: &Query) -> Self {
        let mut filter = Filter::default();
        filter.and(column, "=", value);
        if index == "facts_actor" {
            filter.terms.push("actor <> 'system:conductor'".to_owned());
        }
        filter.all(query);
        let Filter { values, .. } = filter;
        let terms = filter.terms.join(" AND ");
        let order = order(query);
        let sql = format!("SELECT {ENTRY} FROM facts INDEXED BY {index} WHERE {terms} {order}");
        Self { sql, values }
    }

    /// Through the whole journal.
    fn by_number(query: &Query) -> Self {
        let mut filter = Filter::default();
        filter.all(query);
        let mut sql = format!("SELECT {ENTRY} FROM facts NOT INDEXED ");
        if !filter.terms.is_empty() {
            sql.push_str("WHERE ");
            sql.push_str(&filter.terms.join(" AND "));
        }
        sql.push(' ');
        sql.push_str(&order(query));
        Self { sql, values: filter.values }
    }

    /// Through a stretch of time. Clocks differ, so numbers are put in order before facts are read.
    fn by_time(query: &Query) -> Self {
        let mut filter = Filter::default();
        filter.all(query);
        let terms = filter.terms.join(" AND ");
        let order = order(query);
        let direction = direction(query);
        let sql = format!(
            "SELECT {ENTRY} FROM facts WHERE seq IN
             (SELECT seq FROM facts INDEXED BY facts_at WHERE {terms} {order})
             ORDER BY seq {direction}"
        );
        Self { sql, values: filter.values }
    }
}

/// Terms that must all be true, and their values.
#[derive(Default)]
struct Filter {
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Filter {
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
}

/// Every value that there is of a text and what goes on behind the border, found by leaps through
/// the index.
fn values_under(
    connection: &Connection,
    index: &str,
    column: &str,
    text: &str,
    border: char,
) -> Result<Vec<String>, Trouble> {
    let (from, to) = range(text, border);
    let mut values = vec![text.to_owned()];
    let leap = |compares, from: &str| {
        let sql = format!(
            "SELECT {column} FROM facts INDEXED BY {index}
             WHERE {column} {compares} ?1 AND {column} < ?2 ORDER BY {column} LIMIT 1"
        );
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query([from, &to])?;
        let value = rows.next()?.map(|row| row.get::<_, String>(0)).transpose()?;
        Ok::<_, Trouble>(value)
    };
    let mut next = leap(">=", &from)?;
    while let Some(value) = next {
        next = leap(">", &value)?;
        values.push(value);
    }
    Ok(values)
}

fn range(text: &str, border: char) -> (String, String) {
    let behind = char::from_u32(u32::from(border) + 1).expect("a border is plain ASCII");
    (format!("{text}{border}"), format!("{text}{behind}"))
}

fn order(query: &Query) -> String {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    format!("ORDER BY seq {} LIMIT {limit}", direction(query))
}

fn direction(query: &Query) -> &'static str {
    if query.newest_first { "DESC" } else { "ASC" }
}
