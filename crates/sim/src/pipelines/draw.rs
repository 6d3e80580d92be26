//! Draws workflows from a seed, what becomes of their jobs, and what people say to their runs.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use engine::pipeline::Word;
use jiff::SignedDuration;
use model::pipeline::{Ending, Protection, Request, Sheet};
use ports::fake::{JobNature, Seeded};
use serde_json::json;
use workflow::sheet::sheet;
use workflow::syntax::{self, Files, Options, Place};

/// Runs of workflows beside each other, and their fates.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) pushes: Vec<Push>,
    /// By the names of the jobs.
    pub(super) natures: BTreeMap<String, JobNature>,
    approvals: u32,
    /// Whether those who are asked say yes.
    approves: bool,
    pub(super) servers: usize,
    /// Nothing in it goes by what comes first.
    pub(super) is_tame: bool,
}

/// The beginning of a run.
#[derive(Debug, Clone)]
pub(super) struct Push {
    /// After the story's beginning.
    pub(super) after: SignedDuration,
    file: String,
    called: String,
    pub(super) sheet: Sheet,
    /// When somebody ends it, each time so long after the last, and whether by force.
    pub(super) cancels: Vec<(SignedDuration, bool)>,
    /// The names of the jobs that runners get to see.
    leaves: Vec<String>,
}

impl Push {
    /// One of so many, whose jobs have names of their own.
    fn drawn(luck: &Seeded, is_tame: bool, letter: &str, is_alone: bool) -> Self {
        // Runs hold each other's groups in one order only: nobody finds out who waits in a circle.
        let groups = if is_alone { "g" } else { "p" };
        let mut called = Pen::new(luck, is_tame, None, groups);
        called.jobs("k", 1 + luck.below(3));
        let mut pen = Pen::new(luck, is_tame, Some(&called.leaves), "g");
        let most = if is_alone { 7 } else { 4 };
        pen.jobs(letter, 1 + luck.below(most));
        let whole = if luck.one_in(if is_alone { 6 } else { 2 }) {
            format!("concurrency: {}\n", pen.group("a"))
        } else {
            String::new()
        };
        let (file, called) = (format!("on: push\n{whole}jobs:\n{}", pen.text), called.as_called());
        let after = if is_alone { 1 } else { 40 };
        Self {
            after: SignedDuration::from_mins(i64::try_from(luck.below(after)).unwrap_or(0)),
            sheet: read(&file, &called),
            cancels: cancels(luck, is_tame),
            leaves: pen.leaves,
            file,
            called,
        }
    }
}

impl Story {
    pub(super) fn drawn(seed: u64) -> Self {
        let luck = Seeded::new(seed ^ 0x0b5);
        let is_tame = !luck.one_in(3);
        let letters = if luck.one_in(2) { &["j"][..] } else { &["j", "l", "m"] };
        let letters = letters.iter().take(1 + usize::try_from(luck.below(3)).unwrap_or(0));
        let is_alone = letters.len() == 1;
        let push = |letter: &&str| Push::drawn(&luck, is_tame, letter, is_alone);
        let pushes: Vec<_> = letters.map(push).collect();
        let mut natures = BTreeMap::new();
        for push in &pushes {
            let mut losses = 10;
            let names = push.leaves.iter().cloned();
            natures.extend(names.map(|name| (name, nature(&luck, &mut losses))));
        }
        Self {
            pushes,
            natures,
            approvals: u32::try_from(1 + luck.below(2)).unwrap_or(1),
            approves: !luck.one_in(4),
            servers: if luck.one_in(4) { 2 } else { 1 },
            is_tame,
        }
    }

    pub(super) fn request(&self) -> Request {
        let github = json!({"event_name": "push", "ref": "refs/heads/main", "sha": "0123456789ab"});
        let environment = ENVIRONMENT.to_owned();
        Request {
            github: github.as_object().cloned().unwrap_or_default(),
            protected: vec![Protection { environment, approvals: self.approvals }],
            ..Request::default()
        }
    }

