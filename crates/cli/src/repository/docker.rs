//! What a Dockerfile says about the image that comes out of it: its port and its command.

use super::folder::{Folder, below};
use super::port::Listens;
use super::{Found, Service, Sighting};

const FILE: &str = "Dockerfile";

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let listens = listens(folder, "", FILE)?;
    let what = match listens {
        Listens::At { port, .. } => format!("builds an image that listens on {port}"),
        _ => "builds an image".to_owned(),
    };
    let service = Service {
        because: "a Dockerfile".to_owned(),
        build: Some("docker build .".to_owned()),
        // Nothing here tells its name; it gets the service's.
        image: Some(String::new()),
        listens,
        ..Service::named("")
    };
    Some(Found { seen: vec![Sighting::new(FILE, what)], services: vec![service] })
}

/// Only the last stage counts: what the ones before it expose is gone.
pub(super) fn listens(folder: &Folder, at: &str, file: &str) -> Option<Listens> {
    let path = below(at, file);
    let text = folder.text(&path)?;
    let mut port = None;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("FROM") => port = None,
            Some("EXPOSE") => port = port.or_else(|| words.find_map(number)),
            _ => {}
        }
    }
    Some(port.map_or(Listens::Nowhere, |port| Listens::at(port, format!("{path} exposes it"))))
}

/// `8080` or `8080/tcp`.
fn number(word: &str) -> Option<u16> {
    word.trim_end_matches("/tcp").parse().ok().filter(|number| *number > 0)
}
