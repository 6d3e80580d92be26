//! What a `Cargo.toml` says: packages, workspaces and their programs.

use toml::{Table, Value};

use super::folder::{Folder, below};
use super::port::{Listens, spoken_in};
use super::{Found, Service, Sighting, shell_word};

/// Crates whose users answer requests.
const SERVERS: [&str; 8] =
    ["axum", "actix-web", "rocket", "warp", "poem", "salvo", "tonic", "hyper"];

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let root = folder.toml("Cargo.toml")?;
    let mut programs = programs(folder, "", &root);
    let members = root.get("workspace").map(|workspace| {
        let excluded = folder.members(&strings(workspace.get("exclude")));
        let mut members = folder.members(&strings(workspace.get("members")));
        members.retain(|member| !excluded.contains(member));
        members
    });
    for member in members.iter().flatten() {
        if let Some(table) = folder.toml(&below(member, "Cargo.toml")) {
            programs.extend(self::programs(folder, member, &table));
        }
    }

    let all = programs.iter().map(|program| program.name.clone()).collect::<Vec<_>>().join(", ");
    let kind = if members.is_some() { "a Rust workspace" } else { "a Rust package" };
    let what = match programs.len() {
        0 => format!("{kind} without a program"),
        1 => format!("{kind} with the program {all}"),
        count => format!("{kind} with {count} programs: {all}"),
    };
    let services = servers_or_all(folder, programs);
    let in_workspace = members.is_some();
    Some(Found {
        seen: vec![Sighting::new("Cargo.toml", what)],
        services: services.into_iter().map(|it| it.into_service(folder, in_workspace)).collect(),
    })
}

struct Program {
    name: String,
    package: String,
    folder: String,
    server: Option<&'static str>,
}

impl Program {
    fn into_service(self, repository: &Folder, in_workspace: bool) -> Service {
        let Self { name, package, folder, server } = self;
        let package = if in_workspace {
            format!(" --package {}", shell_word(&package))
        } else {
            String::new()
        };
        let program = shell_word(&name);
        let files = [format!("src/bin/{name}.rs"), "src/main.rs".to_owned()];
        let files = files.map(|file| below(&folder, &file));
        let listens = match server {
            Some("rocket") => Listens::at(8000, "Rocket listens there by default"),
            Some(_) => spoken_in(repository, &files)
                .or(|| Listens::told("a guess: nothing says where it listens")),
            None => Listens::Nowhere,
        };
        Service {
            build: Some(format!("cargo build --release --locked{package} --bin {program}")),
            run: Some(format!("target/release/{program}")),
            because: match server {
                Some(krate) => format!("a Rust program that uses {krate}"),
                None => "a Rust program".to_owned(),
            },
            listens,
            ..Service::named(&name)
        }
    }
}

/// Next to programs that answer requests, the others are most likely tools.
fn servers_or_all(folder: &Folder, programs: Vec<Program>) -> Vec<Program> {
    let some_serve = programs.iter().any(|program| program.server.is_some());
    let (kept, tools): (Vec<_>, Vec<_>) = programs
        .into_iter()
        .partition(|it| it.name != "xtask" && (it.server.is_some() || !some_serve));
    if !tools.is_empty() {
        let names = tools.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
        folder.note(format!("taken for tools, not services: {names}"));
    }
    kept
}

fn programs(folder: &Folder, at: &str, manifest: &Table) -> Vec<Program> {
    let Some(package) = manifest.get("package").and_then(|it| it.get("name")?.as_str()) else {
        return Vec::new();
    };
    let declared = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> =
        declared.filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned())).collect();
    if names.is_empty() && folder.has(&below(at, "src/main.rs")) {
        names.push(package.to_owned());
    }
    for file in folder.files(&below(at, "src/bin")) {
        names.extend(file.strip_suffix(".rs").map(ToOwned::to_owned));
    }
    names.sort();
    names.dedup();
    let uses = |krate: &str| {
        manifest
            .get("dependencies")
            .and_then(|it| it.as_table())
            .is_some_and(|it| it.contains_key(krate))
    };
    let server = SERVERS.into_iter().find(|krate| uses(krate));
    let program =
        |name| Program { name, package: package.to_owned(), folder: at.to_owned(), server };
    names.into_iter().map(program).collect()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(|value| value.as_str().map(ToOwned::to_owned)).collect()
}
