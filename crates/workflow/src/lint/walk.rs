//! Every text of a workflow that may hold expressions, with what is known at its place.

use super::action::{self, Actions};
use super::scope::{FileScope, Guard, JobScope, Scope};
use crate::expression;
use crate::syntax::model::{
    Concurrency, Condition, Container, Defaults, Job, Kind, Secrets, Step, StepWork, Steps, Work,
    Workflow,
};
use crate::syntax::{At, Given, Node, Text};

/// A text and its place.
pub(super) struct Spot<'a> {
    pub(super) text: &'a Text,
    pub(super) scope: Scope<'a>,
    pub(super) role: Role<'a>,
}

/// What a text is for, and so what an expression in its place has to come to.
#[derive(Clone, Copy)]
pub(super) enum Role<'a> {
    Anything,
    Text,
    /// What is executed with its expressions put in.
    Script,
    Boolean,
    Number,
    Mapping,
    /// A text or a list of texts.
    Labels,
    Condition(&'a Condition),
}

/// Shows every text to a visitor.
pub(super) fn walk(workflow: &Workflow, actions: &Actions<'_>, visit: &mut dyn FnMut(&Spot<'_>)) {
    let file = FileScope::of(workflow);
    let mut walker = Walker { file: &file, visit };
    walker.head(workflow);
    for job in &workflow.jobs {
        walker.job(job, actions);
    }
}

struct Walker<'a> {
    file: &'a FileScope,
    visit: &'a mut dyn FnMut(&Spot<'_>),
}

