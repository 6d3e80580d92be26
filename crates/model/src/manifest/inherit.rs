//! Inheritance: before anything is decoded, what services share is laid under each of them.
//!
//! Done on nodes, so that every value keeps the place where it is written and one decoder reads
//! the result.

use std::collections::BTreeMap;

use crate::shape::Decode;
use crate::source::Finding;
use crate::yaml::{Entry, Limits, Mapping, Node, Style, Value};

/// The keys that are laid under each service.
const SHARED: [&str; 4] = ["owner", "environments", "policy", "notify"];

/// Beyond this a file was made by a program, and should be several.
const MOST_SERVICES: usize = 500;

/// The file with every service complete; one with a single service is so already.
pub(super) fn completed(root: &Node, cx: &mut Decode) -> Option<Node> {
    let mapping = root.as_mapping()?;
    let shared: Vec<Entry> = mapping
        .entries
        .iter()
        .filter(|entry| SHARED.contains(&entry.key.text.as_str()))
        .cloned()
        .collect();
    let shared = Node::new(Value::Mapping(Mapping { entries: shared }), root.span, Style::Block);
    let several = mapping.entry("services").map(|entry| (entry, entry.value.as_mapping()));
    let Some((services, Some(many))) = several else { return Some(root.clone()) };
    if many.entries.len() > MOST_SERVICES {
        let message =
            format!("the file has {} services, {MOST_SERVICES} are allowed", many.entries.len());
        cx.report(Finding::error("too-many-services", message, services.key.span));
        return None;
    }
    // Each service gets a copy: a few large ones must not become a great many.
    let most = Limits::default().nodes;
    if shared.count().saturating_mul(many.entries.len()) > most {
        let message = format!("the services and what they share come to more than {most} values");
        cx.report(
            Finding::error("too-many-values", message, services.key.span)
                .label("too many services for so much"),
        );
        return None;
    }
    let completed = many.entries.iter().map(|service| Entry {
        key: service.key.clone(),
        value: laid_over(&service.value, &shared, ""),
    });
    let services_node = Node::new(
        Value::Mapping(Mapping { entries: completed.collect() }),
        services.value.span,
        services.value.style,
    );
    let entries = mapping.entries.iter().map(|entry| match entry.key.text.as_str() {
        "services" => Entry { key: entry.key.clone(), value: services_node.clone() },
        _ => entry.clone(),
    });
    Some(Node::new(Value::Mapping(Mapping { entries: entries.collect() }), root.span, root.style))
}

/// A service's own values over the shared ones, in the shared order.
fn laid_over(own: &Node, base: &Node, within: &str) -> Node {
    let nothing = Mapping::default();
    let own_mapping = match &own.value {
        Value::Mapping(mapping) => mapping,
        Value::Null => &nothing,
        _ => return own.clone(),
    };
    let Some(base_mapping) = base.as_mapping() else { return own.clone() };
    let mut own_entries: BTreeMap<&str, &Entry> =
        own_mapping.entries.iter().map(|entry| (entry.key.text.as_str(), entry)).collect();
    let mut entries = Vec::with_capacity(base_mapping.entries.len());
    for below in &base_mapping.entries {
        let key = below.key.text.as_str();
        entries.push(match own_entries.remove(key) {
            None => below.clone(),
            Some(over) if merges(within, key) => {
                Entry { key: over.key.clone(), value: laid_over(&over.value, &below.value, key) }
            }
            Some(over) => over.clone(),
        });
    }
    let left = |entry: &&Entry| own_entries.contains_key(entry.key.text.as_str());
    entries.extend(own_mapping.entries.iter().filter(left).cloned());
    Node::new(Value::Mapping(Mapping { entries }), own.span, own.style)
}

/// Whether two mappings become one. A strategy or an approval is said whole or not at all.
fn merges(within: &str, key: &str) -> bool {
    matches!(
        (within, key),
        ("", "environments" | "policy") | ("environments" | "policy", _) | (_, "config")
    )
}
