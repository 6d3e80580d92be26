//! `highroad init` on the repositories that there are: what it takes for a service, and that the
//! file it writes passes `highroad check` each time.

use serde_json::{Value, json};

use crate::{Repository, highroad};

/// Runs `init`, holds the result against `check`, and returns what programs are told.
fn init(files: &[(&str, &str)]) -> Value {
    let repository = Repository::with(files);
    let told = repository.run("init --json");
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.out);
    let checked = repository.run("check --strict --json");
    assert_eq!(checked.code, Some(0), "{}\n{}", checked.out, repository.read("highroad.yaml"));
    let told = told.json();
    assert_eq!(told["text"], repository.read("highroad.yaml"));
    told
}

/// The services as `name | build | how it starts | where it listens`.
fn services(files: &[(&str, &str)]) -> Vec<String> {
    let told = init(files);
    let services = told["services"].as_array().unwrap().iter().map(|service| {
        let text = |key: &str| service[key].as_str().map(ToOwned::to_owned);
        let start = [("site", "site "), ("image", "image "), ("run", "")]
            .into_iter()
            .filter_map(|(key, word)| Some(format!("{word}{}", text(key)?)));
        let start = start.collect::<Vec<_>>().join(" ");
        let folder = text("folder").filter(|folder| !folder.is_empty());
        let folder = folder.map(|folder| format!(" in {folder}")).unwrap_or_default();
        let listens = &service["listens"];
        let port = match listens["at"]["port"].as_u64() {
            Some(port) => port.to_string(),
            None if listens["told"].is_object() => "PORT".to_owned(),
            None => "-".to_owned(),
        };
        let build = text("build").unwrap_or("-".to_owned());
        format!("{} | {build} | {start}{folder} | {port}", text("name").unwrap())
    });
    services.collect()
}

const RUST: &str = "[package]\nname = \"till\"\n[dependencies]\naxum = \"0.8\"\n";

#[test]
fn a_rust_program() {
    assert_eq!(
        services(&[("Cargo.toml", RUST), ("src/main.rs", "")]),
        ["till | cargo build --release --locked --bin till | target/release/till | PORT"]
    );
}

#[test]
fn where_a_rust_program_listens() {
    let port = |main: &str| services(&[("Cargo.toml", RUST), ("src/main.rs", main)]).remove(0);
    assert!(port("bind(\"0.0.0.0:3000\").await").ends_with("| 3000"));
    assert!(port("env::var(\"PORT\"); \"0.0.0.0:3000\"").ends_with("| PORT"));
}

#[test]
fn a_rust_library_is_no_service() {
    let told = init(&[("Cargo.toml", RUST), ("src/lib.rs", "")]);
    assert_eq!(told["services"], json!([]));
    assert_eq!(told["seen"][0]["what"], "a Rust package without a program");
}

#[test]
fn a_rust_workspace_with_its_tools() {
    let tool = "[package]\nname = \"xtask\"\n";
    let api = "[package]\nname = \"api\"\n[dependencies]\nrocket = \"0.5\"\n";
    let worker = "[package]\nname = \"worker\"\n[[bin]]\nname = \"work\"\n";
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\nexclude = [\"crates/old\"]\n",
        ),
        ("crates/api/Cargo.toml", api),
        ("crates/api/src/main.rs", ""),
        ("crates/old/Cargo.toml", api),
        ("crates/old/src/main.rs", ""),
        ("crates/worker/Cargo.toml", worker),
        ("xtask/Cargo.toml", tool),
        ("xtask/src/main.rs", ""),
    ];
    assert_eq!(
        services(&files),
        [
            "api | cargo build --release --locked --package api --bin api | target/release/api | 8000"
        ]
    );
    assert_eq!(init(&files)["notes"], json!(["taken for tools, not services: work, xtask"]));
}

#[test]
fn a_package_with_a_start_script() {
    let package = r#"{ "name": "@acme/till", "scripts": { "start": "node . --port 4000" } }"#;
    assert_eq!(
        services(&[("package.json", package), ("package-lock.json", "{}")]),
        ["till | npm ci | npm run start | 4000"]
    );
}

#[test]
fn next_and_express() {
    let next = r#"{ "name": "front", "scripts": { "build": "next build", "start": "next start" },
                    "engines": { "node": ">=22" }, "dependencies": { "next": "15" } }"#;
    assert_eq!(
        services(&[("package.json", next), ("pnpm-lock.yaml", "")]),
        ["front | pnpm install --frozen-lockfile && pnpm run build | pnpm run start | PORT"]
    );
    let express = r#"{ "name": "api", "main": "index.js", "dependencies": { "express": "5" } }"#;
    assert_eq!(
        services(&[("package.json", express), ("index.js", "")]),
        ["api | npm install | node index.js | 3000"]
    );
}

#[test]
fn a_bundled_page() {
    let vite = r#"{ "name": "page", "scripts": { "build": "vite build" },
                    "devDependencies": { "vite": "7" } }"#;
    assert_eq!(
        services(&[("package.json", vite), ("index.html", ""), ("yarn.lock", "")]),
        ["page | yarn install --immutable && yarn run build | site dist | -"]
    );
}

