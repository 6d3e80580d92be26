//! `highroad node logs`: what instances print.

use jiff::tz::TimeZone;
use model::id::InstanceId;
use model::name::Place;
use node::client::NodeClient;
use node::logs::{LogLine, LogQuery, Source};

use super::{Found, unreachable};
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::{Paint, Terminal};
use crate::wire;

/// Show what instances print, also those that are gone
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Whose, as SERVICE/ENVIRONMENT; everybody's
    #[arg(value_name = "PLACE")]
    place: Option<Place>,

    /// Of one instance only
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<InstanceId>,

    /// Of one version only: 1.5.0
    #[arg(long, value_name = "VERSION")]
    version_of: Option<String>,

    /// How many of the last lines: 100
    #[arg(long, short = 'n', value_name = "LINES", default_value = "100")]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=10_000))]
    last: u16,

    /// Go on with what is printed from now on
    #[arg(long, short)]
    follow: bool,

    #[command(flatten)]
    found: Found,
}

impl Logs {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let client = self.found.client(global)?;
        wire::block_on(self.show(&client, terminal))
    }

    async fn show(self, client: &NodeClient, terminal: &mut Terminal) -> Result<Exit, Error> {
        let query = LogQuery {
            place: self.place,
            instance: self.instance,
            version: self.version_of,
            last: Some(self.last.into()),
            follow: self.follow,
            ..LogQuery::default()
        };
        let mut lines = client.logs(&query).await.map_err(|error| unreachable(&error))?;
        let zone = TimeZone::system();
        while let Some(line) = lines.next().await.map_err(|error| unreachable(&error))? {
            if terminal.json() {
                terminal.print_json(&line)?;
            } else {
                let shown = shown(&line, &zone, terminal.paint());
                terminal.print(&shown)?;
            }
            terminal.flush()?;
        }
        Ok(Exit::Success)
    }
}

/// `14:02:11.042  1.5.0 7kq4ta  listening on 40123`
fn shown(line: &LogLine, zone: &TimeZone, paint: Paint) -> String {
    let at = line.at.to_zoned(zone.clone()).strftime("%H:%M:%S%.3f");
    let instance = line.instance.to_string();
    let instance = &instance[instance.len() - 6..];
    let text = match line.source {
        Source::Stdout => line.text.clone(),
        Source::Stderr => paint.caution(&line.text),
        Source::Keeper => paint.faint(&line.text),
    };
    format!("{}  {text}\n", paint.faint(&format!("{at}  {} {instance}", line.version)))
}
