//! What jobs may change, reach and use.

use jobs::process::{Limits, Unenforced, unenforced};
use model::manifest::{Cpu, Memory};
use model::shape::FromText;

use crate::briefing::Bounds;
use crate::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Confines {
    /// Let steps write to their workspace only
    #[arg(long)]
    pub(super) sandbox: bool,

    /// Let steps reach no network; implies --sandbox
    #[arg(long)]
    pub(super) no_network: bool,

    /// What the processes of a job may have of memory together: 2GiB
    #[arg(long, value_name = "AMOUNT", value_parser = amount::<Memory>)]
    memory: Option<Memory>,

    /// How many processors a job may use: 2, 0.5
    #[arg(long, value_name = "N", value_parser = amount::<Cpu>)]
    cpus: Option<Cpu>,

    /// What the files of a job may take: 10GiB
    #[arg(long, value_name = "AMOUNT", value_parser = amount::<Memory>)]
    disk: Option<Memory>,
}

impl Confines {
    /// What each job may use.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            memory: self.memory.map(Memory::bytes),
            millicpus: self.cpus.map(Cpu::thousandths),
            disk: self.disk.map(Memory::bytes),
        }
    }
}

/// Tells which of these the kernel does not hold the jobs to.
pub(super) fn warn_of(bounds: Bounds, terminal: &mut Terminal) {
    let limits = bounds.of_processes();
    if limits == Limits::default() {
        return;
    }
    for Unenforced { limit, why } in unenforced(&limits) {
        terminal.note(&match limit {
            "memory" => format!("note: --memory holds for each process by itself: {why}"),
            _ => format!("note: --cpus does not hold: {why}"),
        });
    }
}

fn amount<T: FromText>(text: &str) -> Result<T, String> {
    T::from_text(text).map_err(|misfit| misfit.hint.unwrap_or_else(|| T::HOW.to_owned()))
}
