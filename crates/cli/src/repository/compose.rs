//! What a Compose file says: which services are built here, and which are only used.

use model::yaml::{Mapping, Node};

use super::docker;
use super::folder::{Folder, inside};
use super::port::Listens;
use super::{Found, Service, Sighting, shell_word};

/// Where Compose itself looks, in its order.
const FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let file = FILES.into_iter().find(|file| folder.has(file))?;
    let root = folder.yaml(file)?;
    let services = root.as_mapping().and_then(|root| root.get("services")?.as_mapping());
    let mut found = Found::default();
    let mut used = Vec::new();
    for entry in services.into_iter().flat_map(|services| &services.entries) {
        let Some(service) = entry.value.as_mapping() else { continue };
        match service.get("build") {
            Some(build) => {
                found.services.extend(built(folder, file, &entry.key.text, service, build));
            }
            None => used.push(described(&entry.key.text, service)),
        }
    }
    let names: Vec<_> = found.services.iter().map(|it| it.name.as_str()).collect();
    let what = match names.len() {
        0 => "no service is built here".to_owned(),
        1 => format!("the service {} is built here", names[0]),
        count => format!("{count} services are built here: {}", names.join(", ")),
    };
    if !used.is_empty() {
        folder.note(format!("used but not built here: {}", used.join(", ")));
    }
    found.seen.push(Sighting::new(file, what));
    Some(found)
}

fn built(
    folder: &Folder,
    file: &str,
    name: &str,
    service: &Mapping,
    build: &Node,
) -> Option<Service> {
    let parts = build.as_mapping();
    let context = parts.map_or(Some(build), |parts| parts.get("context")).and_then(Node::text);
    let context = context.unwrap_or(".").trim_start_matches("./").trim_end_matches('/');
    let at = if context == "." { "" } else { context };
    if !inside(at) {
        folder.note(format!("{file}: {name} is built outside of this repository, from {context}"));
        return None;
    }
    let dockerfile =
        parts.and_then(|parts| parts.get("dockerfile")?.text()).unwrap_or("Dockerfile");
    let published = service.get("ports").and_then(Node::as_sequence);
    let listens = match published.and_then(|ports| ports.iter().find_map(number)) {
        Some(port) => Listens::at(port, format!("{file} publishes it")),
        None => docker::listens(folder, at, dockerfile).unwrap_or_default(),
    };
    Some(Service {
        build: Some(format!("docker compose build {}", shell_word(name))),
        image: Some(service.get("image").and_then(Node::text).map(untagged).unwrap_or_default()),
        run: service.get("command").and_then(command),
        listens,
        because: format!("{file} builds it"),
        ..Service::named(name)
    })
}

/// `acme/shop` from `acme/shop:1.2@sha256:…`: which build of it runs is each release's to say.
fn untagged(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    // A colon before a slash belongs to the registry's port.
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name.to_owned(),
        _ => name.to_owned(),
    }
}

/// The container's side: `8080`, `80:8080`, `127.0.0.1:80:8080/tcp`, `target: 8080`.
fn number(port: &Node) -> Option<u16> {
    let long = port.as_mapping().map(|port| port.get("target"));
    let text = long.unwrap_or(Some(port))?.text()?;
    let container = text.rsplit(':').next()?.split('/').next()?;
    container.parse().ok().filter(|number| *number > 0)
}

fn command(node: &Node) -> Option<String> {
    match node.as_sequence() {
        Some(words) => {
            let words: Option<Vec<_>> =
                words.iter().map(|word| Some(shell_word(word.text()?))).collect();
            words.map(|words| words.join(" "))
        }
        None => node.text().filter(|text| !text.trim().is_empty()).map(ToOwned::to_owned),
    }
}

fn described(name: &str, service: &Mapping) -> String {
    match service.get("image").and_then(Node::text) {
        Some(image) => format!("{name} ({image})"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use model::yaml;

    use super::*;

    fn node(text: &str) -> Node {
        yaml::read("compose.yaml", text.as_bytes(), &yaml::Options::default()).root.unwrap()
    }

    #[test]
    fn every_form_of_a_port() {
        for form in
            ["8080", "'80:8080'", "127.0.0.1:80:8080/tcp", "{ target: 8080, published: '80' }"]
        {
            assert_eq!(number(&node(form)), Some(8080), "{form}");
        }
        for form in ["0", "'8000-8010'", "'${PORT}'", "[]", "{ published: 80 }"] {
            assert_eq!(number(&node(form)), None, "{form}");
        }
    }

    #[test]
    fn a_tag_is_not_the_name() {
        assert_eq!(untagged("acme/shop:1.2"), "acme/shop");
        assert_eq!(untagged("host:5000/shop@sha256:00"), "host:5000/shop");
        assert_eq!(untagged("shop"), "shop");
    }

    #[test]
    fn both_forms_of_a_command() {
        assert_eq!(command(&node("npm start")).as_deref(), Some("npm start"));
        assert_eq!(command(&node("[sh, -c, it's]")).as_deref(), Some(r"sh -c 'it'\''s'"));
        assert_eq!(command(&node("{}")), None);
    }
}
