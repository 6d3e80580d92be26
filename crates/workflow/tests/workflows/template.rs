//! A workflow in the form in which GitHub hands it on.

use serde_json::{Map, Value as Json, json};
use workflow::syntax::model::{
    Access, Call, Id, Job, Kind, Permissions, Scope, Secrets, Step, StepWork, WaitFor, Work,
    Workflow,
};
use workflow::syntax::{At, Entry, Node, Reading, Text, Value};

use super::case::{Form, Parser};
use super::message::{NEW_SCOPES, nothing, start};

pub(crate) fn template(reading: &Reading, workflow: &Workflow, form: Form) -> Json {
    let writer = Writer { reading, workflow, form };
    let mut out = Object::default();
    if form.parser == Parser::EditorsOnly {
        out.put("events", workflow.tree.get("on").map(events));
    }
    if form.parser == Parser::Server {
        out.put("input-types", input_types(workflow));
    }
    out.put("env", writer.key(&workflow.tree, "env"));
    let granted = workflow.permissions.as_ref().map(|granted| &granted.value);
    out.put("permissions", granted.map(permissions));
    out.put("defaults", writer.key(&workflow.tree, "defaults"));
    out.put("concurrency", writer.key(&workflow.tree, "concurrency"));
    out.put("jobs", Some(writer.jobs(granted)));
    if form.with_source {
        let mut names: Vec<&str> = reading.sources.iter().map(|source| source.name()).collect();
        if form.rerun {
            names.sort_unstable();
        }
        out.put("file-table", Some(json!(names)));
    }
    out.0.into()
}

/// An object that leaves out what is not there.
#[derive(Default)]
struct Object(Map<String, Json>);

impl Object {
    fn put(&mut self, key: &str, value: Option<Json>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value);
        }
    }
}

/// Writes what is in one file.
struct Writer<'a> {
    reading: &'a Reading,
    workflow: &'a Workflow,
    form: Form,
}