    /// Who says what while a job waits for consent.
    pub(super) fn answers(&self) -> Vec<(&'static str, Word)> {
        let environment = ENVIRONMENT.to_owned();
        if !self.approves {
            return vec![("person:bob", Word::Reject { environment })];
        }
        let approve = Word::Approve { environment };
        vec![("person:bob", approve.clone()), ("person:cy", approve)]
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { approvals, approves, servers, is_tame, .. } = self;
        writeln!(f, "servers: {servers}, tame: {is_tame}")?;
        writeln!(f, "approvals: {approvals}, approves: {approves}")?;
        for Push { after, file, called, cancels, .. } in &self.pushes {
            writeln!(f, "after {after:#}, cancels: {cancels:?}\n{file}\ncalled.yml:\n{called}")?;
        }
        for (name, JobNature { takes, endings, .. }) in &self.natures {
            writeln!(f, "  {name} takes {takes:#}, then {endings:?}")?;
        }
        Ok(())
    }
}

const ENVIRONMENT: &str = "production";

/// Writes the jobs of one workflow.
struct Pen<'a> {
    luck: &'a Seeded,
    is_tame: bool,
    /// The names of the jobs of the workflow that may be called.
    called: Option<&'a [String]>,
    /// What the names of its jobs' groups begin with.
    groups: &'a str,
    text: String,
    /// The names of the jobs that runners get to see.
    leaves: Vec<String>,
}

impl<'a> Pen<'a> {
    fn new(luck: &'a Seeded, is_tame: bool, called: Option<&'a [String]>, groups: &'a str) -> Self {
        Self { luck, is_tame, called, groups, text: String::new(), leaves: Vec::new() }
    }

    /// The first job is there in any case; others may need those before them.
    fn jobs(&mut self, letter: &str, count: u64) {
        for number in 0..count {
            let earlier = (0..number).filter(|_| self.luck.one_in(3)).take(3);
            let needs: Vec<_> = earlier.map(|earlier| format!("{letter}{earlier}")).collect();
            self.job(&format!("{letter}{number}"), &needs);
        }
    }

    fn job(&mut self, key: &str, needs: &[String]) {
        let luck = self.luck;
        let parts = self.called.filter(|_| luck.one_in(5));
        self.line(&format!("  {key}:"));
        self.key("needs", &format!("[{}]", needs.join(", ")));
        if let Some(condition) = self.condition(needs) {
            self.key("if", &format!("\"{condition}\""));
        }
        let cells = luck.one_in(3).then(|| self.matrix(needs));
        if luck.one_in(5) && (self.called.is_some() || !self.is_tame) {
            self.key("concurrency", &self.group(self.groups));
        }
        let names = match cells {
            None => vec![key.to_owned()],
            Some(cells) => (0..cells).map(|cell| format!("{key} ({cell})")).collect(),
        };
        if let Some(parts) = parts {
            self.key("uses", "./.github/workflows/called.yml");
            for name in names {
                self.leaves.extend(parts.iter().map(|part| format!("{name} / {part}")));
            }
            return;
        }
        if luck.one_in(6) {
            let which = if cells.is_some() { "${{ matrix.n == 1 }}" } else { "true" };
            self.key("continue-on-error", which);
        }
        if luck.one_in(6) {
            self.key("environment", ENVIRONMENT);
        }
        self.key("outputs", "{cells: x, flag: x}");
        self.key("runs-on", "linux");
        self.key("steps", "[{run: make}]");
        self.leaves.extend(names);
    }

    /// One of two groups, and how it is entered.
    fn group(&self, letter: &str) -> String {
        let how = if self.is_tame { "queue: max" } else { self.luck.pick(&HOW) };
        format!("{{group: {letter}{}, {how}}}", self.luck.below(2))
    }

    fn condition(&self, needs: &[String]) -> Option<String> {
        let luck = self.luck;
        let need = (!needs.is_empty()).then(|| luck.pick(needs));
        match (luck.below(10), need) {
            (0, _) => Some("always()".to_owned()),
            (1, _) => Some("failure()".to_owned()),
            (2, _) => Some("success() || failure()".to_owned()),
            (3, _) => Some("!cancelled()".to_owned()),
            (4, Some(need)) => Some(format!("needs.{need}.outputs.flag == 'yes'")),
            (5, Some(need)) => Some(format!("always() && needs.{need}.result == 'failure'")),
            _ => None,
        }
    }

