//! Scripts in which a workflow runs.

use std::fmt::Write;

use engine::pipeline::Word;
use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::persisted::Persisted;
use model::pipeline::{Ending, Job, Progress, Protection, Request, Run, Sheet, Stage};
use ports::fake::{Execution, JobNature};
use ports::store::{Query, Store};
use serde_json::json;
use workflow::syntax::{self, Options};

use super::{ScriptError, acts_in_order, duration, text_of, told};
use crate::faults::Faults;
use crate::page;
use crate::world::{BEGINNING, World};

/// The line that says of which kind the script is.
pub(super) const OPENING: &str = "workflow";

/// A script that has been understood.
#[derive(Debug)]
pub(super) struct Script {
    title: String,
    sheet: Sheet,
    request: Request,
    natures: Vec<(String, JobNature)>,
    acts: Vec<(SignedDuration, Act)>,
    until: SignedDuration,
}

#[derive(Debug, Clone)]
enum Act {
    Push { who: Actor },
    Say { who: Actor, word: Word },
    Crash,
}

impl Script {
    pub(super) fn read(script: &str) -> Result<Self, ScriptError> {
        let mut draft = Draft::default();
        let mut last = 0;
        for (index, line) in script.lines().enumerate() {
            last = index + 1;
            draft.line(line).map_err(|what| ScriptError { line: last, what })?;
        }
        draft.finish().map_err(|what| ScriptError { line: last, what })
    }

    pub(super) fn play(&self) -> String {
        let mut world = World::watched(1, Faults::none);
        let (office, faults, store) =
            (world.office.clone(), world.faults.clone(), world.store.clone());
        for (name, nature) in &self.natures {
            world.jobs.set_nature(name, nature.clone());
        }
        let mut answers = Vec::new();
        let (runs, entries) = world.run(async {
            let mut runs = Vec::new();
            for (at, act) in &self.acts {
                office.sleep_until(BEGINNING + *at).await;
                let (who, said, reply) = match act {
                    Act::Crash => {
                        faults.crash_now(0);
                        continue;
                    }
                    Act::Push { who } => {
                        let (request, sheet) = (self.request.clone(), self.sheet.clone());
                        let (id, reply) = office.start_run(request, sheet, who).await;
                        runs.push(id);
                        (who, "push".to_owned(), reply)
                    }
                    Act::Say { who, word } => {
                        let id = *runs.last().expect("the script pushes first");
                        (who, spoken(word), office.tell_run(id, word.clone(), who).await)
                    }
                };
                answers.push(format!("at {at:#}, {who} said `{said}`: {}", told(reply)));
            }
            office.sleep_until(BEGINNING + self.until).await;
            let all = Query { limit: usize::MAX, ..Query::default() };
            (runs, store.entries(all).await.expect("a store in memory always answers"))
        });
        let numbered = runs.iter().zip(1..);
        let numbered = numbered.map(|(id, number)| ((*id).into(), format!("run {number}")));
        let names: Vec<_> = if runs.len() > 1 { numbered.collect() } else { Vec::new() };
        let mut page = format!("{}\n\n{}\n", self.title, page::diary(&entries, &names));
        for answer in answers {
            writeln!(page, "{answer}").expect("texts take all");
        }
        page.push_str("\nin the end:\n");
        for (index, run) in runs.into_iter().enumerate() {
            let name = names.get(index).map_or("the run", |(_, name)| name);
            let stored = world.store.processes().into_iter().find(|known| known.id == run.into());
            let stored = stored.expect("it was begun");
            let run = Run::load(&stored.state).expect("the watch has loaded it before");
            page.push_str(&end_of(name, &run, &world.jobs.executions()));
        }
        let head =
            world.run(async { store.head().await.expect("a store in memory always answers") });
        match page::verify(entries, head) {
            Ok(head) => writeln!(page, "the journal's {} facts verify", head.seq),
            Err(error) => writeln!(page, "{error}"),
        }
        .expect("texts take all");
        let broken = world.watch.broken_by(&world.jobs.executions());
        for broken in world.watch.broken().into_iter().chain(broken) {
            writeln!(page, "broken: {broken}").expect("texts take all");
        }
        page
    }
}

fn spoken(word: &Word) -> String {
    match word {
        Word::Cancel { force: false } => "cancel".to_owned(),
        Word::Cancel { force: true } => "cancel by force".to_owned(),
        Word::Approve { environment } => format!("approve {environment}"),
        Word::Reject { environment } => format!("reject {environment}"),
    }
}

/// How each job of a run has ended, and when each was with the runners.
fn end_of(name: &str, run: &Run, executions: &[Execution]) -> String {
    const COLUMNS: i64 = 40;
    let mut told = String::new();
    let last = executions.iter().map(|execution| execution.ended_at).max();
    let whole = last.map_or(1, |last| last.duration_since(BEGINNING).as_secs()).max(1);
    let column = |at: Timestamp| at.duration_since(BEGINNING).as_secs() * COLUMNS / whole;
    let width = run.jobs.iter().map(|job| job.name.chars().count()).max().unwrap_or_default();
    for job in &run.jobs {
        let mut road = vec!['·'; usize::try_from(COLUMNS).unwrap_or_default()];
        let is_its = |execution: &&Execution| execution.run == run.id && execution.name == job.name;
        for execution in executions.iter().filter(is_its) {
            let mark = if matches!(execution.ending, Ending::Lost(_)) { '░' } else { '█' };
            let columns = column(execution.started_at)..=column(execution.ended_at);
            for column in columns.filter_map(|column| usize::try_from(column).ok()) {
                if let Some(place) = road.get_mut(column) {
                    *place = mark;
                }
            }
        }
        let road: String = road.into_iter().collect();
        writeln!(told, "  {:width$}  {road}  {}", job.name, state_of(job)).expect("texts take all");
    }
    let stage = match run.stage {
        Stage::Going => "goes on".to_owned(),
        Stage::Cancelling { .. } => "is being cancelled".to_owned(),
        Stage::Over(conclusion) => format!("ended with {conclusion}"),
    };
    writeln!(told, "{name} {stage}\n").expect("texts take all");
    told
}

