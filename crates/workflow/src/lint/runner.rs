//! Runners and shells: labels that nobody has, shells that are not there.

use model::source::{Finding, Span, nearest, quoted};

use super::action::flat;
use super::expression::path;
use super::{Options, Report};
use crate::syntax::model::{Job, StepWork, Steps, Work, Workflow};
use crate::syntax::{Given, Node, Text};

/// Labels of machines that GitHub offers.
const HOSTED: &[&str] = &[
    "ubuntu-latest",
    "ubuntu-slim",
    "ubuntu-26.04",
    "ubuntu-26.04-arm",
    "ubuntu-24.04",
    "ubuntu-24.04-arm",
    "ubuntu-22.04",
    "ubuntu-22.04-arm",
    "windows-latest",
    "windows-2025",
    "windows-2025-vs2026",
    "windows-2022",
    "windows-11-arm",
    "macos-latest",
    "macos-latest-large",
    "macos-latest-xlarge",
    "macos-26",
    "macos-26-intel",
    "macos-26-large",
    "macos-26-xlarge",
    "macos-15",
    "macos-15-intel",
    "macos-15-large",
    "macos-15-xlarge",
    "macos-14",
    "macos-14-large",
    "macos-14-xlarge",
];

/// Labels that GitHub took away.
const RETIRED: &[&str] = &[
    "ubuntu-16.04",
    "ubuntu-18.04",
    "ubuntu-20.04",
    "windows-2016",
    "windows-2019",
    "macos-10.15",
    "macos-11",
    "macos-12",
    "macos-12-large",
    "macos-12-xl",
    "macos-12-xlarge",
    "macos-13",
    "macos-13-large",
    "macos-13-xlarge",
];

/// Labels that every runner of one's own has.
const OWN: &[&str] = &["self-hosted", "linux", "windows", "macos", "x64", "arm", "arm64"];

const SHELLS: &[&str] = &["bash", "sh", "pwsh", "python", "cmd", "powershell"];

/// Shells of Windows alone.
const WINDOWS_SHELLS: &[&str] = &["cmd", "powershell"];

pub(super) fn check(workflow: &Workflow, options: &Options<'_>, report: &mut Report<'_>) {
    shell(workflow.defaults.shell.as_ref(), None, report);
    for job in &workflow.jobs {
        let Work::Steps(steps) = &job.work else { continue };
        labels(job, steps, options, report);
        let system = system(steps);
        shell(steps.defaults.shell.as_ref(), system, report);
        for step in flat(&steps.steps) {
            if let StepWork::Run { shell: own, .. } = &step.work {
                // A condition may ask for the system first.
                let system = system.filter(|_| step.condition.is_none());
                shell(own.as_ref(), system, report);
            }
        }
    }
}

fn labels(job: &Job, steps: &Steps, options: &Options<'_>, report: &mut Report<'_>) {
    let Some(runs_on) = &steps.runs_on else { return };
    let (grouped, texts) = match runs_on {
        Given::Computed(text) => (false, std::slice::from_ref(text)),
        Given::Fixed(runs_on) => (
            runs_on.group.is_some(),
            match &runs_on.labels {
                Given::Fixed(labels) => labels.as_slice(),
                Given::Computed(text) => std::slice::from_ref(text),
            },
        ),
    };
    let fixed: Vec<(&str, Span)> =
        texts.iter().filter_map(|text| Some((text.literal()?, text.span()))).collect();
    // Whoever has runners of their own, or groups of them, names them as they like.
    let own = grouped || fixed.iter().any(|(label, _)| label.eq_ignore_ascii_case("self-hosted"));
    if own && options.labels.is_none() {
        return;
    }
    conflict(&fixed, report);
    for (label, span) in &fixed {
        self::label(label, *span, own, options, report);
    }
    for text in texts {
        for (label, span) in from_matrix(text, job) {
            self::label(label, span, own, options, report);
            if let Some(first) = fixed.iter().find(|(fixed, _)| is_machine(fixed))
                && is_machine(label)
                && family(first.0) != family(label)
            {
                conflict(&[*first, (label, span)], report);
            }
        }
    }
}

/// "ubuntu" of `ubuntu-latest`: labels with and without a version may be the same machine.
fn family(label: &str) -> &str {
    label.split('-').next().unwrap_or(label)
}

fn is_machine(label: &str) -> bool {
    HOSTED.iter().chain(RETIRED).any(|known| known.eq_ignore_ascii_case(label))
}

/// The labels that a matrix has for `${{ matrix.key }}`.
fn from_matrix<'a>(text: &Text, job: &'a Job) -> Vec<(&'a str, Span)> {
    let root = text.template().and_then(|template| template.as_expression());
    let Some(path) = root.and_then(|expression| path(expression.root())) else { return Vec::new() };
    let [context, key] = path.as_slice() else { return Vec::new() };
    let matrix = match &job.strategy {
        Some(Given::Fixed(strategy)) if context == "matrix" => strategy.matrix.as_ref(),
        _ => None,
    };
    let entries = matrix.and_then(Node::as_mapping).unwrap_or_default();
    let named = |node: &'a Node| {
        let entries = node.as_mapping().unwrap_or_default().iter();
        entries
            .filter(|entry| entry.key.literal().is_some_and(|name| name.eq_ignore_ascii_case(key)))
    };
    let mut nodes: Vec<&Node> = Vec::new();
    for entry in entries {
        let items = entry.value.as_list().unwrap_or_default();
        match entry.key.literal() {
            Some("include") => nodes.extend(items.iter().flat_map(named).map(|entry| &entry.value)),
            Some("exclude") | None => {}
            Some(name) if name.eq_ignore_ascii_case(key) => nodes.extend(items),
            Some(_) => {}
        }
    }
    let label = |node: &'a Node| Some((node.as_text()?.literal()?, node.span));
    nodes.into_iter().filter_map(label).collect()
}

