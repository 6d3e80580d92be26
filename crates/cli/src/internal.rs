//! What this program is to itself: the worker that executes a job, the wrapper that confines a step
//! and then becomes it, and the keeper of an instance. None is for people, so none is in the help.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jobs::action::Mirrors;
use jobs::event::Event;
use jobs::host::{CANCEL, Errand, GO_ON};
use jobs::log::LogLimits;
use jobs::process::disk::Quota;
use jobs::process::{Confinement, Held, ProcessTree, Reach, Sandbox, Wrapper};
use jobs::secrets::visible;
use jobs::workbench::{Folders, Host, Limits, Runner, Source, Workbench};
use jobs::worker::{Breakpoint, CancelSignal, execute};
use ports::clock::SystemClock;
use serde::Deserialize as _;

use crate::briefing::{Briefing, Depots, Origin};
use crate::exit::Exit;
use crate::wire;

/// `highroad internal-worker`, with its errand on standard input.
pub(crate) const WORKER: &str = "internal-worker";
/// `highroad internal-instance`, with its task on standard input.
pub(crate) const INSTANCE: &str = "internal-instance";
/// `highroad internal-exec …`
pub(crate) const EXEC: &str = "internal-exec";

/// A job can take more of the disk than it may for this long.
const LOOK_AT_DISK_EVERY: Duration = Duration::from_millis(500);

/// The variables of the machine that jobs see.
const SHOWN: [&str; 6] = ["LANG", "LC_ALL", "TZ", "TERM", "USER", "LOGNAME"];

/// Does what these words ask of the program itself; `None` if they are a person's.
pub(crate) fn answer(words: &[OsString]) -> Option<ExitCode> {
    match words.get(1)?.to_str()? {
        WORKER => Some(work()),
        INSTANCE => Some(node::keeper::main()),
        EXEC => Some(jobs::process::exec_sandboxed(words[2..].iter().cloned())),
        _ => None,
    }
}

fn work() -> ExitCode {
    match worked() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("highroad: the worker cannot work: {why}");
            Exit::Bug.into()
        }
    }
}

fn worked() -> Result<(), String> {
    // All that needs no errand is done before there is one.
    let processes = ProcessTree::begin().map_err(|error| error.to_string())?;
    let mut input = BufReader::new(std::io::stdin());
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
    if line.is_empty() {
        // There was no further job.
        return Ok(());
    }
    let errand: Errand = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
    let briefing = Briefing::deserialize(&errand.briefing).map_err(|error| error.to_string())?;
    let breakpoint = briefing.stays.then(Breakpoint::default);
    let bench = bench(&errand, &briefing, processes, breakpoint.clone())?;
    let cancel = CancelSignal::new();
    let told = cancel.clone();
    std::thread::spawn(move || listen(input, &told, breakpoint.as_ref()));
    execute(&errand.order, &bench, &cancel, &mut |event| tell(&event));
    Ok(())
}

/// Ends the job when its runner says so, or is no more.
fn listen(input: impl std::io::BufRead, cancel: &CancelSignal, breakpoint: Option<&Breakpoint>) {
    for line in input.lines() {
        match line.as_deref() {
            Ok(CANCEL) => cancel.cancel(),
            Ok(GO_ON) => {
                if let Some(breakpoint) = breakpoint {
                    breakpoint.go_on();
                }
            }
            _ => {}
        }
    }
    cancel.cancel();
}

fn tell(event: &Event) {
    let mut line = serde_json::to_vec(event).expect("events are plain data");
    line.push(b'\n');
    // A runner that does not listen any more is noticed by the end of our input.
    let _ = std::io::stdout().lock().write_all(&line);
}

fn bench(
    errand: &Errand,
    briefing: &Briefing,
    processes: ProcessTree,
    breakpoint: Option<Breakpoint>,
) -> Result<Workbench, String> {
    let Briefing { runner, data, origin, actions, secrets, env, earlier, .. } = briefing;
    let own = Folders::within(&errand.folder);
    let folders = match earlier {
        Some(earlier) => Folders::taken_up(&errand.folder, &Folders::within(earlier)),
        None => own,
    };
    let variable = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
    let mut variables: Vec<_> = SHOWN.iter().filter_map(|name| variable(name)).collect();
    variables.extend(env.iter().cloned());
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let sandbox = briefing.sandbox.then(|| Sandbox {
        write: vec![
            folders.workspace.clone(),
            folders.temp.clone(),
            folders.home.clone(),
            PathBuf::from("/dev/null"),
        ],
        read: Reach::Everywhere,
        network: !briefing.no_network,
    });
    let held = Held::by(briefing.bounds.of_processes(), &errand.order.job.to_string());
    let is_confined = sandbox.is_some() || held.cgroup.is_some() || held.memory.is_some();
    let confinement = is_confined.then(|| {
        let wrapper = Wrapper { program, args: vec![EXEC.into()] };
        let Held { cgroup, memory } = held;
        Arc::new(Confinement { wrapper, sandbox, cgroup, memory })
    });
    // A job whose machine loses power is begun again, whatever was in its log.
    let log = LogLimits { durable: false, ..LogLimits::default() };
    let disk = briefing.bounds.disk.map(|most| Quota {
        folders: vec![folders.workspace.clone(), folders.temp.clone(), folders.home.clone()],
        most: Some(most),
        keep_free: None,
        every: LOOK_AT_DISK_EVERY,
    });
    let token = match &briefing.depot {
        Depots::Server { token, .. } => Some(token),
        Depots::Folder(_) => None,
    };
    let depot = wire::depot_of(&briefing.depot, errand.folder.join("depot"));
    let depot = depot.map_err(|error| error.to_string())?;
    Ok(Workbench {
        runner: Runner::here(runner.as_str(), data.join("tools")),
        host: Host {
            path: std::env::var("PATH").unwrap_or_default(),
            variables,
            home: std::env::var_os("HOME").map(PathBuf::from),
        },
        secrets: visible(&errand.order.secrets, secrets)?,
        // Also what the job may not see must not be in its log.
        hidden: secrets.iter().map(|(_, value)| value).chain(token).cloned().collect(),
        source: match origin {
            Origin::WorkingTree(path) => Source::WorkingTree(path.clone()),
            Origin::Repository(path) => Source::Repository(path.clone()),
            Origin::Nothing => Source::Nothing,
        },
        mirrors: Mirrors {
            rules: actions.iter().map(|url| ("*".to_owned(), url.clone())).collect(),
            cache: data.join("actions"),
        },
        depot,
        mutable_caches: false,
        clock: Arc::new(SystemClock),
        processes,
        confinement,
        breakpoint,
        limits: Limits { disk, log, ..Limits::default() },
        debug: errand.order.contexts.get("debug").is_some(),
        folders,
    })
}
