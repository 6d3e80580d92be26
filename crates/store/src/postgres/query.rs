//! Queries of the journal as SQL.

use model::name::Scope;
use ports::store::Query;
use tokio_postgres::types::ToSql;

use super::rows::small;

/// A query's text and its parameters. The texts are few, so that each can be prepared.
pub(super) fn entries(query: &Query) -> (String, Vec<Box<dyn ToSql + Sync + Send>>) {
    let mut filter = Filter::default();
    if let Some(subject) = query.subject {
        filter.add("subject = $", subject.to_string());
    }
    match &query.scope {
        None | Some(Scope::Everything) => {}
        Some(Scope::Place(place)) => filter.add("scope = $", place.to_string()),
        Some(Scope::Service(service)) => {
            // `0` follows `/`, as `/` follows `.`: a prefix is a range, which an index can serve.
            filter.add(
                "(scope = $ OR (scope >= $ || '/' AND scope < $ || '0'))",
                service.to_string(),
            );
        }
    }
    if let Some(kind) = &query.kind {
        filter.add("(kind = $ OR (kind >= $ || '.' AND kind < $ || '/'))", kind.clone());
    }
    if let Some(actor) = &query.actor {
        filter.add("actor = $", actor.to_string());
    }
    if let Some(since) = query.since {
        filter.add("at >= $", since.as_microsecond());
    }
    if let Some(until) = query.until {
        filter.add("at < $", until.as_microsecond());
    }
    if let Some(after) = query.after {
        filter.add(if query.newest_first { "seq < $" } else { "seq > $" }, small(after));
    }
    let Filter { text, mut parameters } = filter;
    parameters.push(Box::new(i64::try_from(query.limit).unwrap_or(i64::MAX)));
    let order = if query.newest_first { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT seq, at, schema, kind, actor, cause, subject, scope, body, link
         FROM facts {text} ORDER BY seq {order} LIMIT ${}",
        parameters.len()
    );
    (sql, parameters)
}

#[derive(Default)]
struct Filter {
    text: String,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Filter {
    /// A condition, in which `$` stands for the parameter.
    fn add(&mut self, condition: &str, parameter: impl ToSql + Sync + Send + 'static) {
        self.text.push_str(if self.text.is_empty() { "WHERE " } else { " AND " });
        self.parameters.push(Box::new(parameter));
        self.text.push_str(&condition.replace('$', &format!("${}", self.parameters.len())));
    }
}
