//! What a Dockerfile says about the image that comes out of it: its port and its command.

use super::folder::{Folder, below};
use super::{Found, Port, Service, Sighting};

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let image = image(folder, "", "Dockerfile")?;
    let port = image.port.as_ref().map(|port| format!(", listens on {}", port.number));
    let what = format!("builds an image{}", port.unwrap_or_default());
    let service = Service {
        because: "a Dockerfile".to_owned(),
        dockerfile: Some(image.path),
        port: image.port,
        ..Service::named("")
    };
    Some(Found { seen: vec![Sighting::new("Dockerfile", what)], services: vec![service] })
}

pub(super) struct Image {
    pub(super) path: String,
    pub(super) port: Option<Port>,
}

/// Only the last stage counts: what the ones before it expose is gone.
pub(super) fn image(folder: &Folder, at: &str, file: &str) -> Option<Image> {
    let path = below(at, file);
    let text = folder.text(&path)?;
    let mut port = None;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("FROM") => port = None,
            Some("EXPOSE") if port.is_none() => {
                port = words
                    .find_map(number)
                    .map(|number| Port { number, because: format!("{path} exposes it") });
            }
            _ => {}
        }
    }
    Some(Image { path, port })
}

/// `8080` or `8080/tcp`.
fn number(word: &str) -> Option<u16> {
    word.trim_end_matches("/tcp").parse().ok().filter(|number| *number > 0)
}