impl Writer<'_> {
    fn jobs(&self, granted: Option<&Permissions>) -> Json {
        let nodes = self.workflow.tree.get("jobs").and_then(Node::as_mapping).unwrap_or_default();
        let jobs = self.workflow.jobs.iter().zip(nodes);
        jobs.map(|(job, entry)| self.job(job, entry, granted)).collect()
    }

    fn job(&self, job: &Job, entry: &Entry, granted: Option<&Permissions>) -> Json {
        let node = &entry.value;
        let granted = job.permissions.as_ref().map(|own| &own.value).or(granted);
        let mut out = Object::default();
        let id = self.text(&entry.key);
        let name = job.name.as_ref().filter(|name| name.literal() != Some(""));
        let name = name.map_or_else(|| id.clone(), |name| self.text(name));
        let needs: Vec<Json> = job.needs.iter().map(|need| self.word(need)).collect();
        let condition = job.condition.as_ref().and_then(|condition| {
            let expression = condition.read.as_ref()?.expression().text();
            let written = !condition.text.raw().trim().is_empty();
            Some(self.expression(expression, written.then_some(&condition.text)))
        });
        let condition = condition.or_else(|| Some(self.expression("success()", None)));
        match &job.work {
            Work::Steps(work) => {
                out.put("type", Some(json!("job")));
                out.put("id", Some(id));
                out.put("name", Some(name));
                out.put("needs", (!needs.is_empty()).then(|| json!(needs)));
                out.put("if", condition);
                for key in [
                    "strategy",
                    "continue-on-error",
                    "timeout-minutes",
                    "cancel-timeout-minutes",
                    "concurrency",
                ] {
                    out.put(key, self.key(node, key));
                }
                out.put("permissions", granted.map(permissions));
                for key in [
                    "env",
                    "environment",
                    "defaults",
                    "runs-on",
                    "container",
                    "services",
                    "outputs",
                ] {
                    out.put(key, self.key(node, key));
                }
                let steps = node.get("steps").and_then(Node::as_list).unwrap_or_default();
                let steps = self.steps(&work.steps, steps);
                out.put("steps", (!steps.is_empty()).then(|| json!(steps)));
                out.put("snapshot", self.key(node, "snapshot"));
            }
            Work::Call(call) => {
                out.put("type", Some(json!("reusableWorkflowJob")));
                out.put("id", Some(id));
                out.put("name", Some(name));
                out.put("needs", Some(json!(needs)));
                out.put("if", condition);
                out.put("ref", self.key(node, "uses"));
                self.call(&mut out, call, node, granted);
            }
        }
        out.0.into()
    }

    fn call(&self, out: &mut Object, call: &Call, node: &Node, granted: Option<&Permissions>) {
        let called = call.workflow.as_deref();
        let inner = called.map(|workflow| Writer { workflow, ..*self });
        let root = called.and_then(|called| called.permissions.as_ref()).map(|root| &root.value);
        let granted = root.or(granted);
        let interface = called
            .and_then(|called| called.tree.get("on")?.get("workflow_call"))
            .unwrap_or(&self.workflow.tree);
        let defined = |key| inner.as_ref().and_then(|inner| inner.key(interface, key));
        out.put("permissions", granted.map(permissions));
        out.put("input-definitions", defined("inputs"));
        out.put("input-values", self.key(node, "with"));
        out.put("secret-definitions", defined("secrets"));
        if let Secrets::Named(_) = &call.secrets {
            out.put("secret-values", self.key(node, "secrets"));
        }
        if let Secrets::Inherit(_) = &call.secrets {
            out.put("inherit-secrets", Some(json!(true)));
        }
        out.put("outputs", defined("outputs"));
        if let Some(inner) = &inner {
            out.put("defaults", inner.key(&inner.workflow.tree, "defaults"));
            out.put("env", inner.key(&inner.workflow.tree, "env"));
            out.put("concurrency", self.key(node, "concurrency"));
            let embedded = inner.key(&inner.workflow.tree, "concurrency");
            out.put("embedded-concurrency", embedded);
        } else {
            out.put("concurrency", self.key(node, "concurrency"));
        }
        out.put("strategy", self.key(node, "strategy"));
        out.put("jobs", inner.map(|inner| inner.jobs(granted)));
    }

    fn steps(&self, steps: &[Step], nodes: &[Node]) -> Vec<Json> {
        steps.iter().zip(nodes).map(|(step, node)| self.step(step, node)).collect()
    }

    fn step(&self, step: &Step, node: &Node) -> Json {
        let mut out = Object::default();
        let Id { text, .. } = &step.id;
        out.put("id", Some(json!(text)));
        let orders = match &step.work {
            StepWork::Wait(WaitFor::These(_)) => Some("Wait"),
            StepWork::Wait(WaitFor::All) => Some("Wait for all"),
            StepWork::Cancel(_) => Some("Cancel"),
            StepWork::Parallel(_) => Some("Parallel group"),
            _ => None,
        };
        let name = self.key(node, "name").or_else(|| orders.map(|name| json!(name)));
        out.put("name", name);
        if orders.is_none() {
            let condition = step.condition.as_ref().and_then(|condition| {
                let expression = condition.read.as_ref()?.expression().text();
                let written = !condition.text.raw().trim().is_empty();
                Some(self.expression(expression, written.then_some(&condition.text)))
            });
            out.put("if", condition.or_else(|| Some(self.expression("success()", None))));
        }
        for key in ["continue-on-error", "timeout-minutes", "env"] {
            out.put(key, self.key(node, key));
        }
        match &step.work {
            StepWork::Run { .. } => {
                for key in ["working-directory", "shell", "run"] {
                    out.put(key, self.key(node, key));
                }
            }
            StepWork::Uses { .. } => {
                for key in ["uses", "with"] {
                    out.put(key, self.key(node, key));
                }
            }
            StepWork::Wait(WaitFor::These(targets)) => {
                out.put("wait", Some(targets.iter().map(|target| self.word(target)).collect()));
            }
            StepWork::Wait(WaitFor::All) => out.put("wait-all", Some(json!(true))),
            StepWork::Cancel(target) => out.put("cancel", Some(self.word(target))),
            StepWork::Parallel(steps) => {
                let nodes = node.get("parallel").and_then(Node::as_list).unwrap_or_default();
                out.put("parallel", Some(json!(self.steps(steps, nodes))));
            }
            StepWork::Missing => {}
        }
        out.put("background", step.background.as_ref().map(|background| json!(background.value)));
        out.0.into()
    }

    fn key(&self, node: &Node, key: &str) -> Option<Json> {
        node.get(key).map(|value| self.node(value))
    }

    fn node(&self, node: &Node) -> Json {
        let at = node.span.start;
        match &node.value {
            Value::Text(text) => self.text(text),
            Value::Null if self.form.with_source => {
                self.token(7, nothing(&self.workflow.source, node.span), None)
            }
            Value::Null => Json::Null,
            Value::Bool(value) if self.form.with_source => {
                self.token(5, at, Some(("bool", json!(value))))
            }
            Value::Bool(value) => json!(value),
            Value::Number(value) if self.form.with_source => {
                self.token(6, at, Some(("num", number(*value))))
            }
            Value::Number(value) => number(*value),
            Value::List(items) => {
                let items: Vec<Json> = items.iter().map(|item| self.node(item)).collect();
                self.token(1, at, (!items.is_empty()).then(|| ("seq", items.into())))
            }
            Value::Mapping(entries) => {
                let entries: Vec<Json> = entries
                    .iter()
                    .map(|Entry { key, value }| {
                        json!({ "Key": self.text(key), "Value": self.node(value) })
                    })
                    .collect();
                self.token(2, at, (!entries.is_empty()).then(|| ("map", entries.into())))
            }
        }
    }

    fn text(&self, text: &Text) -> Json {
        let at = match text.literal() {
            Some("") => nothing(&self.workflow.source, text.span()),
            _ => text.span().start,
        };
        match (text.literal(), text.template()) {
            (Some(literal), _) if self.form.with_source => {
                self.token(0, at, Some(("lit", json!(literal))))
            }
            (Some(literal), _) => json!(literal),
            (None, Some(template)) => self.expression(&template.as_format(), Some(text)),
            (None, None) => self.token(4, at, Some(("directive", json!("insert")))),
        }
    }

    fn word(&self, word: &At<String>) -> Json {
        if self.form.with_source {
            self.token(0, word.span.start, Some(("lit", json!(word.value))))
        } else {
            json!(word.value)
        }
    }

    fn expression(&self, expression: &str, place: Option<&Text>) -> Json {
        match place {
            Some(place) => self.token(3, place.span().start, Some(("expr", json!(expression)))),
            None => json!({ "type": 3, "expr": expression }),
        }
    }

    fn token(&self, kind: u32, at: usize, value: Option<(&str, Json)>) -> Json {
        let mut out = Object::default();
        out.put("type", Some(json!(kind)));
        if self.form.with_source {
            let source = &self.workflow.source;
            let same = |other: &&std::sync::Arc<_>| std::sync::Arc::ptr_eq(other, source);
            let file = self.reading.sources.iter().position(|other| same(&other)).unwrap() + 1;
            let at = source.position(start(source, at));
            out.put("file", Some(json!(file)));
            out.put("line", Some(json!(at.line)));
            out.put("col", Some(json!(at.column)));
        }
        if let Some((key, value)) = value {
            out.put(key, Some(value));
        }
        out.0.into()
    }
}

