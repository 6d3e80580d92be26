//! `on`.

use model::source::Span;

use super::super::model::{
    Dispatch, Event, Filter, Filters, Input, InputKind, Kind, Output, Schedule, Secret,
    WorkflowCall,
};
use super::super::node::{At, Entry, Node, Value};
use super::super::problem::ProblemKind;
use super::{Builder, entries, fixed_boolean, items, text, word, words};
use crate::cron::Cron;

impl Builder<'_> {
    pub(super) fn events(&mut self, node: &Node) -> Vec<Event> {
        match &node.value {
            Value::Mapping(entries) => {
                entries.iter().filter_map(|entry| self.event(entry)).collect()
            }
            _ => words(node).into_iter().map(bare).collect(),
        }
    }

    fn event(&mut self, entry: &Entry) -> Option<Event> {
        let name = At { value: entry.key.literal()?.to_owned(), span: entry.key.span() };
        let kind = match name.value.as_str() {
            "schedule" => Kind::Schedule(self.schedules(&entry.value)),
            "workflow_dispatch" => Kind::Dispatch(self.dispatch(&entry.value)),
            "workflow_call" => Kind::Call(self.call_interface(&entry.value)),
            _ => Kind::Filtered(Box::new(filters(&entry.value))),
        };
        Some(Event { name, kind })
    }

    fn schedules(&mut self, node: &Node) -> Vec<Schedule> {
        let mut schedules = Vec::new();
        for (index, item) in items(node).iter().enumerate() {
            let mut schedule = Schedule { span: item.span, cron: None, timezone: None };
            for (key, value) in entries(item) {
                match key {
                    "cron" => schedule.cron = word(value),
                    "timezone" => schedule.timezone = word(value),
                    _ => {}
                }
            }
            if let Some(cron) = &schedule.cron
                && let Err(error) = Cron::parse(&cron.value)
            {
                let path = format!("on.schedule[{index}].cron");
                let raw = cron.value.as_str().into();
                self.tell(cron.span, path, ProblemKind::Cron { raw, error });
            }
            schedules.push(schedule);
        }
        schedules
    }

    fn dispatch(&mut self, node: &Node) -> Dispatch {
        let inputs = entries(node).filter(|(key, _)| *key == "inputs");
        let inputs = inputs.flat_map(|(_, inputs)| inputs.as_mapping().unwrap_or_default());
        let path = "on.workflow_dispatch.inputs";
        Dispatch { inputs: inputs.filter_map(|entry| self.input(entry, path, true)).collect() }
    }

    fn call_interface(&mut self, node: &Node) -> WorkflowCall {
        let mut call = WorkflowCall::default();
        for (key, value) in entries(node) {
            let entries = value.as_mapping().unwrap_or_default().iter();
            let path = "on.workflow_call.inputs";
            match key {
                "inputs" => {
                    call.inputs =
                        entries.filter_map(|entry| self.input(entry, path, false)).collect();
                }
                "secrets" => call.secrets = entries.filter_map(secret).collect(),
                "outputs" => call.outputs = entries.filter_map(output).collect(),
                _ => {}
            }
        }
        call
    }

    fn input(&mut self, entry: &Entry, path: &str, dispatch: bool) -> Option<Input> {
        let name = At { value: entry.key.literal()?.to_owned(), span: entry.key.span() };
        let path = format!("{path}.{}", name.value);
        let mut input = Input {
            name,
            kind: None,
            description: None,
            required: None,
            default: None,
            options: None,
        };
        for (key, value) in entries(&entry.value) {
            match key {
                "type" => input.kind = input_kind(value),
                "description" => input.description = word(value),
                "required" => input.required = fixed_boolean(value),
                "default" => input.default = Some(value.clone()),
                "options" => {
                    let options = items(value).iter().filter_map(word).collect();
                    input.options = Some(At { value: options, span: value.span });
                }
                _ => {}
            }
        }
        let is_choice = input.kind() == InputKind::Choice;
        let place = entry.value.span;
        match &input.options {
            None if is_choice => self.warn(place, &path, ProblemKind::NoOptions),
            Some(options) if is_choice && options.value.is_empty() => {
                self.warn(place, &path, ProblemKind::NoOptions);
            }
            Some(_) if !is_choice && dispatch => {
                self.warn(place, &path, ProblemKind::OptionsWithoutChoice);
            }
            _ => {}
        }
        if let Some(default) = &input.default
            && !fits(default, &input)
        {
            let kind = ProblemKind::Default { kind: input.kind() };
            self.warn(default.span, format!("{path}.default"), kind);
        }
        Some(input)
    }
}

