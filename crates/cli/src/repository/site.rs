//! A static site: a folder with an `index.html`, and nothing that builds it.

use super::folder::{Folder, below};
use super::{Found, Service, Sighting};

/// Where finished sites are kept, in this order.
const USUAL_FOLDERS: [&str; 5] = ["", "public", "site", "www", "dist"];

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let at = USUAL_FOLDERS.into_iter().find(|at| folder.has(&below(at, "index.html")))?;
    let file = below(at, "index.html");
    Some(Found {
        seen: vec![Sighting::new(&file, "a static site".to_owned())],
        services: vec![Service {
            site: Some(if at.is_empty() { ".".to_owned() } else { at.to_owned() }),
            because: format!("{file}, and nothing that serves it"),
            ..Service::named("")
        }],
    })
}
