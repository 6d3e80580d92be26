//! One life of an instance: begun, watched, and ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use model::workload::{Port, Probe, Workload};
use ports::clock::pause;
use tokio::time::timeout;

use super::keep::{End, Keeping};
use crate::keeper::task::{Ended, Task};
use crate::supervisor::environment::{filled, variables};
use crate::supervisor::life::{Life, sweep};
use crate::supervisor::ports::{is_free, listened_by, stranger};
use crate::supervisor::probe::{Surroundings, look};
use crate::supervisor::reason;
use crate::supervisor::record::Record;
use crate::supervisor::report::InstanceState;

/// How soon one looks again whether an instance is well, at first and later.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LATER_LOOK: Duration = Duration::from_secs(1);

/// Who has read the rota a moment ago may be about to send a request to one who has left it.
const LATECOMERS: Duration = Duration::from_millis(50);

/// Why a life is not simply watched any more.
enum Turn {
    Ended(Option<Ended>),
    Unwell(String),
    Taken(String),
    Stopped,
}

impl Keeping {
    /// Lives once. Ok if it ended because it was to end for good.
    pub(super) async fn live(&mut self, adopted: Option<Life>) -> Result<(), End> {
        let failed = |reason| End { reason, port_was_taken: false };
        let life = match adopted {
            Some(life) => life,
            None => match self.begin().await {
                Ok(life) => {
                    self.lives(&life);
                    life
                }
                Err(why) => {
                    self.lived(None);
                    return Err(failed(why));
                }
            },
        };
        let mut stop = self.stop.clone();
        let turn = tokio::select! {
            biased;
            ended = life.ended() => Turn::Ended(ended),
            _ = stop.wait_for(|stop| *stop) => Turn::Stopped,
            turn = self.watch(&life) => turn,
        };
        let seat = self.shared.rota.leave(&self.instance.group, self.instance.id);
        let workload = self.workload();
        let grace = plain(workload.stop.grace);
        let ended = match &turn {
            Turn::Ended(ended) => ended.clone(),
            Turn::Unwell(_) | Turn::Taken(_) => {
                // Whoever adopts it meanwhile is not to take it for well.
                if let Some(record) = &mut self.record {
                    record.ready_since = None;
                }
                self.save();
                life.stop(grace).await
            }
            Turn::Stopped => {
                self.stops();
                if let Some(seat) = seat {
                    pause(LATECOMERS).await;
                    // Whoever takes longer is cut off.
                    let _ = timeout(self.shared.settings.drain, seat.drained()).await;
                }
                life.stop(grace).await
            }
        };
        if ended.is_none() {
            self.sweep().await;
        }
        let port = self.record.as_ref().and_then(|record| record.port);
        let was_ready = self.well.is_some();
        self.lived(ended.as_ref());
        let told = ended.as_ref().map_or_else(
            || "its keeper was killed, and it was ended with it".to_owned(),
            |ended| reason::of(ended, &workload.limits),
        );
        match turn {
            Turn::Stopped => Ok(()),
            Turn::Unwell(reason) => Err(failed(reason)),
            Turn::Taken(reason) => Err(End { reason, port_was_taken: true }),
            Turn::Ended(_) => match port.filter(|port| !was_ready && !is_free(*port)) {
                Some(port) => Err(End {
                    reason: format!("{told}; somebody else listens on port {port}"),
                    port_was_taken: workload.port == Port::Auto,
                }),
                None => Err(failed(told)),
            },
        }
    }

    async fn begin(&mut self) -> Result<Life, String> {
        let (id, shared) = (self.instance.id, Arc::clone(&self.shared));
        let workload = shared.book().workload(&self.instance.group);
        let workload = workload.ok_or("nobody has said again what is to run")?;
        let port = match workload.port {
            Port::None => None,
            Port::Auto => Some(shared.ports.any()?),
            Port::Fixed(port) => Some(shared.ports.this(port)?),
        };
        let before = self.record.take();
        let mut record = Record {
            id,
            group: self.instance.group.clone(),
            workload: Workload { env: std::collections::BTreeMap::new(), ..(*workload).clone() },
            created_at: before.as_ref().map_or_else(|| shared.clock.now(), |it| it.created_at),
            restarts: before.map_or(0, |record| record.restarts),
            port,
            ready_since: None,
            cgroup: None,
            unenforced: None,
            stopping: false,
            is_over: false,
        };
        self.record = Some(record.clone());
        let env = variables(&workload, port);
        let words = filled(&workload.command, &env).map_err(|error| error.to_string())?;
        let (cgroup, unenforced) = crate::keeper::cgroup::create(&id.to_string(), &workload.limits);
        record.cgroup.clone_from(&cgroup);
        if !unenforced.is_empty() {
            let why = format!("limits are not enforced: {}", unenforced.join("; "));
            tracing::warn!("{id}: {why}");
            record.unenforced = Some(why);
        }
        self.instance.status().take(&record);
        self.record = Some(record);
        // Before there is a keeper: one that nobody knows of would be nobody's.
        self.save();
        let task = Task {
            instance: id,
            folder: shared.folder_of(id),
            words,
            env,
            workdir: PathBuf::from(&workload.folder),
            user: workload.user.clone(),
            stop: workload.stop.clone(),
            cgroup,
            log_budget: shared.settings.log_budget,
        };
        let life = Life::begin(&shared.settings.launcher, &task).await;
        if life.is_err() {
            task.cgroup.iter().for_each(cgroups::Group::remove);
        }
        life
    }

