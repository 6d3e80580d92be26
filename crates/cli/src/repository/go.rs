//! What a `go.mod` and the folders next to it say: which packages are programs.

use std::path::Path;

use super::folder::{Folder, below};
use super::port::spoken_in;
use super::{Found, Service, Sighting, shell_word};

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let module = module(&folder.text("go.mod")?);
    let last = module.rsplit('/').find(|part| !is_major(part)).unwrap_or_default();
    let mut services = Vec::new();
    services.extend(program(folder, "", last));
    for command in folder.folders("cmd") {
        services.extend(program(folder, &format!("cmd/{command}"), &command));
    }
    let names: Vec<_> = services.iter().map(|it| it.name.as_str()).collect();
    let what = match names[..] {
        [] => format!("the Go module {module} without a main package"),
        [name] => format!("the Go module {module} with the program {name}"),
        _ => format!("the Go module {module} with {} programs: {}", names.len(), names.join(", ")),
    };
    Some(Found { seen: vec![Sighting::new("go.mod", what)], services })
}

fn program(folder: &Folder, at: &str, name: &str) -> Option<Service> {
    let mut sources = folder.files(at);
    sources.retain(|file| {
        Path::new(file).extension().is_some_and(|it| it == "go") && !file.ends_with("_test.go")
    });
    let sources: Vec<_> = sources.iter().map(|file| below(at, file)).collect();
    let is_main = |file: &String| {
        let text = folder.text(file).unwrap_or_default();
        text.lines().any(|line| line.trim() == "package main")
    };
    if !sources.iter().any(is_main) {
        return None;
    }
    let service = Service::named(name);
    let binary = if service.name.is_empty() { "app" } else { &service.name };
    let package = if at.is_empty() { ".".to_owned() } else { shell_word(&format!("./{at}")) };
    Some(Service {
        build: Some(format!("go build -o bin/{binary} {package}")),
        run: Some(format!("bin/{binary}")),
        listens: spoken_in(folder, &sources),
        because: match at {
            "" => "a main package".to_owned(),
            _ => format!("a main package in {at}"),
        },
        ..service
    })
}

fn module(text: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module "));
    line.unwrap_or_default()
        .split("//")
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"')
        .to_owned()
}

/// `v2` at the end of a module's path is its major version, not its name.
fn is_major(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| digits.parse::<u32>().is_ok())
}
