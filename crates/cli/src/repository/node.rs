//! What a `package.json` says: scripts, frameworks, workspaces.

use serde_json::Value;

use super::folder::{Folder, below};
use super::port::{self, Listens, spoken_in};
use super::{Found, Service, Sighting, shell_word};

/// Packages that serve: what they are called, and their port if they take none from `PORT`.
const SERVERS: [Server; 8] = [
    ("next", "Next.js", None),
    ("nuxt", "Nuxt", None),
    ("@remix-run/serve", "Remix", None),
    ("@nestjs/core", "NestJS", Some(3000)),
    ("astro", "Astro", Some(4321)),
    ("fastify", "Fastify", Some(3000)),
    ("koa", "Koa", Some(3000)),
    ("express", "Express", Some(3000)),
];

type Server = (&'static str, &'static str, Option<u16>);

/// Where the server is started, in this order, unless `main` says it.
const USUAL_FILES: [&str; 8] = [
    "server.js",
    "index.js",
    "app.js",
    "src/main.ts",
    "src/index.ts",
    "src/server.ts",
    "src/index.js",
    "src/server.js",
];

/// Packages whose build is a folder of files, and where that folder is.
const BUNDLERS: [(&str, &str, &str); 3] = [
    ("vite", "Vite", "dist"),
    ("react-scripts", "Create React App", "build"),
    ("parcel", "Parcel", "dist"),
];

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let root = folder.json("package.json")?;
    let manager = Manager::of(folder);
    let mut patterns = workspaces(&root);
    patterns.extend(pnpm_workspaces(folder));
    let members = folder.members(&patterns);
    let mut found = Found::default();
    let own = service(folder, &root, "", manager);
    found.seen.push(Sighting::new("package.json", describe(&root, &members)));
    for member in &members {
        if let Some(package) = folder.json(&below(member, "package.json")) {
            found.services.extend(service(folder, &package, member, manager));
        }
    }
    // The start script of a workspace's root starts its members, most likely.
    if found.services.is_empty() {
        found.services.extend(own);
    }
    Some(found)
}

fn describe(package: &Value, members: &[String]) -> String {
    let framework = framework(package).map_or("Node.js", |(_, name, _)| name);
    let kind = if members.is_empty() { "a package" } else { "a workspace" };
    match package.pointer("/engines/node").and_then(Value::as_str) {
        Some(engine) => format!("{kind} with {framework}, wants node {engine}"),
        None => format!("{kind} with {framework}"),
    }
}

fn service(folder: &Folder, package: &Value, at: &str, manager: Manager) -> Option<Service> {
    let script = |name: &str| package.pointer("/scripts")?.get(name)?.as_str();
    let build = match script("build") {
        Some(_) => format!("{} && {}", manager.install(), manager.script("build")),
        None => manager.install().to_owned(),
    };
    let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
    let service = Service { folder: at.to_owned(), build: Some(build), ..Service::named(name) };
    let server = framework(package);
    if let Some(start) = script("start") {
        return Some(Service {
            run: Some(manager.script("start")),
            listens: in_script(start).or(|| in_sources(folder, package, at, server)),
            because: match server {
                Some((_, name, _)) => format!("a start script, and {name}"),
                None => "a start script".to_owned(),
            },
            ..service
        });
    }
    if let Some((_, bundler, output)) = BUNDLERS.into_iter().find(|it| depends(package, it.0)) {
        return script("build").map(|_| Service {
            site: Some(below(at, output)),
            folder: String::new(),
            because: format!("a build script, and {bundler}, which makes static files"),
            ..service
        });
    }
    let main = package.get("main").and_then(Value::as_str);
    let main = main.filter(|_| server.is_some()).unwrap_or("server.js");
    folder.has(&below(at, main)).then(|| Service {
        run: Some(format!("node {}", shell_word(main))),
        listens: in_sources(folder, package, at, server),
        because: format!("no start script, but {}", below(at, main)),
        ..service
    })
}

fn framework(package: &Value) -> Option<Server> {
    SERVERS.into_iter().find(|(dependency, _, _)| depends(package, dependency))
}

fn in_sources(folder: &Folder, package: &Value, at: &str, server: Option<Server>) -> Listens {
    if let Some((_, name, None)) = server {
        return Listens::told(format!("{name} takes PORT"));
    }
    let main = package.get("main").and_then(Value::as_str);
    let files: Vec<_> = main.into_iter().chain(USUAL_FILES).map(|file| below(at, file)).collect();
    spoken_in(folder, &files).or(|| match server {
        Some((_, name, Some(port))) => Listens::at(port, format!("{name}'s usual port")),
        _ => Listens::Nowhere,
    })
}

/// `next start -p 4000`, `PORT=4000 node .`, `serve -l $PORT`
fn in_script(script: &str) -> Listens {
    if port::in_command(script) {
        return Listens::told("the start script takes PORT");
    }
    let words: Vec<_> = script.split([' ', '=']).collect();
    let port = words.windows(2).find_map(|pair| match pair {
        ["-p" | "--port" | "PORT", port] => port.parse().ok().filter(|port| *port > 0),
        _ => None,
    });
    port.map_or(Listens::Nowhere, |port| Listens::at(port, "the start script says so"))
}

fn depends(package: &Value, dependency: &str) -> bool {
    ["dependencies", "devDependencies"]
        .iter()
        .any(|list| package.get(list).is_some_and(|list| list.get(dependency).is_some()))
}

fn workspaces(package: &Value) -> Vec<String> {
    let list = package.get("workspaces");
    let list = list.and_then(|list| list.get("packages").or(Some(list))).and_then(Value::as_array);
    let list = list.into_iter().flatten();
    list.filter_map(|pattern| pattern.as_str().map(ToOwned::to_owned)).collect()
}

fn pnpm_workspaces(folder: &Folder) -> Vec<String> {
    let root = folder.yaml("pnpm-workspace.yaml");
    let packages = root.as_ref().and_then(|root| root.as_mapping()?.get("packages")?.as_sequence());
    let packages = packages.into_iter().flatten();
    packages.filter_map(|pattern| pattern.text().map(ToOwned::to_owned)).collect()
}

#[derive(Clone, Copy)]
enum Manager {
    Npm,
    NpmWithoutLock,
    Yarn,
    Pnpm,
    Bun,
}

impl Manager {
    fn of(folder: &Folder) -> Self {
        let locks = [
            ("pnpm-lock.yaml", Self::Pnpm),
            ("yarn.lock", Self::Yarn),
            ("bun.lock", Self::Bun),
            ("bun.lockb", Self::Bun),
            ("package-lock.json", Self::Npm),
        ];
        let lock = locks.into_iter().find(|(file, _)| folder.has(file));
        lock.map_or(Self::NpmWithoutLock, |(_, manager)| manager)
    }

    fn install(self) -> &'static str {
        match self {
            Self::Npm => "npm ci",
            Self::NpmWithoutLock => "npm install",
            Self::Yarn => "yarn install --immutable",
            Self::Pnpm => "pnpm install --frozen-lockfile",
            Self::Bun => "bun install --frozen-lockfile",
        }
    }

    fn script(self, name: &str) -> String {
        match self {
            Self::Npm | Self::NpmWithoutLock => format!("npm run {name}"),
            Self::Yarn => format!("yarn run {name}"),
            Self::Pnpm => format!("pnpm run {name}"),
            Self::Bun => format!("bun run {name}"),
        }
    }
}