/// Whether a value may be given for an input, or may turn out to be one that may.
fn fits(value: &Node, input: &Input) -> bool {
    let text = match &value.value {
        Value::Text(text) => match text.literal() {
            Some(text) => Some(text),
            None => return true,
        },
        _ => None,
    };
    match input.kind() {
        InputKind::Boolean => matches!(value.value, Value::Bool(_)),
        InputKind::Number => matches!(value.value, Value::Number(_)),
        InputKind::Choice => match (&input.options, text) {
            (Some(options), Some(text)) => {
                options.value.is_empty() || options.value.iter().any(|option| option.value == text)
            }
            _ => true,
        },
        InputKind::String | InputKind::Environment => true,
    }
}

/// An event of which only the name is written.
fn bare(name: At<String>) -> Event {
    let kind = match name.value.as_str() {
        "schedule" => Kind::Schedule(Vec::new()),
        "workflow_dispatch" => Kind::Dispatch(Dispatch::default()),
        "workflow_call" => Kind::Call(WorkflowCall::default()),
        _ => Kind::Filtered(Box::default()),
    };
    Event { name, kind }
}

fn filters(node: &Node) -> Filters {
    let mut filters = Filters::default();
    for entry in node.as_mapping().unwrap_or_default() {
        let filter = Some(filter(entry.key.span(), &entry.value));
        match entry.key.literal() {
            Some("types") => filters.types = filter,
            Some("branches") => filters.branches = filter,
            Some("branches-ignore") => filters.branches_ignore = filter,
            Some("tags") => filters.tags = filter,
            Some("tags-ignore") => filters.tags_ignore = filter,
            Some("paths") => filters.paths = filter,
            Some("paths-ignore") => filters.paths_ignore = filter,
            Some("workflows") => filters.workflows = filter,
            Some("names") => filters.names = filter,
            Some("versions") => filters.versions = filter,
            _ => {}
        }
    }
    filters
}

fn filter(span: Span, node: &Node) -> Filter {
    Filter { span, patterns: words(node) }
}

fn input_kind(node: &Node) -> Option<At<InputKind>> {
    let word = word(node)?;
    let value = match word.value.as_str() {
        "string" => InputKind::String,
        "boolean" => InputKind::Boolean,
        "number" => InputKind::Number,
        "choice" => InputKind::Choice,
        "environment" => InputKind::Environment,
        _ => return None,
    };
    Some(At { value, span: word.span })
}

fn secret(entry: &Entry) -> Option<Secret> {
    let name = At { value: entry.key.literal()?.to_owned(), span: entry.key.span() };
    let mut secret = Secret { name, description: None, required: None };
    for (key, value) in entries(&entry.value) {
        match key {
            "description" => secret.description = word(value),
            "required" => secret.required = fixed_boolean(value),
            _ => {}
        }
    }
    Some(secret)
}

fn output(entry: &Entry) -> Option<Output> {
    let name = At { value: entry.key.literal()?.to_owned(), span: entry.key.span() };
    let mut output = Output { name, description: None, value: None };
    for (key, value) in entries(&entry.value) {
        match key {
            "description" => output.description = word(value),
            "value" => output.value = text(value),
            _ => {}
        }
    }
    Some(output)
}
