//! What a `go.mod` and the folders next to it say: which packages are programs.

use super::folder::{Folder, below};
use super::{Found, Port, Service, Sighting, shell_word};

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
    let sources: Vec<String> = folder
        .files(at)
        .iter()
        .filter(|file| file.ends_with(".go") && !file.ends_with("_test.go"))
        .filter_map(|file| folder.text(&below(at, file)))
        .filter(|text| text.lines().any(|line| line.trim() == "package main"))
        .collect();
    if sources.is_empty() {
        return None;
    }
    let service = Service::named(name);
    let binary = if service.name.is_empty() { "app" } else { &service.name };
    let package = if at.is_empty() { ".".to_owned() } else { shell_word(&format!("./{at}")) };
    Some(Service {
        build: Some(format!("go build -o bin/{binary} {package}")),
        run: Some(format!("bin/{binary}")),
        port: sources.iter().find_map(|text| port(text)),
        because: match at {
            "" => "a main package".to_owned(),
            _ => format!("a main package in {at}"),
        },
        ..service
    })
}

/// The port in `ListenAndServe(":8080", …)` and its like.
fn port(source: &str) -> Option<Port> {
    let calls = ["ListenAndServe(\":", ".Start(\":", ".Listen(\":", ".Run(\":"];
    let after = calls.iter().find_map(|call| source.split_once(call))?.1;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    Some(Port { number, because: "the program listens there".to_owned() })
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