    /// Looks after it until something is wrong with it.
    async fn watch(&mut self, life: &Life) -> Turn {
        let workload = self.workload();
        let health = &workload.health;
        if self.well.is_none() {
            let within = plain(health.ready_within);
            match timeout(within, self.until_ready(&workload, life)).await {
                Ok(None) => self.enter(),
                Ok(Some(taken)) => return Turn::Taken(taken),
                Err(_) => {
                    let port = self.port().filter(|_| health.probe != Probe::Alive);
                    let listens = listened_by(life.keeper);
                    return Turn::Unwell(reason::not_ready(within, &self.seen, port, &listens));
                }
            }
        }
        let mut bad = 0;
        loop {
            pause(plain(health.interval).max(FIRST_LOOK)).await;
            match self.look(&workload).await {
                Ok(()) => bad = 0,
                Err(why) => {
                    bad += 1;
                    if bad >= health.failures.max(1) {
                        return Turn::Unwell(format!(
                            "not well any more, {bad} times in a row: {why}"
                        ));
                    }
                }
            }
            let well_after = self.shared.settings.backoff.well_after;
            if bad == 0 && self.well.is_some_and(|well| well.elapsed() >= well_after) {
                self.forgive();
            }
        }
    }

    /// None once it is well; or who else answers in its place.
    async fn until_ready(&mut self, workload: &Workload, life: &Life) -> Option<String> {
        let most = plain(workload.health.interval).clamp(FIRST_LOOK, LATER_LOOK);
        let mut next = FIRST_LOOK;
        loop {
            match self.look(workload).await {
                Ok(()) => break,
                Err(why) => self.seen = why,
            }
            pause(next).await;
            next = (next * 2).min(most);
        }
        let (port, id) = (self.port()?, self.instance.id.to_string());
        let keeper = life.keeper;
        let find = tokio::task::spawn_blocking(move || stranger(port, keeper, &id));
        let stranger = find.await.ok().flatten()?;
        Some(format!("port {port} is answered by another process: {stranger}"))
    }

    async fn look(&self, workload: &Workload) -> Result<(), String> {
        let health = &workload.health;
        let now = self.shared.book().workload(&self.instance.group);
        if matches!(health.probe, Probe::Command(_)) && now.is_none() {
            // Its variables are not known again yet.
            return Ok(());
        }
        let env = match (&health.probe, &now) {
            (Probe::Command(_), Some(now)) => variables(now, self.port()),
            _ => Vec::new(),
        };
        let around = Surroundings {
            env: &env,
            workdir: workload.folder.as_ref(),
            user: workload.user.as_deref(),
        };
        look(&health.probe, self.port(), &around, plain(health.timeout).max(FIRST_LOOK)).await
    }

    fn stops(&mut self) {
        if let Some(record) = &mut self.record {
            record.stopping = true;
        }
        self.save();
        let now = self.shared.clock.now();
        let mut status = self.instance.status();
        (status.state, status.since) = (InstanceState::Stopping, now);
        drop(status);
        self.shared.tell();
    }

    async fn sweep(&self) {
        let id = self.instance.id.to_string();
        let cgroup = self.record.as_ref().and_then(|record| record.cgroup.clone());
        let _ = tokio::task::spawn_blocking(move || sweep(&id, cgroup.as_ref())).await;
    }

    /// What lives now.
    fn workload(&self) -> Workload {
        self.record.as_ref().expect("whatever lives has a record").workload.clone()
    }

    fn port(&self) -> Option<u16> {
        self.record.as_ref()?.port
    }
}

fn plain(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}
