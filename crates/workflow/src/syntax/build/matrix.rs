//! `strategy`, as far as it is written out.

use std::collections::BTreeSet;

use super::super::model::Strategy;
use super::super::node::{Entry, Given, Node};
use super::super::problem::{ProblemKind, near};
use super::{Builder, boolean, entries, given, items, number};

impl Builder<'_> {
    pub(super) fn strategy(&mut self, node: &Node, path: &str) -> Option<Given<Strategy>> {
        let strategy = given(node, |node| {
            node.as_mapping()?;
            let mut strategy =
                Strategy { span: node.span, matrix: None, fail_fast: None, max_parallel: None };
            for (key, value) in entries(node) {
                match key {
                    "matrix" => strategy.matrix = Some(value.clone()),
                    "fail-fast" => strategy.fail_fast = boolean(value),
                    "max-parallel" => strategy.max_parallel = number(value),
                    _ => {}
                }
            }
            Some(strategy)
        });
        if let Some(Given::Fixed(strategy)) = &strategy
            && let Some(matrix) = &strategy.matrix
            && let Some(entries) = matrix.as_mapping()
        {
            self.matrix(matrix, entries, node.is_computed(), path);
        }
        strategy
    }

    fn matrix(&mut self, matrix: &Node, entries: &[Entry], computed: bool, path: &str) {
        let mut axes = BTreeSet::new();
        let mut has_axis = false;
        let (mut include, mut exclude) = (None, None);
        for entry in entries {
            match entry.key.literal() {
                Some("include") => include = Some(&entry.value),
                Some("exclude") => exclude = Some(&entry.value),
                Some(name) if entry.value.as_list().is_some_and(<[Node]>::is_empty) => {
                    has_axis = true;
                    let path = format_args!("{path}.matrix.{name}");
                    let kind = ProblemKind::EmptyAxis { axis: name.to_owned() };
                    self.tell(entry.value.span, path, kind);
                }
                Some(name) => {
                    has_axis = true;
                    axes.insert(name.to_ascii_lowercase());
                }
                None => has_axis = true,
            }
        }
        let has_include =
            include.is_some_and(|include| include.is_computed() || !items(include).is_empty());
        if !has_axis && !has_include {
            self.tell(matrix.span, format_args!("{path}.matrix"), ProblemKind::NoAxis);
        }
        if computed {
            return;
        }
        for (index, cell) in include.into_iter().flat_map(items).enumerate() {
            if cell.as_mapping().is_some_and(<[Entry]>::is_empty) {
                let path = format_args!("{path}.matrix.include[{index}]");
                self.tell(cell.span, path, ProblemKind::EmptyInclude);
            }
        }
        for (index, cell) in exclude.into_iter().flat_map(items).enumerate() {
            let path = format!("{path}.matrix.exclude[{index}]");
            let Some(entries) = cell.as_mapping() else { continue };
            if entries.is_empty() {
                self.tell(cell.span, path, ProblemKind::EmptyExclude);
                continue;
            }
            for entry in entries {
                let key = entry.key.literal().unwrap_or_default();
                if !axes.contains(&key.to_ascii_lowercase()) {
                    let near = near(key, axes.iter().map(String::as_str));
                    let kind = ProblemKind::UnknownExclude { key: key.to_owned(), near };
                    self.tell(entry.key.span(), &path, kind);
                }
            }
        }
    }
}
