//! `highroad node status`: what runs, and who gets the requests.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use model::id::ReleaseId;
use model::intent::Weight;
use model::route::Route;
use node::status::{InstanceReport, InstanceState, PlaceStatus, Status as Told};
use ports::clock::Clock as _;

use super::{Found, unreachable};
use crate::amount;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::grid::{Column, Grid};
use crate::sign::Sign;
use crate::terminal::{Paint, Terminal};
use crate::wire;

/// Show what runs, and who gets the requests
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    found: Found,
}

impl Status {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let client = self.found.client(global)?;
        let status = client.status();
        let status = wire::block_on(async { status.await.map_err(|error| unreachable(&error)) })?;
        if terminal.json() {
            terminal.print_json(&status)?;
        } else {
            let page = page(&status, wire::clock().now(), terminal.paint());
            terminal.print(&page)?;
        }
        Ok(Exit::Success)
    }
}

fn page(status: &Told, now: Timestamp, paint: Paint) -> String {
    let mut page = head(status, now);
    for note in &status.notes {
        let _ = writeln!(page, "{}", paint.sign(Sign::Waiting, note));
    }
    for place in &status.places {
        let way = place.route.as_ref().map_or_else(|| "no way in".to_owned(), way);
        let _ =
            writeln!(page, "\n{}  {}", paint.heading(&place.place.to_string()), paint.faint(&way));
        let instances = status.instances.iter().filter(|it| it.group.place == place.place);
        for line in releases(place, &instances.collect::<Vec<_>>()).lines(paint) {
            let _ = writeln!(page, "  {line}");
        }
        if let Some(trip) = place.split.as_ref().and_then(|split| split.trip.as_ref()) {
            let told = format!(
                "{} was cut off {}: {} of {} requests bad, {} of {} on the release before",
                trip.candidate,
                amount::ago(trip.at, now),
                trip.candidate_seen.bad,
                trip.candidate_seen.requests,
                trip.baseline_seen.bad,
                trip.baseline_seen.requests,
            );
            let _ = writeln!(page, "  {}", paint.sign(Sign::Stopped, &told));
        }
    }
    if status.places.is_empty() {
        page.push_str("\nno server has told it what to serve\n");
    }
    page
}

fn head(status: &Told, now: Timestamp) -> String {
    let heard = match status.heard {
        Some(heard) => format!("a server spoke {}", amount::ago(heard, now)),
        None => "no server has spoken since".to_owned(),
    };
    let http = status.http.iter().map(|address| format!("http://{address}"));
    let https = status.https.iter().map(|address| format!("https://{address}"));
    let addresses: Vec<_> = http.chain(https).collect();
    format!(
        "node {}, process {}, began {}; {heard}\nlistens on {}\n",
        status.version,
        status.pid,
        amount::ago(status.since, now),
        addresses.join(" ")
    )
}

fn way(route: &Route) -> String {
    let path = route.path.trim_end_matches('/');
    let ways = route.hosts.iter().map(|host| format!("{host}{path}"));
    ways.collect::<Vec<_>>().join(" ")
}

/// The releases of a place that run or have a share, a row for each.
fn releases(place: &PlaceStatus, instances: &[&InstanceReport]) -> Grid {
    let mut grid = Grid::new(&[
        Column::Words("release"),
        Column::Number("share"),
        Column::Number("ready"),
        Column::Number("restarts"),
        Column::Number("memory"),
        Column::Words("last end"),
    ]);
    let shares = place.split.iter().flat_map(|split| &split.split.shares);
    let running = instances.iter().map(|instance| instance.group.release);
    let releases: BTreeSet<ReleaseId> = running.chain(shares.map(|share| share.release)).collect();
    // The newest first.
    for release in releases.into_iter().rev() {
        let own: Vec<_> =
            instances.iter().filter(|instance| instance.group.release == release).collect();
        let ready = own.iter().filter(|instance| instance.state == InstanceState::Ready).count();
        let share = place.split.as_ref().map_or(Weight::NONE, |split| split.weight(release));
        let last_end = own.iter().filter_map(|instance| instance.last_end.as_ref());
        let last_end = last_end.max_by_key(|end| end.at).and_then(|end| end.reason.lines().next());
        grid.row([
            own.first().map_or_else(|| release.to_string(), |instance| instance.version.clone()),
            share.to_string(),
            format!("{ready} of {}", own.len()),
            own.iter().map(|instance| instance.restarts).sum::<u32>().to_string(),
            amount::bytes(own.iter().map(|instance| instance.usage.memory).sum()),
            last_end.unwrap_or_default().to_owned(),
        ]);
    }
    grid
}
