//! One life of an instance: its keeper, as this process holds it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::settings::Launcher;
use super::watched::watched;
use crate::keeper::task::{
    Answer, ENDED, Ended, Exit, KEEPER, KILL, ORDERS, STARTED, STOP, Started, Task,
};
use crate::keeper::tree::{Census, Identity, Process, kill_all};
use crate::keeper::{self};

/// How long a keeper may take beyond the grace of its program before it is killed itself.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a keeper may take to start its program.
const ANSWER: Duration = Duration::from_secs(30);

/// More than that is no answer of a keeper.
const MOST_ANSWER: u64 = 64 << 10;

/// A keeper that runs.
#[derive(Debug)]
pub(super) struct Life {
    folder: PathBuf,
    handle: AsyncFd<OwnedFd>,
    pub(super) keeper: Pid,
    /// None if its keeper was found before it had started.
    pub(super) program: Option<u32>,
}

impl Life {
    /// Starts a keeper, and returns once it has started the program.
    pub(super) async fn begin(launcher: &Launcher, task: &Task) -> Result<Self, String> {
        for file in [KEEPER, STARTED, ENDED] {
            let _ = fs::remove_file(task.folder.join(file));
        }
        let trouble = |error: io::Error| format!("the keeper cannot be started: {error}");
        let mut command = Command::new(&launcher.program);
        command.args(&launcher.args).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(trouble)?;
        let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let keeper = pid.ok_or_else(|| "the keeper has ended at once".to_owned())?;
        let handle = rustix::process::pidfd_open(keeper, rustix::process::PidfdFlags::empty());
        let handle = handle.map_err(|error| trouble(error.into()))?;
        let handle = watched(handle).map_err(trouble)?;

        let Ok(answer) = timeout(ANSWER, told(&mut child, task)).await else {
            let _ = pidfd_send_signal(handle.get_ref(), Signal::KILL);
            return Err(format!("the keeper has not answered within {ANSWER:?}"));
        };
        let program = match answer.map_err(trouble)? {
            Some(Answer::Started(Started { pid, .. })) => Some(pid),
            Some(Answer::Failed(why)) => return Err(why),
            None => return Err("the keeper has ended without a word".to_owned()),
        };
        Ok(Self { folder: task.folder.clone(), handle, keeper, program })
    }

    /// Takes over the keeper of an instance, if it still runs.
    pub(super) fn find(folder: &Path) -> io::Result<Option<Self>> {
        let Some(identity) = keeper::read::<Identity>(folder, KEEPER) else { return Ok(None) };
        let (Some(handle), Some(keeper)) = (identity.hold(), Pid::from_raw(identity.pid)) else {
            return Ok(None);
        };
        let program = keeper::read::<Started>(folder, STARTED).map(|started| started.pid);
        let (folder, handle) = (folder.to_owned(), watched(handle)?);
        Ok(Some(Self { folder, handle, keeper, program }))
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Option<Ended> {
        // It stays ready once the keeper has ended.
        let _ = self.handle.readable().await;
        ended(&self.folder)
    }

    /// Asks it to end, insists after its grace, and waits until nothing of it is left but what
    /// [`sweep`] finds.
    pub(super) async fn stop(&self, grace: Duration) -> Option<Ended> {
        self.order(STOP);
        if let Ok(ended) = timeout(grace + PATIENCE, self.ended()).await {
            return ended;
        }
        self.order(KILL);
        if let Ok(ended) = timeout(PATIENCE, self.ended()).await {
            return ended;
        }
        let _ = pidfd_send_signal(self.handle.get_ref(), Signal::KILL);
        self.ended().await
    }

    fn order(&self, order: u8) {
        // Without a keeper there is nobody on the other side, and nobody to stop.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let orders = rustix::fs::open(self.folder.join(ORDERS), flags, Mode::empty());
        let _ = orders.and_then(|to| rustix::io::write(to, &[order]));
    }
}

/// Tells a keeper its task, and hears what it answers; nothing if it has ended.
async fn told(child: &mut Child, task: &Task) -> io::Result<Option<Answer>> {
    if let Some(mut stdin) = child.stdin.take() {
        // One that ended before it was told says why, or nothing.
        let _ = stdin.write_all(&serde_json::to_vec(task)?).await;
    }
    let Some(stdout) = child.stdout.take() else { return Ok(None) };
    let mut lines = BufReader::new(stdout.take(MOST_ANSWER)).lines();
    while let Some(line) = lines.next_line().await? {
        // What else its program says is for nobody.
        if let Ok(answer) = serde_json::from_str(&line) {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// How the life of an instance ended whose keeper has ended; none if nobody could say.
pub(super) fn ended(folder: &Path) -> Option<Ended> {
    keeper::read::<Ended>(folder, ENDED).filter(|ended| ended.exit != Exit::Unknown)
}

/// Kills whoever a keeper that was killed has left. It may take a while.
pub(super) fn sweep(instance: &str, cgroup: Option<&cgroups::Group>) {
    if let Some(cgroup) = cgroup {
        cgroup.kill();
    }
    let find = || {
        let mut found = Census::take()?.marked(instance);
        let members = cgroup.map(cgroups::Group::members).unwrap_or_default();
        let members = members.into_iter().filter_map(Pid::from_raw).filter_map(Process::look);
        found.extend(members.filter(|process| !process.is_zombie));
        Ok(found)
    };
    match kill_all(find) {
        Ok(left) if left.is_empty() => {}
        Ok(left) => tracing::warn!("{} processes of {instance} cannot be killed", left.len()),
        Err(error) => tracing::warn!("what {instance} left cannot be found: {error}"),
    }
    if let Some(cgroup) = cgroup {
        cgroup.remove();
    }
}