    /// How many cells there are at most.
    fn matrix(&mut self, needs: &[String]) -> u64 {
        let luck = self.luck;
        let (count, axis) = if !needs.is_empty() && luck.one_in(3) {
            (FOUND, format!("\"${{{{ fromJSON(needs.{}.outputs.cells) }}}}\"", luck.pick(needs)))
        } else {
            let count = 1 + luck.below(4);
            let cells: Vec<_> = (0..count).map(|cell| cell.to_string()).collect();
            (count, format!("[{}]", cells.join(", ")))
        };
        let fail_fast = !self.is_tame && luck.one_in(2);
        let most = 1 + luck.below(4);
        let strategy = format!("fail-fast: {fail_fast}, max-parallel: {most}");
        self.key("strategy", &format!("{{{strategy}, matrix: {{n: {axis}}}}}"));
        count
    }

    /// The file, as one that is called.
    fn as_called(&self) -> String {
        let output = |name: &str| format!("{name}: {{value: '${{{{ jobs.k0.outputs.{name} }}}}'}}");
        let outputs = format!("{}, {}", output("cells"), output("flag"));
        let whole = if self.luck.one_in(4) {
            format!("concurrency: {}\n", self.group("h"))
        } else {
            String::new()
        };
        format!("on: {{workflow_call: {{outputs: {{{outputs}}}}}}}\n{whole}jobs:\n{}", self.text)
    }

    fn key(&mut self, key: &str, value: &str) {
        self.line(&format!("    {key}: {value}"));
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("texts take all");
    }
}

/// How jobs of one group get along where what comes first may count.
const HOW: [&str; 3] = ["queue: max", "cancel-in-progress: false", "cancel-in-progress: true"];

/// How many cells a job finds, if it is one that finds any.
const FOUND: u64 = 2;

/// What becomes of the jobs of one name. Losses are rationed, so that no run's retries run out:
/// whose were the last would go by what comes first.
fn nature(luck: &Seeded, losses: &mut u64) -> JobNature {
    let minutes = |most| SignedDuration::from_mins(i64::try_from(luck.below(most)).unwrap_or(0));
    let lost = || Ending::Lost("its machine is gone".to_owned());
    let endings = match luck.below(20) {
        0..=1 => vec![Ending::Failure],
        2 => vec![Ending::Failure, Ending::Success],
        3 => vec![Ending::Invalid("there is no such image".to_owned())],
        4 => vec![Ending::TimedOut],
        5..=7 if *losses >= 1 => {
            *losses -= 1;
            vec![lost(), Ending::Success]
        }
        8 if *losses >= 2 => {
            *losses -= 2;
            vec![lost()]
        }
        _ => vec![Ending::Success],
    };
    let cells: Vec<_> = (0..FOUND).collect();
    let flag = if luck.one_in(2) { "yes" } else { "no" };
    JobNature {
        takes: minutes(20),
        endings,
        outputs: vec![
            ("cells".to_owned(), json!(cells).to_string()),
            ("flag".to_owned(), flag.to_owned()),
        ],
        lingers: minutes(2),
    }
}

fn cancels(luck: &Seeded, is_tame: bool) -> Vec<(SignedDuration, bool)> {
    let after = || SignedDuration::from_mins(i64::try_from(luck.below(30)).unwrap_or(0));
    match luck.below(4) {
        _ if is_tame => Vec::new(),
        0 => vec![(after(), false)],
        1 => vec![(after(), false), (after(), true)],
        2 => vec![(after(), true)],
        _ => Vec::new(),
    }
}

fn read(file: &str, called: &str) -> Sheet {
    struct Called<'a>(&'a str);

    impl Files for Called<'_> {
        fn read(&self, _: &Place) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    let (path, options) = (".github/workflows/ci.yml", Options::default());
    let reading = syntax::read(path, file.as_bytes(), Some(&Called(called)), &options);
    sheet(&reading).unwrap_or_else(|| panic!("{:#?}\n{file}\n{called}", reading.problems))
}