impl Walker<'_> {
    fn show(&mut self, text: &Text, job: Option<&JobScope>, role: Role<'_>) {
        let scope = Scope { file: self.file, job, guard: Guard::None };
        (self.visit)(&Spot { text, scope, role });
    }

    fn text(&mut self, text: Option<&Text>, job: Option<&JobScope>) {
        if let Some(text) = text {
            self.show(text, job, Role::Text);
        }
    }

    /// Texts that may be of any kind, in whatever they are in.
    fn node(&mut self, node: Option<&Node>, job: Option<&JobScope>) {
        if let Some(node) = node {
            node.texts(&mut |text| self.show(text, job, Role::Anything));
        }
    }

    /// A mapping of texts.
    fn variables(&mut self, node: Option<&Node>, job: Option<&JobScope>) {
        let Some(node) = node else { return };
        if let Some(text) = node.as_text() {
            self.show(text, job, Role::Mapping);
        }
        for entry in node.as_mapping().unwrap_or_default() {
            let inserted = entry.key.is_insert();
            self.text(Some(&entry.key), job);
            match entry.value.as_text() {
                Some(text) if inserted => self.show(text, job, Role::Mapping),
                text => self.text(text, job),
            }
        }
    }

    /// Shows the expression in the place of a value.
    fn given<'g, T>(
        &mut self,
        given: Option<&'g Given<T>>,
        job: Option<&JobScope>,
        role: Role<'_>,
    ) -> Option<&'g T> {
        match given? {
            Given::Fixed(value) => Some(value),
            Given::Computed(text) => {
                self.show(text, job, role);
                None
            }
        }
    }

    fn flag(&mut self, given: Option<&Given<At<bool>>>, job: Option<&JobScope>) {
        self.given(given, job, Role::Boolean);
    }

    fn number(&mut self, given: Option<&Given<At<f64>>>, job: Option<&JobScope>) {
        self.given(given, job, Role::Number);
    }

    fn condition(&mut self, condition: Option<&Condition>, job: &JobScope, guard: Guard) {
        let Some(condition) = condition else { return };
        let guarded = condition.read.as_ref().is_some_and(expression::Condition::is_guarded);
        let guard = if guarded { guard } else { Guard::None };
        let scope = Scope { file: self.file, job: Some(job), guard };
        let role = Role::Condition(condition);
        (self.visit)(&Spot { text: &condition.text, scope, role });
    }

    fn head(&mut self, workflow: &Workflow) {
        self.text(workflow.run_name.as_ref(), None);
        for event in &workflow.on {
            if let Kind::Call(call) = &event.kind {
                call.inputs.iter().for_each(|input| self.node(input.default.as_ref(), None));
                call.outputs.iter().for_each(|output| self.text(output.value.as_ref(), None));
            }
        }
        self.variables(workflow.env.as_ref(), None);
        self.defaults(&workflow.defaults, None);
        self.concurrency(workflow.concurrency.as_ref(), None);
    }

    fn matrix(&mut self, matrix: Option<&Node>, job: Option<&JobScope>) {
        match matrix.and_then(Node::as_text) {
            Some(text) => self.show(text, job, Role::Mapping),
            None => self.node(matrix, job),
        }
    }

    fn defaults(&mut self, defaults: &Defaults, job: Option<&JobScope>) {
        self.text(defaults.shell.as_ref(), job);
        self.text(defaults.working_directory.as_ref(), job);
    }

    fn concurrency(&mut self, concurrency: Option<&Concurrency>, job: Option<&JobScope>) {
        if let Some(concurrency) = concurrency {
            self.text(concurrency.group.as_ref(), job);
            self.flag(concurrency.cancel_in_progress.as_ref(), job);
            self.given(concurrency.queue.as_ref(), job, Role::Text);
        }
    }

    fn job(&mut self, job: &Job, actions: &Actions<'_>) {
        let mut scope = JobScope::of(self.file, job);
        self.text(job.name.as_ref(), Some(&scope));
        self.condition(job.condition.as_ref(), &scope, Guard::Job);
        self.concurrency(job.concurrency.as_ref(), Some(&scope));
        if let Some(strategy) = self.given(job.strategy.as_ref(), Some(&scope), Role::Mapping) {
            self.matrix(strategy.matrix.as_ref(), Some(&scope));
            self.flag(strategy.fail_fast.as_ref(), Some(&scope));
            self.number(strategy.max_parallel.as_ref(), Some(&scope));
        }
        match &job.work {
            Work::Call(call) => {
                self.node(call.with.as_ref(), Some(&scope));
                if let Secrets::Named(secrets) = &call.secrets {
                    self.variables(Some(secrets), Some(&scope));
                }
            }
            Work::Steps(steps) => {
                self.machine(steps, Some(&scope));
                for step in &steps.steps {
                    self.step(step, &scope);
                    scope.pass(step, actions);
                }
                for (_, output) in &steps.outputs {
                    self.text(Some(output), Some(&scope));
                }
                if let Some(Given::Fixed(environment)) = &steps.environment {
                    self.text(environment.url.as_ref(), Some(&scope));
                }
            }
        }
    }

    /// What a job says before its steps.
    fn machine(&mut self, steps: &Steps, job: Option<&JobScope>) {
        if let Some(runs_on) = self.given(steps.runs_on.as_ref(), job, Role::Labels) {
            self.text(runs_on.group.as_ref(), job);
            for label in self.given(Some(&runs_on.labels), job, Role::Labels).into_iter().flatten()
            {
                self.show(label, job, Role::Labels);
            }
        }
        if let Some(environment) = self.given(steps.environment.as_ref(), job, Role::Anything) {
            self.text(environment.name.as_ref(), job);
            self.flag(environment.deployment.as_ref(), job);
        }
        self.variables(steps.env.as_ref(), job);
        self.defaults(&steps.defaults, job);
        self.flag(steps.continue_on_error.as_ref(), job);
        self.number(steps.timeout_minutes.as_ref(), job);
        self.number(steps.cancel_timeout_minutes.as_ref(), job);
        if let Some(container) = self.given(steps.container.as_ref(), job, Role::Anything) {
            self.container(container, job);
        }
        let services = self.given(steps.services.as_ref(), job, Role::Mapping);
        for (name, service) in services.into_iter().flatten() {
            self.text(Some(name), job);
            if let Some(service) = self.given(Some(service), job, Role::Anything) {
                self.container(service, job);
            }
        }
        if let Some(snapshot) = self.given(steps.snapshot.as_ref(), job, Role::Anything) {
            self.text(snapshot.image_name.as_ref(), job);
            self.text(snapshot.version.as_ref(), job);
            if let (Some(condition), Some(job)) = (&snapshot.condition, job) {
                self.condition(Some(condition), job, Guard::None);
            }
        }
    }

    fn container(&mut self, container: &Container, job: Option<&JobScope>) {
        let Container { image, options, entrypoint, command, .. } = container;
        for text in [image, options, entrypoint, command] {
            self.text(text.as_ref(), job);
        }
        if let Some(credentials) = self.given(container.credentials.as_ref(), job, Role::Mapping) {
            self.text(credentials.username.as_ref(), job);
            self.text(credentials.password.as_ref(), job);
        }
        self.variables(container.env.as_ref(), job);
        for list in [&container.ports, &container.volumes] {
            for text in self.given(list.as_ref(), job, Role::Anything).into_iter().flatten() {
                self.show(text, job, Role::Anything);
            }
        }
    }

    fn step(&mut self, step: &Step, job: &JobScope) {
        self.condition(step.condition.as_ref(), job, Guard::Step);
        let job = Some(job);
        self.text(step.name.as_ref(), job);
        self.variables(step.env.as_ref(), job);
        self.flag(step.continue_on_error.as_ref(), job);
        self.number(step.timeout_minutes.as_ref(), job);
        match &step.work {
            StepWork::Run { script, shell, working_directory } => {
                self.show(script, job, Role::Script);
                self.text(shell.as_ref(), job);
                self.text(working_directory.as_ref(), job);
            }
            StepWork::Uses { action, with } => {
                let script = action::script_input(&action.value);
                self.variables(with.as_ref(), job);
                let script = script.and_then(|input| with.as_ref()?.get(input)?.as_text());
                if let Some(script) = script {
                    self.show(script, job, Role::Script);
                }
            }
            StepWork::Parallel(steps) => {
                for step in steps {
                    if let Some(job) = job {
                        self.step(step, job);
                    }
                }
            }
            StepWork::Wait(_) | StepWork::Cancel(_) | StepWork::Missing => {}
        }
    }
}
