//! What this program is to itself: the worker that executes a job, and the wrapper that confines a
//! step and then becomes it. Neither is for people, so neither is in the help.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use jobs::action::Mirrors;
use jobs::event::Event;
use jobs::host::{CANCEL, Errand};
use jobs::process::{Confinement, ProcessTree, Reach, Sandbox, Wrapper};
use jobs::secrets::visible;
use jobs::workbench::{Folders, Host, Limits, Runner, Source, Workbench};
use jobs::worker::{CancelSignal, execute};
use ports::clock::SystemClock;

use crate::briefing::Briefing;
use crate::exit::Exit;
use crate::wire;

/// `highroad internal-worker FOLDER`, with its errand on standard input.
pub(crate) const WORKER: &str = "internal-worker";
/// `highroad internal-exec …`
pub(crate) const EXEC: &str = "internal-exec";

/// The variables of the machine that jobs see.
const SHOWN: [&str; 6] = ["LANG", "LC_ALL", "TZ", "TERM", "USER", "LOGNAME"];

/// Does what these words ask of the program itself; `None` if they are a person's.
pub(crate) fn answer(words: &[OsString]) -> Option<ExitCode> {
    match words.get(1)?.to_str()? {
        WORKER => Some(work(Path::new(words.get(2)?))),
        EXEC => Some(jobs::process::exec_sandboxed(words[2..].iter().cloned())),
        _ => None,
    }
}

fn work(folder: &Path) -> ExitCode {
    let mut input = BufReader::new(std::io::stdin());
    let mut line = Vec::new();
    let errand = input.read_until(b'\n', &mut line).map_err(|error| error.to_string());
    let errand = errand
        .and_then(|_| serde_json::from_slice::<Errand>(&line).map_err(|error| error.to_string()));
    let worked = errand.and_then(|errand| {
        let briefing = serde_json::from_value::<Briefing>(errand.briefing.clone());
        let briefing = briefing.map_err(|error| error.to_string())?;
        let bench = bench(folder, &errand, &briefing)?;
        let cancel = CancelSignal::new();
        let told = cancel.clone();
        std::thread::spawn(move || listen(input, &told));
        execute(&errand.order, &bench, &cancel, &mut |event| tell(&event));
        Ok(())
    });
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("highroad: the worker cannot work: {why}");
            Exit::Bug.into()
        }
    }
}

/// Ends the job when its runner says so, or is no more.
fn listen(input: impl std::io::BufRead, cancel: &CancelSignal) {
    for line in input.lines() {
        if line.is_ok_and(|line| line == CANCEL) {
            cancel.cancel();
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

fn bench(folder: &Path, errand: &Errand, briefing: &Briefing) -> Result<Workbench, String> {
    let Briefing { runner, data, tree, actions, secrets, env, earlier, .. } = briefing;
    let own = Folders::within(folder);
    let folders = match earlier {
        Some(earlier) => Folders::taken_up(folder, &Folders::within(earlier)),
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
    let confinement = sandbox.map(|sandbox| {
        let wrapper = Wrapper { program, args: vec![EXEC.into()] };
        Arc::new(Confinement { wrapper, sandbox: Some(sandbox), cgroup: None, memory: None })
    });
    Ok(Workbench {
        runner: Runner::here(runner.as_str(), data.join("tools")),
        host: Host {
            path: std::env::var("PATH").unwrap_or_default(),
            variables,
            home: std::env::var_os("HOME").map(PathBuf::from),
        },
        secrets: visible(&errand.order.secrets, secrets)?,
        // Also what the job may not see must not be in its log.
        hidden: secrets.iter().map(|(_, value)| value.clone()).collect(),
        source: Source::WorkingTree(tree.clone()),
        mirrors: Mirrors {
            rules: actions.iter().map(|url| ("*".to_owned(), url.clone())).collect(),
            cache: data.join("actions"),
        },
        depot: wire::depot(data)?,
        mutable_caches: false,
        clock: Arc::new(SystemClock),
        processes: ProcessTree::begin().map_err(|error| error.to_string())?,
        confinement,
        limits: Limits::default(),
        debug: errand.order.contexts.get("debug").is_some(),
        folders,
    })
}
