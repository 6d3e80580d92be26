//! What a `Procfile` says: one process a line.

use super::folder::Folder;
use super::port::{self, Listens};
use super::{Found, Service, Sighting};

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let text = folder.text("Procfile")?;
    let mut services: Vec<Service> = Vec::new();
    for (name, command) in text.lines().filter_map(process) {
        if name == "release" {
            folder.note(format!("the Procfile's release step is not a service: {command}"));
        } else {
            services.push(Service {
                run: Some(command.to_owned()),
                listens: listens(name, command),
                because: "a line in the Procfile".to_owned(),
                ..Service::named(name)
            });
        }
    }
    let names = services.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    let what = match services.len() {
        0 => "no process".to_owned(),
        1 => format!("the process {names}"),
        count => format!("{count} processes: {names}"),
    };
    Some(Found { seen: vec![Sighting::new("Procfile", what)], services })
}

/// By Heroku's rule only `web` is told a port.
fn listens(name: &str, command: &str) -> Listens {
    if port::in_command(command) {
        Listens::told("its command takes PORT")
    } else if name == "web" {
        Listens::told("a Procfile's web process takes PORT")
    } else {
        Listens::Nowhere
    }
}

fn process(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once(':')?;
    let (name, command) = (name.trim(), command.trim());
    let word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (!name.is_empty() && name.chars().all(word) && !command.is_empty()).then_some((name, command))
}