#[test]
fn packages_in_a_workspace() {
    let start =
        |name: &str| format!(r#"{{ "name": "{name}", "scripts": {{ "start": "node ." }} }}"#);
    let root = r#"{ "name": "all", "workspaces": ["apps/*"], "scripts": { "start": "turbo" } }"#;
    let (api, web) = (start("api"), start("web"));
    let apps = [("apps/api/package.json", api.as_str()), ("apps/web/package.json", web.as_str())];
    let expected = [
        "api | npm install | npm run start in apps/api | -",
        "web | npm install | npm run start in apps/web | -",
    ];
    assert_eq!(services(&[&[("package.json", root)], &apps[..]].concat()), expected);
    let pnpm = ("pnpm-workspace.yaml", "packages:\n  - 'apps/*'\n");
    assert_eq!(services(&[&[("package.json", "{}"), pnpm], &apps[..]].concat()), expected);
}

#[test]
fn fastapi() {
    let project = "[project]\nname = \"till\"\ndependencies = [\"FastAPI[standard]>=0.115\"]\n";
    let main = "from fastapi import FastAPI\n\napi: FastAPI = FastAPI(title='till')\n";
    assert_eq!(
        services(&[("pyproject.toml", project), ("app/main.py", main), ("uv.lock", "")]),
        ["till | uv sync --frozen | uvicorn --host 0.0.0.0 --port $PORT app.main:api | PORT"]
    );
}

#[test]
fn flask_with_gunicorn() {
    let files =
        [("requirements.txt", "flask==3.1\ngunicorn\n"), ("app.py", "app = Flask(__name__)")];
    assert_eq!(
        services(&files),
        ["shop | pip install -r requirements.txt | gunicorn --bind 0.0.0.0:$PORT app:app | PORT"]
    );
}

#[test]
fn django() {
    let manage = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'bazaar.settings')\n";
    let poetry = "[tool.poetry.dependencies]\nDjango = \"^5\"\ngunicorn = \"*\"\n";
    assert_eq!(
        services(&[("pyproject.toml", poetry), ("poetry.lock", ""), ("manage.py", manage)]),
        ["bazaar | poetry install --only main | gunicorn --bind 0.0.0.0:$PORT bazaar.wsgi | PORT"]
    );
}

#[test]
fn go() {
    let main = "package main\n\nfunc main() {\n\thttp.ListenAndServe(\":8080\", nil)\n}\n";
    assert_eq!(
        services(&[("go.mod", "module example.com/acme/till/v2\n"), ("main.go", main)]),
        ["till | go build -o bin/till . | bin/till | 8080"]
    );
    assert_eq!(
        services(&[
            ("go.mod", "module example.com/till\n"),
            ("cmd/api/main.go", main),
            ("cmd/worker/worker.go", "package main\n"),
            ("cmd/shared/shared.go", "package shared\n"),
        ]),
        [
            "api | go build -o bin/api ./cmd/api | bin/api | 8080",
            "worker | go build -o bin/worker ./cmd/worker | bin/worker | -",
        ]
    );
}

#[test]
fn a_procfile_with_two_processes() {
    let files = [
        (
            "Procfile",
            "web: bin/web --port $PORT\nworker: bin/work 'a: b' # c\nrelease: bin/migrate\n",
        ),
        ("go.mod", "module till\n"),
        ("main.go", "package main\n"),
    ];
    assert_eq!(
        services(&files),
        [
            "web | go build -o bin/till . | bin/web --port $PORT | PORT",
            "worker | go build -o bin/till . | bin/work 'a: b' # c | -",
        ]
    );
}

#[test]
fn compose_with_two_services() {
    let compose = "\
x-common: &common
  restart: always
services:
  web:
    <<: *common
    build: .
    ports: ['80:8080']
  worker:
    build: { context: ./worker, dockerfile: Dockerfile.worker }
    command: [work, '--queue', mail]
  db:
    image: postgres:17
";
    let files = [
        ("compose.yaml", compose),
        ("Dockerfile", "FROM scratch\n"),
        ("worker/Dockerfile.worker", "FROM scratch\nEXPOSE 9000\n"),
    ];
    assert_eq!(
        services(&files),
        [
            "web | docker compose build web | image web | 8080",
            "worker | docker compose build worker | image worker work --queue mail | 9000"
        ]
    );
    assert_eq!(init(&files)["notes"], json!(["used but not built here: db (postgres:17)"]));
}

#[test]
fn a_dockerfile_alone_and_with_a_program() {
    let docker =
        "FROM rust AS build\nEXPOSE 1\nFROM debian\nexpose $PORT 8443/tcp 90\nCMD [\"x\"]\n";
    assert_eq!(services(&[("Dockerfile", docker)]), ["shop | docker build . | image shop | 8443"]);
    let both = [("Dockerfile", docker), ("Cargo.toml", RUST), ("src/main.rs", "")];
    assert_eq!(services(&both), ["till | docker build . | image till | 8443"]);
}

