//! Ending a program in a container. No engine has a word for that, so it is done from within: by a
//! shell that finds all processes with the step's own variable.

use std::time::Duration;

use bollard::query_parameters::KillContainerOptions;

use super::What;
use crate::container::engine::{Engine, Until};

/// Ends with 0 where somebody was told, with 1 where there is nobody.
const TELL: &str = r#"command -v tr >/dev/null && command -v grep >/dev/null || exit 2
found=1
for folder in /proc/[0-9]*; do
  if tr '\000' '\n' <"$folder/environ" | grep -qxF "RUNNER_TRACKING_ID=$2"; then
    kill -s "$1" "${folder#/proc/}" && found=0
  fi
done 2>/dev/null
exit $found"#;
const NOBODY: i64 = 1;

const PATIENCE: Duration = Duration::from_secs(10);
/// How often the rest is looked for: who forks may be missed, and found the next time.
const ROUNDS: usize = 10;

impl What {
    /// Tells all of it; whether there was anybody.
    pub(super) fn signal(&self, engine: &Engine, signal: &str) -> bool {
        match self {
            Self::Container { id } => tell(engine, id, signal),
            Self::Program { container, tracking, .. } => {
                let words = ["/bin/sh", "-c", TELL, "sh", signal, tracking].map(str::to_owned);
                let until = Until::default();
                match super::ask(engine, container, &words, None, PATIENCE, &until) {
                    Ok((0, _)) => true,
                    Ok((NOBODY, _)) => false,
                    // Without a shell and its kin the whole container is all that can be ended.
                    Ok(_) | Err(_) => signal != "INT" && tell(engine, container, "KILL"),
                }
            }
        }
    }

    pub(super) fn kill(&self, engine: &Engine) {
        for _ in 0..ROUNDS {
            if !self.signal(engine, "KILL") {
                return;
            }
        }
    }
}

fn tell(engine: &Engine, container: &str, signal: &str) -> bool {
    let options = KillContainerOptions { signal: format!("SIG{signal}") };
    let kill = engine.docker.kill_container(container, Some(options));
    engine.within(PATIENCE, "", &Until::default(), kill).is_ok()
}
