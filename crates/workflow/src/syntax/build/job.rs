//! `jobs`.

use model::source::Span;

use super::super::grammar;
use super::super::model::{
    Call, Container, Credentials, Environment, Job, RunsOn, Secrets, Services, Snapshot, Steps,
    Work,
};
use super::super::node::{At, Entry, Given, Node, Text, Value};
use super::super::problem::ProblemKind;
use super::{
    Builder, boolean, cache_mode, defaults, entries, given, id, number, permissions, text, texts,
    word, words,
};

impl Builder<'_> {
    pub(super) fn jobs(&mut self, node: &Node) -> Vec<Job> {
        let jobs: Vec<Job> = node
            .as_mapping()
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| Some(self.job(entry.key.literal()?, entry)))
            .collect();
        self.order(&jobs, node.span);
        jobs
    }

    fn job(&mut self, name: &str, entry: &Entry) -> Job {
        let at = format!("jobs.{name}");
        let id = At { value: name.to_owned(), span: entry.key.span() };
        if let Err(wrong) = id::check(name) {
            let kind = ProblemKind::Id { id: name.to_owned(), wrong };
            self.tell(id.span, &at, kind);
        }
        let mut job = Job {
            id,
            span: entry.value.span,
            name: None,
            needs: Vec::new(),
            condition: None,
            permissions: None,
            cache_mode: None,
            concurrency: None,
            strategy: None,
            work: Work::Steps(Box::default()),
        };
        let mut steps = Steps::default();
        let mut call = Call { uses: None, workflow: None, with: None, secrets: Secrets::None };
        let mut is_call = false;
        for (key, value) in entries(&entry.value) {
            match key {
                "name" => job.name = text(value),
                "needs" => job.needs = words(value),
                "if" => {
                    let path = format_args!("{at}.if");
                    job.condition = self.condition(value, &grammar::JOB_IF, path);
                }
                "permissions" => job.permissions = permissions(value),
                "cache-mode" => job.cache_mode = cache_mode(value),
                "concurrency" => {
                    job.concurrency = self.concurrency(value, format_args!("{at}.concurrency"));
                }
                "strategy" => job.strategy = self.strategy(value, &format!("{at}.strategy")),
                "uses" => {
                    is_call = true;
                    call.uses = word(value);
                }
                "with" => call.with = Some(value.clone()),
                "secrets" => call.secrets = secrets(value),
                _ => self.steps_key(&mut steps, key, value, &at),
            }
        }
        job.work = if is_call { Work::Call(Box::new(call)) } else { Work::Steps(Box::new(steps)) };
        job
    }

    fn steps_key(&mut self, steps: &mut Steps, key: &str, value: &Node, at: &str) {
        match key {
            "runs-on" => steps.runs_on = self.runs_on(value, at),
            "environment" => steps.environment = environment(value),
            "env" => steps.env = Some(value.clone()),
            "defaults" => steps.defaults = defaults(value),
            "outputs" => steps.outputs = outputs(value),
            "continue-on-error" => steps.continue_on_error = boolean(value),
            "timeout-minutes" => steps.timeout_minutes = number(value),
            "cancel-timeout-minutes" => steps.cancel_timeout_minutes = number(value),
            "container" => {
                steps.container = self.container(value, &format!("{at}.container"));
            }
            "services" => steps.services = self.services(value, &format!("{at}.services")),
            "snapshot" => steps.snapshot = self.snapshot(value, at),
            "steps" => {
                steps.steps_span = Some(value.span);
                steps.steps = self.steps(value, &format_args!("{at}.steps"));
            }
            _ => {}
        }
    }

    fn runs_on(&mut self, node: &Node, at: &str) -> Option<Given<RunsOn>> {
        let runs_on = given(node, |node| match &node.value {
            Value::Mapping(_) => {
                let labels = Given::Fixed(Vec::new());
                let mut runs_on = RunsOn { span: node.span, group: None, labels };
                for (key, value) in entries(node) {
                    match key {
                        "group" => runs_on.group = text(value),
                        "labels" => runs_on.labels = self::labels(value)?,
                        _ => {}
                    }
                }
                Some(runs_on)
            }
            _ => Some(RunsOn { span: node.span, group: None, labels: labels(node)? }),
        });
        let group = runs_on.as_ref().and_then(Given::fixed).and_then(|on| on.group.as_ref());
        if let Some((group, name)) = group.and_then(|group| Some((group, group.literal()?))) {
            let wrong = match name.split('/').collect::<Vec<_>>().as_slice() {
                [_, ""] => Some(true),
                [_] | ["org" | "organization" | "ent" | "enterprise", _] => None,
                _ => Some(false),
            };
            if let Some(empty) = wrong {
                let kind = ProblemKind::RunnerGroup { group: name.to_owned(), empty };
                self.tell(group.span(), format_args!("{at}.runs-on.group"), kind);
            }
        }
        runs_on
    }

    fn services(&mut self, node: &Node, at: &str) -> Option<Given<Services>> {
        given(node, |node| {
            let services = node.as_mapping()?.iter().filter_map(|entry| {
                let path = format!("{at}.{}", entry.key.raw());
                let container = self.container(&entry.value, &path)?;
                Some((entry.key.clone(), container))
            });
            Some(services.collect())
        })
    }

    fn container(&mut self, node: &Node, at: &str) -> Option<Given<Container>> {
        let container = given(node, container)?;
        let Given::Fixed(Container { image, .. }) = &container else { return Some(container) };
        // That an image is empty is told by its rule; `container: ''` is how a job says that it
        // wants none.
        let missing = match image {
            None => !entries(node).any(|(key, _)| key == "image"),
            Some(image) => image.literal() == Some("docker://"),
        };
        if missing && !node.is_computed() {
            self.tell(node.span, at, ProblemKind::NoImage);
        }
        Some(container)
    }

    fn snapshot(&mut self, node: &Node, at: &str) -> Option<Given<Snapshot>> {
        let snapshot = given(node, |node| {
            let mut snapshot =
                Snapshot { span: node.span, image_name: None, version: None, condition: None };
            match &node.value {
                Value::Text(_) => snapshot.image_name = text(node),
                Value::Mapping(_) => {
                    for (key, value) in entries(node) {
                        match key {
                            "image-name" => snapshot.image_name = text(value),
                            "version" => snapshot.version = text(value),
                            "if" => {
                                let path = format_args!("{at}.snapshot.if");
                                snapshot.condition = self.condition(value, &grammar::STEP_IF, path);
                            }
                            _ => {}
                        }
                    }
                }
                _ => return None,
            }
            Some(snapshot)
        });
        let version = snapshot.as_ref().and_then(Given::fixed).and_then(|it| it.version.as_ref());
        if let Some(version) = version.and_then(Text::literal)
            && !is_version(version)
        {
            let kind = ProblemKind::SnapshotVersion { version: version.to_owned() };
            self.tell(node.span, format_args!("{at}.snapshot"), kind);
        }
        snapshot
    }
}