#[test]
fn a_static_site() {
    assert_eq!(services(&[("index.html", "")]), ["shop | - | site . | -"]);
    assert_eq!(services(&[("public/index.html", "")]), ["shop | - | site public | -"]);
}

#[test]
fn an_empty_folder() {
    let told = init(&[]);
    assert_eq!((&told["services"], &told["seen"]), (&json!([]), &json!([])));
}

#[test]
fn the_owner() {
    let owner = |files: &[(&str, &str)]| init(files)["owner"].clone();
    assert_eq!(
        owner(&[(".github/CODEOWNERS", "* @acme/checkout\n")]),
        json!({ "name": "@acme/checkout", "because": ".github/CODEOWNERS says so" })
    );
    assert_eq!(owner(&[]), json!({ "name": "shop", "because": "the folder's name" }));

    let repository = Repository::with(&[]);
    repository.write("home/.gitconfig", "[user]\nemail = ada@acme.example\n");
    let told = crate::command(&repository.path, "init --json")
        .env("HOME", repository.path.join("home"))
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(
        told["owner"],
        json!({ "name": "ada@acme.example", "because": "git's user.email says so" })
    );
}

#[test]
fn hidden_addresses_own_nothing() {
    let repository = Repository::with(&[]);
    repository.write("home/.gitconfig", "[user]\nemail = 1+ada@users.noreply.github.com\n");
    let told = crate::command(&repository.path, "init --json")
        .env("HOME", repository.path.join("home"))
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["owner"]["name"], "shop");
}

const WORKFLOW: &str =
    "on: push\njobs: { test: { runs-on: ubuntu-latest, steps: [{ run: make test }] } }\n";

#[test]
fn workflows_are_seen() {
    let told = init(&[(".github/workflows/ci.yml", WORKFLOW), (".github/workflows/README.md", "")]);
    assert_eq!(
        told["seen"],
        json!([{ "file": ".github/workflows", "what": "1 workflow: ci.yml" }])
    );
}

#[test]
fn the_story_and_the_file() {
    let repository = Repository::with(&[
        ("Cargo.toml", RUST),
        ("src/main.rs", ""),
        ("Dockerfile", "FROM debian\nEXPOSE 8080\n"),
        ("package.json", "{ \"name\": "),
        (".github/CODEOWNERS", "* @acme/checkout\n"),
        (".github/workflows/ci.yml", WORKFLOW),
    ]);
    let told = repository.run("init");
    assert_eq!(told.code, Some(0), "{}", told.err);
    insta::assert_snapshot!("story", told.out);
    insta::assert_snapshot!("file", repository.read("highroad.yaml"));
}

#[test]
fn the_story_of_an_empty_folder() {
    let repository = Repository::with(&[]);
    insta::assert_snapshot!("story_empty", repository.run("init").out);
    insta::assert_snapshot!("file_empty", repository.read("highroad.yaml"));
}

#[test]
fn the_file_for_several_services() {
    let repository =
        Repository::with(&[("Procfile", "web: bin/web\nworker: bin/work\n"), ("index.html", "")]);
    insta::assert_snapshot!("file_several", repository.run("init -n").out);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let repository = Repository::with(&[("highroad.yaml", "mine")]);
    for line in ["init", "init --json"] {
        assert_eq!(repository.run(line).code, Some(4), "{line}");
    }
    insta::assert_snapshot!("already_there", repository.run("init").err);
    assert_eq!(repository.read("highroad.yaml"), "mine");

    assert_eq!(repository.run("init --dry-run").code, Some(0));
    assert_eq!(repository.read("highroad.yaml"), "mine");

    assert_eq!(repository.run("init --force").code, Some(0));
    assert_eq!(repository.run("check").code, Some(0));
}

#[test]
fn the_other_spelling_is_in_the_way() {
    let repository = Repository::with(&[("highroad.yml", "mine")]);
    let told = repository.run("init");
    assert_eq!(told.code, Some(4));
    insta::assert_snapshot!("other_spelling", told.err);
}

#[test]
fn a_dry_run_prints_what_would_be_written() {
    let repository = Repository::with(&[("Cargo.toml", RUST), ("src/main.rs", "")]);
    let dry = repository.run("init -n");
    assert!(!repository.path.join("highroad.yaml").exists());
    repository.run("init");
    assert_eq!(dry.out, repository.read("highroad.yaml"));
}

#[test]
fn twice_is_the_same() {
    let files = [("Procfile", "web: a\nworker: b\n")];
    assert_eq!(init(&files), init(&files));
}

#[test]
fn another_folder() {
    let repository = Repository::with(&[("app/index.html", "")]);
    let told = repository.run("init app");
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.out.contains("Wrote app/highroad.yaml\n"), "{}", told.out);
    assert!(told.out.contains("highroad check app"), "{}", told.out);

    let told = highroad(&repository.path, "init nowhere");
    assert_eq!(told.code, Some(3));
    assert_eq!(told.err, "error: there is no folder 'nowhere'\n");
}