fn state_of(job: &Job) -> String {
    match &job.progress {
        Progress::Over(result) => result.conclusion.to_string(),
        Progress::Held(gate) => format!("waits to enter {}", gate.environment),
        Progress::Waiting | Progress::Queued { .. } => "waits".to_owned(),
        Progress::Ordered { .. } | Progress::Spread(_) | Progress::Calling(_) => {
            "is under way".to_owned()
        }
    }
}

/// A script while it is being read.
#[derive(Default)]
struct Draft {
    title: String,
    /// Nothing before the line that opens it, and finished at the first line that is not indented.
    workflow: Option<String>,
    protected: Vec<Protection>,
    natures: Vec<(String, JobNature)>,
    acts: Vec<(SignedDuration, Act)>,
    until: Option<SignedDuration>,
}

impl Draft {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(workflow) = self.workflow.as_mut().filter(|_| line.starts_with(' ')) {
            workflow.push_str(line);
            workflow.push('\n');
            return Ok(());
        }
        let text = line.trim();
        if let Some(title) = text.strip_prefix('#') {
            if !self.title.is_empty() {
                self.title.push('\n');
            }
            self.title.push_str(title.trim());
            return Ok(());
        }
        if let Some((name, nature)) = text.split_once(" takes ") {
            self.natures.push((name.to_owned(), nature_of(nature)?));
            return Ok(());
        }
        let words: Vec<_> = text.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [OPENING] => self.workflow = Some(String::new()),
            [environment, "wants", approvals, "approval" | "approvals"] => {
                let environment = (*environment).to_owned();
                let approvals = approvals.parse().map_err(text_of)?;
                self.protected.push(Protection { environment, approvals });
            }
            ["at", at, act @ ..] => {
                let at = duration(at)?;
                acts_in_order(self.acts.last().map(|(before, _)| *before), at)?;
                let act = self.act(act)?;
                self.acts.push((at, act));
            }
            ["until", until] => self.until = Some(duration(until)?),
            _ => return Err(format!("`{text}` is not understood")),
        }
        Ok(())
    }

    fn act(&self, words: &[&str]) -> Result<Act, String> {
        let pushed = self.acts.iter().any(|(_, act)| matches!(act, Act::Push { .. }));
        let actor = |who: &str| format!("person:{who}").parse().map_err(text_of);
        let say = |who: &str, word| {
            if pushed {
                Ok(Act::Say { who: actor(who)?, word })
            } else {
                Err("nothing was pushed before".to_owned())
            }
        };
        match words {
            ["the", "server", "crashes"] => Ok(Act::Crash),
            [who, "pushes"] => Ok(Act::Push { who: actor(who)? }),
            [who, "cancels"] => say(who, Word::Cancel { force: false }),
            [who, "cancels", "by", "force"] => say(who, Word::Cancel { force: true }),
            [who, "approves", environment] => {
                say(who, Word::Approve { environment: (*environment).to_owned() })
            }
            [who, "rejects", environment] => {
                say(who, Word::Reject { environment: (*environment).to_owned() })
            }
            _ => Err(format!("`{}` is nothing that can happen", words.join(" "))),
        }
    }

    fn finish(self) -> Result<Script, String> {
        let missing = |what: &str| format!("the script has no line `{what} …`");
        let workflow = self.workflow.unwrap_or_default();
        let path = ".github/workflows/ci.yml";
        let reading = syntax::read(path, workflow.as_bytes(), None, &Options::default());
        let sheet = workflow::sheet::sheet(&reading).ok_or_else(|| {
            let findings = reading.findings();
            let first = findings.first().map(|(_, finding)| finding.message.clone());
            format!("the workflow cannot be run: {}", first.unwrap_or_default())
        })?;
        let github = json!({"event_name": "push", "ref": "refs/heads/main", "sha": "0123456789ab"});
        Ok(Script {
            title: self.title,
            sheet,
            request: Request {
                github: github.as_object().cloned().unwrap_or_default(),
                protected: self.protected,
                ..Request::default()
            },
            natures: self.natures,
            acts: self.acts,
            until: self.until.ok_or_else(|| missing("until"))?,
        })
    }
}

/// `4m`, `4m and fails`, `4m and is lost once`.
fn nature_of(text: &str) -> Result<JobNature, String> {
    let lost = || Ending::Lost("its machine is gone".to_owned());
    let (takes, fate) = text.split_once(" and ").unwrap_or((text, ""));
    let endings = match fate {
        "" => vec![Ending::Success],
        "fails" => vec![Ending::Failure],
        "is lost" => vec![lost()],
        "is lost once" => vec![lost(), Ending::Success],
        _ => return Err(format!("`{fate}` is nothing that becomes of a job")),
    };
    Ok(JobNature { takes: duration(takes)?, endings, ..JobNature::default() })
}
