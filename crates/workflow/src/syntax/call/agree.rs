//! What a caller and the called have to agree on: inputs, secrets and permissions.

use std::collections::{BTreeMap, BTreeSet};

use model::source::Span;

use super::super::limits::TokenPolicy;
use super::super::model::{
    Access, Input, InputKind, Job, Permissions, Scope, Secrets, Workflow, WorkflowCall,
};
use super::super::node::{Entry, Node, Value};
use super::super::problem::{Exceeded, ProblemKind, Stage, near};
use super::walk::{Here, Walk};

impl Walk<'_> {
    pub(super) fn interface(&mut self, here: &Here<'_>, workflow: &Workflow, called: usize) {
        let Some(interface) = workflow.call() else {
            if let Some(on) = workflow.tree.get("on") {
                self.tell(called, on.span, here, Stage::Meaning, ProblemKind::NotCallable);
            }
            return;
        };
        self.inputs(here, interface, called);
        self.secrets(here, interface);
    }

    fn inputs(&mut self, here: &Here<'_>, interface: &WorkflowCall, called: usize) {
        let given = here.call.with.as_ref().and_then(Node::as_mapping).unwrap_or_default();
        let values = by_name(given);
        for input in &interface.inputs {
            if let Some(default) = &input.default {
                self.input(called, default, input, here);
            }
            let name = &input.name.value;
            match values.get(&name.to_ascii_lowercase()) {
                Some(value) => self.input(here.caller, value, input, here),
                None if input.is_required() => {
                    let kind = ProblemKind::MissingInput { name: name.clone() };
                    self.tell(here.caller, here.uses(), here, Stage::Meaning, kind);
                }
                None => {}
            }
        }
        let known: Vec<&str> = interface.inputs.iter().map(|input| &*input.name.value).collect();
        self.unknown(here, given, &known, |name, key, near| ProblemKind::UnknownInput {
            name,
            key,
            near,
        });
    }

    /// What is given without being asked for.
    fn unknown(
        &mut self,
        here: &Here<'_>,
        given: &[Entry],
        known: &[&str],
        kind: impl Fn(String, Span, Option<String>) -> ProblemKind,
    ) {
        let folded: BTreeSet<String> =
            known.iter().map(|known| known.to_ascii_lowercase()).collect();
        for entry in given {
            let Some(name) = entry.key.literal() else { continue };
            if !folded.contains(&name.to_ascii_lowercase()) {
                let near = near(name, known.iter().copied());
                let kind = kind(name.to_owned(), entry.key.span(), near);
                self.tell(here.caller, entry.value.span, here, Stage::Meaning, kind);
            }
        }
    }

    /// Whether a value is of an input's kind.
    fn input(&mut self, file: usize, value: &Node, input: &Input, here: &Here<'_>) {
        let (fits, shown) = match (&value.value, input.kind()) {
            (Value::Text(text), kind) => match text.literal() {
                None => return,
                Some(text) => (kind == InputKind::String, text.to_owned()),
            },
            (Value::Bool(value), kind) => (kind != InputKind::Number, value.to_string()),
            (Value::Number(value), kind) => {
                let shown = crate::expression::Value::Number(*value).to_text().into_owned();
                (kind != InputKind::Boolean, shown)
            }
            (Value::Null, kind) => (kind == InputKind::String, String::new()),
            (Value::List(_) | Value::Mapping(_), _) => return,
        };
        if !fits {
            let kind = ProblemKind::Input { kind: input.kind(), shown };
            self.tell(file, value.span, here, Stage::Meaning, kind);
        }
    }

    fn secrets(&mut self, here: &Here<'_>, interface: &WorkflowCall) {
        let given = match &here.call.secrets {
            // Whether all that are wanted are there shows when it runs.
            Secrets::Inherit(_) => return,
            Secrets::None => &[],
            Secrets::Named(given) => given.as_mapping().unwrap_or_default(),
        };
        let values = by_name(given);
        for secret in interface.secrets.iter().filter(|secret| secret.is_required()) {
            let name = &secret.name.value;
            if !values.contains_key(&name.to_ascii_lowercase()) {
                let kind = ProblemKind::MissingSecret { name: name.clone() };
                self.tell(here.caller, here.uses(), here, Stage::Meaning, kind);
            }
        }
        let known: Vec<&str> = interface.secrets.iter().map(|secret| &*secret.name.value).collect();
        self.unknown(here, given, &known, |name, key, near| ProblemKind::UnknownSecret {
            name,
            key,
            near,
        });
    }

    /// Whether the called wants no more than the caller may give away.
    pub(super) fn permissions(&mut self, here: &Here<'_>, job: Option<&Job>, wanted: &Permissions) {
        let own = here.uses_own_repository();
        let allowed = |scope| match (here.granted, self.options.policy) {
            (Some(granted), _) => granted.access(scope),
            (None, None) => Access::Write,
            (None, Some(policy)) => by_default(policy, scope, own),
        };
        let exceeded: Vec<Exceeded> = Scope::ALL
            .iter()
            .map(|scope| Exceeded {
                scope: *scope,
                wanted: wanted.access(*scope),
                allowed: allowed(*scope),
            })
            .filter(|exceeded| exceeded.wanted > exceeded.allowed)
            .collect();
        if exceeded.is_empty() {
            return;
        }
        let job = job.map(|job| {
            let name = job.name.as_ref().map(|name| name.literal().unwrap_or(name.raw()));
            name.filter(|name| !name.is_empty()).unwrap_or(&job.id.value).to_owned()
        });
        let workflow = here.call.uses.as_ref().map(|uses| uses.value.clone()).unwrap_or_default();
        let kind = ProblemKind::Permissions { workflow, job, exceeded };
        self.tell(here.caller, here.job.id.span, here, Stage::Meaning, kind);
    }
}

/// Values by their keys, whose case does not count.
fn by_name(entries: &[Entry]) -> BTreeMap<String, &Node> {
    let named = entries
        .iter()
        .filter_map(|entry| Some((entry.key.literal()?.to_ascii_lowercase(), &entry.value)));
    named.collect()
}

fn by_default(policy: TokenPolicy, scope: Scope, own_repository: bool) -> Access {
    match (policy, scope) {
        (TokenPolicy::Restricted, Scope::Contents | Scope::Packages) => Access::Read,
        (TokenPolicy::Restricted, _) => Access::None,
        // What says who somebody is, is not given to strangers unasked.
        (TokenPolicy::Permissive, Scope::IdToken) if !own_repository => Access::None,
        (TokenPolicy::Permissive, _) => Access::Write,
    }
}