/// Whole numbers without a fraction, and what JSON does not know as text.
fn number(value: f64) -> Json {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        workflow::expression::Value::Number(value).to_json()
    }
}

fn permissions(permissions: &Permissions) -> Json {
    let mut scopes = Scope::ALL.to_vec();
    scopes.sort_by_key(|scope| scope.name());
    if !matches!(permissions, Permissions::Named(_)) {
        scopes.retain(|scope| !NEW_SCOPES.contains(scope));
    }
    let mut out = Object::default();
    for scope in scopes {
        let access = permissions.access(scope);
        out.put(scope.name(), (access != Access::None).then(|| json!(access.name())));
    }
    out.0.into()
}

fn input_types(workflow: &Workflow) -> Option<Json> {
    let mut out = Object::default();
    for event in &workflow.on {
        let Kind::Dispatch(dispatch) = &event.kind else { continue };
        for input in &dispatch.inputs {
            let kind = workflow
                .tree
                .get("on")
                .and_then(|on| on.get("workflow_dispatch")?.get("inputs")?.get(&input.name.value))
                .and_then(|input| input.get("type")?.as_text()?.literal());
            out.put(&input.name.value, Some(json!(kind.unwrap_or("string"))));
        }
    }
    (!out.0.is_empty()).then(|| out.0.into())
}

