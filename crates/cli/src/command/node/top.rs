//! `highroad node top`: requests, errors and times, second by second.

use std::collections::BTreeMap;
use std::time::Duration;

use model::intent::{Group, Weight};
use node::client::NodeClient;
use node::stats::{Counts, Second};
use node::status::{InstanceState, Status};
use ports::clock::pause;

use super::{Found, unreachable};
use crate::amount;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::grid::{Column, Grid};
use crate::terminal::Terminal;
use crate::wire;

/// Watch requests, errors and times of every release, second by second
///
/// Shows the last ten seconds, and goes on until Ctrl-C. Where nobody watches, in a pipe, it shows
/// them once.
#[derive(Debug, clap::Args)]
pub(super) struct Top {
    #[command(flatten)]
    found: Found,
}

/// Over how many seconds rates are told.
const SECONDS: usize = 10;
const SECOND: Duration = Duration::from_secs(1);

impl Top {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let client = self.found.client(global)?;
        wire::block_on(watch(&client, terminal))
    }
}

async fn watch(client: &NodeClient, terminal: &mut Terminal) -> Result<Exit, Error> {
    let trouble = |error| unreachable(&error);
    let is_live = terminal.can_show_passing();
    let mut signals = wire::Signals::new()?;
    let mut seconds = client.seconds(SECONDS, is_live).await.map_err(trouble)?;
    let mut window = Vec::new();
    loop {
        let mut is_over = false;
        tokio::select! {
            second = seconds.next() => {
                let second = second.map_err(trouble)?;
                is_over = second.is_none();
                window.extend(second);
            }
            // Seconds in which nothing came are not sent.
            () = pause(SECOND) => {}
            () = signals.interrupted() => return Ok(Exit::Success),
        };
        window.drain(..window.len().saturating_sub(SECONDS));
        // What came before anybody looked comes at once.
        if seconds.has_next() || (!is_live && !is_over) {
            continue;
        }
        let status = client.status().await.map_err(trouble)?;
        let lines = rows(&status, &window);
        if is_live {
            terminal.show_passing(&grid(&lines).lines(terminal.paint()))?;
        } else if terminal.json() {
            terminal.print_json(&lines)?;
        } else {
            terminal.print(&(grid(&lines).lines(terminal.paint()).join("\n") + "\n"))?;
        }
        if is_over {
            return Ok(Exit::Success);
        }
    }
}

/// A release as it has fared of late.
#[derive(Debug, PartialEq, serde::Serialize)]
struct Line {
    place: String,
    release: String,
    share: Weight,
    ready: usize,
    requests_per_second: f64,
    bad_percent: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    bytes_out_per_second: f64,
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn rows(status: &Status, window: &[Second]) -> Vec<Line> {
    let mut groups: BTreeMap<Group, Counts> = BTreeMap::new();
    for place in &status.places {
        for share in place.split.iter().flat_map(|split| &split.split.shares) {
            let group = Group { place: place.place.clone(), release: share.release };
            groups.entry(group).or_default();
        }
    }
    for row in window.iter().flat_map(|second| &second.rows) {
        groups.entry(row.group.clone()).or_default().add(&row.counts);
    }
    // Seconds without any request are not kept: the window is as long as the time it spans.
    let span = match window {
        [first, .., last] => last.at.duration_since(first.at).as_secs_f64() + 1.0,
        _ => 1.0,
    };
    let line = |(group, counts): (Group, Counts)| {
        let own = status.instances.iter().filter(|instance| instance.group == group);
        let own: Vec<_> = own.collect();
        let version = own.first().map(|instance| instance.version.clone());
        let split = status.places.iter().find(|place| place.place == group.place);
        let share =
            split.and_then(|place| place.split.as_ref()).map(|split| split.weight(group.release));
        let answers = counts.latencies();
        let quantile = |part| answers.quantile(part).map(|micros| micros as f64 / 1_000.0);
        let requests = counts.requests as f64;
        Line {
            place: group.place.to_string(),
            release: version.unwrap_or_else(|| group.release.to_string()),
            share: share.unwrap_or(Weight::NONE),
            ready: own.iter().filter(|instance| instance.state == InstanceState::Ready).count(),
            requests_per_second: requests / span,
            bad_percent: if requests > 0.0 { counts.bad as f64 / requests * 100.0 } else { 0.0 },
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            bytes_out_per_second: counts.bytes_out as f64 / span,
        }
    };
    groups.into_iter().map(line).collect()
}

fn grid(lines: &[Line]) -> Grid {
    let mut grid = Grid::new(&[
        Column::Words("place"),
        Column::Words("release"),
        Column::Number("share"),
        Column::Number("ready"),
        Column::Number("req/s"),
        Column::Number("bad"),
        Column::Number("p50"),
        Column::Number("p99"),
        Column::Number("out/s"),
    ]);
    for line in lines {
        let time = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
        let out = line.bytes_out_per_second as u64;
        grid.row([
            line.place.clone(),
            line.release.clone(),
            line.share.to_string(),
            line.ready.to_string(),
            format!("{:.1}", line.requests_per_second),
            format!("{:.2} %", line.bad_percent),
            time(line.p50_ms),
            time(line.p99_ms),
            amount::bytes(out),
        ]);
    }
    grid
}