fn label(label: &str, span: Span, own: bool, options: &Options<'_>, report: &mut Report<'_>) {
    let among = |labels: &[&str]| labels.iter().any(|known| known.eq_ignore_ascii_case(label));
    let configured: Vec<&str> =
        options.labels.unwrap_or_default().iter().map(String::as_str).collect();
    if among(&configured) || among(OWN) || (among(HOSTED) && !own) {
        return;
    }
    if among(RETIRED) && !own {
        let system = label.split('-').next().unwrap_or(label);
        let message = format!("GitHub has no machines for {} any more", quoted(label));
        return report.tell(
            Finding::warning("retired-runner", message, span)
                .label("no runner takes this job")
                .hint(format!("write `{system}-latest`, or another label that there is")),
        );
    }
    let known = || HOSTED.iter().chain(&configured).copied();
    // Larger machines are called like the common ones with something behind it.
    let larger = known().any(|known| label.len() > known.len() + 1 && label.starts_with(known));
    let near = nearest(label, known().chain(OWN.iter().copied()))
        .filter(|near| !larger && near.len().abs_diff(label.len()) <= 2);
    if near.is_none() && options.labels.is_none() && !sounds_hosted(label) {
        return;
    }
    let message = format!("no runner is known that has the label {}", quoted(label));
    let finding =
        Finding::warning("unknown-runner", message, span).label("the job may wait for ever");
    report.tell(match near {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    });
}

/// Whether a label is made as GitHub's are: a system and `latest` or a version, and nothing else.
fn sounds_hosted(label: &str) -> bool {
    let Some((system, version)) = label.split_once('-') else { return false };
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let dotted =
        version.split_once('.').is_some_and(|(year, month)| digits(year, 2) && digits(month, 2));
    match system.to_lowercase().as_str() {
        "linux" | "mac" | "osx" | "win" => version == "latest",
        "ubuntu" => version == "latest" || dotted,
        "macos" => version == "latest" || dotted || digits(version, 2),
        "windows" => version == "latest" || digits(version, 4),
        _ => false,
    }
}

/// Two machines at once.
fn conflict(labels: &[(&str, Span)], report: &mut Report<'_>) {
    let mut machines = labels.iter().filter(|(label, _)| is_machine(label));
    let Some((first, place)) = machines.next() else { return };
    if let Some((second, span)) = machines.find(|(label, _)| family(label) != family(first)) {
        let message = format!("no runner is both {} and {}", quoted(first), quoted(second));
        report.tell(
            Finding::warning("conflicting-runners", message, *span)
                .label("this")
                .also(*place, "and this")
                .hint(
                    "a job runs on one machine that has all the labels; use a matrix for several",
                ),
        );
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Windows,
    Other,
}

/// The system of a job whose machine is written out.
fn system(steps: &Steps) -> Option<System> {
    let Some(Given::Fixed(runs_on)) = &steps.runs_on else { return None };
    let labels = runs_on.labels.fixed()?;
    labels.iter().filter_map(Text::literal).find_map(|label| {
        let label = label.to_lowercase();
        if label.starts_with("windows") {
            Some(System::Windows)
        } else if ["ubuntu", "macos", "linux"].iter().any(|system| label.starts_with(system)) {
            Some(System::Other)
        } else {
            None
        }
    })
}

fn shell(shell: Option<&Text>, system: Option<System>, report: &mut Report<'_>) {
    let Some((name, span)) = shell.and_then(|shell| Some((shell.literal()?, shell.span()))) else {
        return;
    };
    if name.contains("{0}") {
        return;
    }
    let among = |shells: &[&str]| shells.iter().any(|known| known.eq_ignore_ascii_case(name));
    if !among(SHELLS) {
        let message = format!("there is no shell {}", quoted(name));
        let hint = match nearest(name, SHELLS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name.contains(' ') => format!("write `{name} {{0}}`; `{{0}}` is the script"),
            None => {
                format!("write `{name} {{0}}` for a program of one's own, or one of {}", listed())
            }
        };
        report.tell(Finding::error("unknown-shell", message, span).label("unknown").hint(hint));
    } else if system == Some(System::Other) && among(WINDOWS_SHELLS) {
        let message = format!("the shell {} is there on Windows only", quoted(name));
        let hint =
            if name.eq_ignore_ascii_case("powershell") { "write `pwsh`" } else { "write `bash`" };
        let finding = Finding::error("unknown-shell", message, span);
        report.tell(finding.label("not on this job's machine").hint(hint));
    } else if system == Some(System::Windows) && name.eq_ignore_ascii_case("sh") {
        let message = "the shell `sh` is not there on Windows";
        let finding = Finding::error("unknown-shell", message, span);
        report.tell(finding.label("not on this job's machine").hint("write `bash`"));
    }
}

fn listed() -> String {
    let shells: Vec<String> = SHELLS.iter().map(|shell| quoted(shell)).collect();
    shells.join(", ")
}