/// `on`, as the parser for editors writes it.
fn events(on: &Node) -> Json {
    let mut out = Object::default();
    match &on.value {
        Value::Mapping(entries) => {
            for Entry { key, value } in entries {
                let name = key.literal().unwrap_or_default();
                out.put(name, Some(event(name, value)));
            }
        }
        Value::List(items) => {
            for item in items {
                out.put(literal(item), Some(json!({})));
            }
        }
        _ => out.put(literal(on), Some(json!({}))),
    }
    out.0.into()
}

fn event(name: &str, node: &Node) -> Json {
    match (name, &node.value) {
        (_, Value::Null) => json!({}),
        ("schedule", _) => node.as_list().unwrap_or_default().iter().map(plain).collect(),
        ("workflow_dispatch", _) => interface(node, &["inputs"]),
        ("workflow_call", _) => interface(node, &["inputs", "secrets"]),
        _ => {
            let mut out = Object::default();
            for group in [
                &["branches", "branches-ignore"][..],
                &["tags", "tags-ignore"],
                &["paths", "paths-ignore"],
                &["types"],
                &["versions"],
                &["names"],
                &["workflows"],
            ] {
                for entry in node.as_mapping().unwrap_or_default() {
                    let key = entry.key.literal().unwrap_or_default();
                    if group.contains(&key) {
                        out.put(key, Some(patterns(&entry.value)));
                    }
                }
            }
            out.0.into()
        }
    }
}

fn patterns(node: &Node) -> Json {
    match node.as_list() {
        Some(items) => items.iter().map(literal).collect(),
        None => json!([literal(node)]),
    }
}

fn interface(node: &Node, keys: &[&str]) -> Json {
    let mut out = Object::default();
    for entry in node.as_mapping().unwrap_or_default() {
        let key = entry.key.literal().unwrap_or_default();
        if !keys.contains(&key) {
            continue;
        }
        let mut named = Object::default();
        for Entry { key: name, value } in entry.value.as_mapping().unwrap_or_default() {
            let mut fields = Object::default();
            if key == "inputs" {
                fields.put("type", Some(json!("string")));
            }
            let order = ["description", "required", "options", "type", "default"];
            let given = value.as_mapping().unwrap_or_default();
            for Entry { key, value } in given {
                let key = key.literal().unwrap_or_default();
                if order[..4].contains(&key) {
                    fields.put(key, Some(plain(value)));
                }
            }
            let is_number = fields.0.get("type") == Some(&json!("number"));
            fields.put("default", value.get("default").map(plain).filter(|_| !is_number));
            named.put(name.literal().unwrap_or_default(), Some(fields.0.into()));
        }
        out.put(key, Some(named.0.into()));
    }
    out.0.into()
}

/// A value as it would be in JSON.
fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(value) => number(*value),
        Value::Text(text) => json!(text.literal()),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Mapping(entries) => {
            let mut out = Object::default();
            for Entry { key, value } in entries {
                out.put(key.literal().unwrap_or_default(), Some(plain(value)));
            }
            out.0.into()
        }
    }
}

fn literal(node: &Node) -> &str {
    node.as_text().and_then(Text::literal).unwrap_or_default()
}
