//! Whether what happened starts a workflow, and if not, why not.

mod activity;
mod happening;
mod inputs;
mod skip;
mod why;

use crate::glob;
use crate::syntax::model::{Event, Filter, Filters, Kind, Workflow};

pub use activity::{default_types, is_event, known_types};
pub use happening::{Changes, Happening, Target};
pub use inputs::{InputError, called, dispatched};
pub use why::WhyNot;

/// Whether what happened starts the workflow.
pub fn starts(workflow: &Workflow, happening: &Happening) -> Result<(), WhyNot> {
    let Some(event) = workflow.event(&happening.event) else {
        let listens = workflow.on.iter().map(|event| event.name.value.clone()).collect();
        return Err(WhyNot::OtherEvent { event: happening.event.clone(), listens });
    };
    match &event.kind {
        Kind::Call(_) => Err(WhyNot::Called),
        Kind::Dispatch(_) => Ok(()),
        Kind::Schedule(schedules) => {
            let crons = schedules.iter().filter_map(|schedule| schedule.cron.as_ref());
            match &happening.schedule {
                Some(due) if crons.clone().any(|cron| cron.value == *due) => Ok(()),
                due => Err(WhyNot::OtherSchedule {
                    due: due.clone().unwrap_or_default(),
                    known: crons.map(|cron| cron.value.clone()).collect(),
                }),
            }
        }
        Kind::Filtered(filters) => passes(event, filters, happening),
    }
}

fn passes(event: &Event, filters: &Filters, happening: &Happening) -> Result<(), WhyNot> {
    if happening.deleted && event.name.value == "push" {
        return Err(WhyNot::Deleted(happening.target.clone()));
    }
    of_type(event, filters, happening)?;
    let listed = [
        ("workflows", &filters.workflows, &happening.workflow, "workflow"),
        ("names", &filters.names, &happening.image, "image"),
        ("versions", &filters.versions, &happening.version, "version"),
    ];
    for (key, filter, name, what) in listed {
        if let (Some(filter), Some(name)) = (filter, name)
            && !matches(key, filter, name)?
        {
            return Err(WhyNot::unmatched(what, name, key, filter));
        }
    }
    of_target(filters, happening)?;
    of_paths(filters, happening)?;
    match happening.message.as_deref().and_then(skip::asked) {
        Some(words) if skip::heeds(&event.name.value) => Err(WhyNot::Skipped(words)),
        _ => Ok(()),
    }
}

fn of_type(event: &Event, filters: &Filters, happening: &Happening) -> Result<(), WhyNot> {
    let Some(action) = &happening.action else { return Ok(()) };
    let name = event.name.value.as_str();
    let wrong = |types: Vec<String>, by_default| WhyNot::OtherType {
        event: name.to_owned(),
        action: action.clone(),
        types,
        by_default,
    };
    if let Some(types) = &filters.types {
        let types = types.patterns.iter().map(|name| name.value.clone());
        // Senders of `repository_dispatch` make up their own types, and patterns are allowed.
        let listed = types.clone().any(|wanted| match glob::Pattern::parse(&wanted) {
            Ok(pattern) if name == "repository_dispatch" => pattern.finds(action),
            _ => wanted == *action,
        });
        return if listed { Ok(()) } else { Err(wrong(types.collect(), false)) };
    }
    match default_types(name) {
        Some(types) if !types.contains(&action.as_str()) => {
            Err(wrong(types.iter().map(|name| (*name).to_owned()).collect(), true))
        }
        _ => Ok(()),
    }
}

fn of_target(filters: &Filters, happening: &Happening) -> Result<(), WhyNot> {
    let branches = [
        ("branches", &filters.branches, true),
        ("branches-ignore", &filters.branches_ignore, false),
    ];
    let tags = [("tags", &filters.tags, true), ("tags-ignore", &filters.tags_ignore, false)];
    let Some(target) = &happening.target else { return Ok(()) };
    let (own, other) = match target {
        Target::Branch(_) => (branches, tags),
        Target::Tag(_) => (tags, branches),
    };
    let mut narrowed = false;
    for (key, filter, wanted) in own {
        let Some(filter) = filter else { continue };
        narrowed = true;
        if matches(key, filter, target.name())? != wanted {
            return Err(WhyNot::of_filter(target.kind(), target.name(), key, filter, wanted));
        }
    }
    // Who asks for branches does not ask for tags, and the other way round.
    match other.iter().find(|(_, filter, _)| filter.is_some()) {
        Some((key, ..)) if !narrowed => {
            Err(WhyNot::OtherKind { target: target.clone(), only: (*key).to_owned() })
        }
        _ => Ok(()),
    }
}

fn of_paths(filters: &Filters, happening: &Happening) -> Result<(), WhyNot> {
    if matches!(happening.target, Some(Target::Tag(_))) {
        return Ok(());
    }
    let Changes::Files(changed) = &happening.changes else { return Ok(()) };
    let lists = [("paths", &filters.paths, true), ("paths-ignore", &filters.paths_ignore, false)];
    for (key, filter, wanted) in lists {
        let Some(filter) = filter else { continue };
        if changed.is_empty() {
            return Err(WhyNot::NothingChanged(key.to_owned()));
        }
        let patterns = read(key, filter)?;
        if !changed.iter().any(|path| patterns.matches(path) == wanted) {
            return Err(WhyNot::of_paths(changed, key, filter, wanted));
        }
    }
    Ok(())
}

fn matches(key: &str, filter: &Filter, name: &str) -> Result<bool, WhyNot> {
    Ok(read(key, filter)?.matches(name))
}

fn read(key: &str, filter: &Filter) -> Result<glob::Filter, WhyNot> {
    let texts: Vec<&str> = filter.patterns.iter().map(|at| at.value.as_str()).collect();
    glob::Filter::parse(&texts).map_err(|(at, error)| WhyNot::Broken {
        key: key.to_owned(),
        pattern: texts[at].to_owned(),
        error,
    })
}