/// `1.*`
fn is_version(version: &str) -> bool {
    let major = version.strip_suffix(".*").unwrap_or_default();
    major.bytes().all(|byte| byte.is_ascii_digit()) && major.parse::<i32>().is_ok()
}

fn labels(node: &Node) -> Option<Given<Vec<Text>>> {
    given(node, |node| match &node.value {
        Value::List(_) => Some(texts(node)),
        _ => text(node).map(|label| vec![label]),
    })
}

fn environment(node: &Node) -> Option<Given<Environment>> {
    given(node, |node| {
        let mut environment =
            Environment { span: node.span, name: None, url: None, deployment: None };
        match &node.value {
            Value::Text(_) => environment.name = text(node),
            Value::Mapping(_) => {
                for (key, value) in entries(node) {
                    match key {
                        "name" => environment.name = text(value),
                        "url" => environment.url = text(value),
                        "deployment" => environment.deployment = boolean(value),
                        _ => {}
                    }
                }
            }
            _ => return None,
        }
        Some(environment)
    })
}

fn outputs(node: &Node) -> Vec<(At<String>, Text)> {
    let output = |entry: &Entry| -> Option<(At<String>, Text)> {
        let name = At { value: entry.key.literal()?.to_owned(), span: entry.key.span() };
        Some((name, text(&entry.value)?))
    };
    node.as_mapping().unwrap_or_default().iter().filter_map(output).collect()
}

fn secrets(node: &Node) -> Secrets {
    match &node.value {
        Value::Text(text) if text.literal() == Some("inherit") => Secrets::Inherit(node.span),
        _ => Secrets::Named(node.clone()),
    }
}

fn container(node: &Node) -> Option<Container> {
    let mut container = Container::at(node.span);
    if let Value::Text(_) = node.value {
        container.image = text(node);
        return Some(container);
    }
    node.as_mapping()?;
    for (key, value) in entries(node) {
        match key {
            "image" => container.image = text(value),
            "credentials" => container.credentials = credentials(value),
            "env" => container.env = Some(value.clone()),
            "ports" => container.ports = given(value, |value| Some(texts(value))),
            "volumes" => container.volumes = given(value, |value| Some(texts(value))),
            "options" => container.options = text(value),
            "entrypoint" => container.entrypoint = text(value),
            "command" => container.command = text(value),
            _ => {}
        }
    }
    Some(container)
}

fn credentials(node: &Node) -> Option<Given<Credentials>> {
    given(node, |node| {
        let mut credentials = Credentials::default();
        for (key, value) in entries(node) {
            match key {
                "username" => credentials.username = text(value),
                "password" => credentials.password = text(value),
                _ => {}
            }
        }
        Some(credentials)
    })
}

impl Container {
    fn at(span: Span) -> Self {
        Self {
            span,
            image: None,
            credentials: None,
            env: None,
            ports: None,
            volumes: None,
            options: None,
            entrypoint: None,
            command: None,
        }
    }
}
