//! A server that is there to be killed: a real conductor on a real store, told by lines.
//!
//! Each line in is one word with its command; each line out acknowledges one. Whoever kills the
//! server says again what was not acknowledged.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use conductor::{Conductor, Handle, HandleError, Hands, Kinds, Settings};
use engine::rollout::{Rollouts, Word};
use jiff::SignedDuration;
use model::fact::Actor;
use model::id::{CommandId, ReleaseId, RolloutId};
use model::intent::Weight;
use model::name::Place;
use model::rollout::{Plan, PlanDraft, Release, Rollout, Step};
use ports::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::file_node::FileNode;
use crate::stores;

/// One line to the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub command: CommandId,
    pub rollout: RolloutId,
    pub order: Order,
}

/// What a line says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    Start {
        place: Place,
        candidate: ReleaseId,
        stable: ReleaseId,
        /// It holds its first step until it is aborted.
        is_slow: bool,
    },
    Abort,
}

/// Serves lines until it is killed or the last line has come.
pub fn live(name: &str, url: &str, node: FileNode) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = stores::open(url).await?;
        let node = Arc::new(node);
        let hands = Hands { workloads: node.clone(), traffic: node, ..Hands::default() };
        let settings = Settings {
            retry_after: SignedDuration::from_millis(5),
            hold_for: SignedDuration::from_millis(500),
            poll_every: Some(SignedDuration::from_millis(20)),
            audit_every: SignedDuration::from_millis(50),
            ..Settings::among_others(name)
        };
        let kinds = Kinds::default().with(Rollouts);
        let (conductor, handle) =
            Conductor::new(store, hands, Arc::new(SystemClock), kinds, settings);
        let (sender, mut lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let answering = async {
            let mut answers = futures_util::stream::FuturesUnordered::new();
            loop {
                tokio::select! {
                    line = lines.recv() => match line {
                        Some(line) => answers.push(obey(handle.clone(), line)),
                        None => return,
                    },
                    Some(()) = futures_util::StreamExt::next(&mut answers) => {}
                }
            }
        };
        tokio::select! {
            () = answering => {}
            () = conductor.run() => {}
        }
        Ok(())
    })
}

/// The plan of a rollout that is over in a moment, or that waits to be aborted.
pub fn plan(is_slow: bool) -> Plan {
    let hold = if is_slow { SignedDuration::from_hours(1) } else { SignedDuration::from_millis(2) };
    let step = |percent, hold| Step {
        weight: Weight::from_percent(percent).expect("at most the whole"),
        hold,
    };
    let draft = PlanDraft {
        instances: 2,
        steps: vec![
            step(10, hold),
            step(50, SignedDuration::from_millis(2)),
            step(100, SignedDuration::from_millis(2)),
        ],
        ready_within: SignedDuration::from_mins(5),
        look_every: SignedDuration::from_millis(2),
        unwell_for: SignedDuration::from_mins(5),
        guard: None,
    };
    Plan::try_from(draft).expect("a sane draft")
}

async fn obey(handle: Handle, line: String) {
    let Line { command, rollout, order } =
        serde_json::from_str(&line).expect("whoever kills speaks well");
    let by: Actor = "system:killer".parse().expect("a well-formed actor");
    let reply = match order {
        Order::Start { place, candidate, stable, is_slow } => {
            let release = |id, version: &str| Release { id, version: version.to_owned() };
            let (new, old) = (release(candidate, "new"), release(stable, "old"));
            let now = SystemClock.now();
            let state = Rollout::new(rollout, place, new, Some(old), plan(is_slow), now);
            handle.start::<Rollouts>(rollout.into(), state, by, command).await
        }
        Order::Abort => {
            let word = Word::Abort { why: "told to".to_owned() };
            handle.tell::<Rollouts>(rollout.into(), word, by, command).await
        }
    };
    let mut out = io::stdout().lock();
    let written = match reply {
        Ok(_) => writeln!(out, "ack {command}"),
        Err(HandleError::Store(error)) => writeln!(out, "later {command} {error}"),
        Err(error) => writeln!(out, "no {command} {error}"),
    };
    written.and_then(|()| out.flush()).expect("whoever kills listens");
}
