//! `actions/setup-node`

use serde_json::Value;

use super::super::dependencies::{self, Dependencies};
use super::super::version::Version;
use super::{
    Fits, Installed, check_architecture, choose, from_tool_versions, in_tool_cache, missing,
    on_path, range, version_file,
};
use crate::builtin::call::Call;

/// The lines with long-term support, by their names.
const LINES: &[(&str, u64)] = &[
    ("argon", 4),
    ("boron", 6),
    ("carbon", 8),
    ("dubnium", 10),
    ("erbium", 12),
    ("fermium", 14),
    ("gallium", 16),
    ("hydrogen", 18),
    ("iron", 20),
    ("jod", 22),
    ("krypton", 24),
];

pub(in crate::builtin) fn node(call: &mut Call<'_, '_>) -> Result<(), String> {
    check_architecture(call)?;
    let mut installed = in_tool_cache(call, "node");
    let found = call.job.search_path().find("node");
    installed.extend(found.and_then(|program| on_path(call, &program, &["--version"])));
    let wanted = wanted(call)?;
    let chosen = match &wanted {
        None => choose(installed.clone(), |_| true),
        Some(wanted) => {
            let fits = fits(wanted)?;
            choose(installed.clone(), fits)
        }
    };
    let wanted = wanted.unwrap_or_else(|| "any version".to_owned());
    let chosen = chosen.ok_or_else(|| {
        missing(
            "Node.js",
            &wanted,
            &installed,
            "install it, or put it into the runner's tool cache",
        )
    })?;
    put_first(call, &chosen);
    call.say(&format!("Node.js {} from {}", chosen.version, chosen.home.display()));
    call.output("node-version", format!("v{}", chosen.version));
    registry(call)?;
    let manager = call.input("cache").to_owned();
    if manager.is_empty() { Ok(()) } else { cache(call, &manager) }
}

fn put_first(call: &mut Call<'_, '_>, chosen: &Installed) {
    if chosen.program.is_some() {
        call.add_path(&chosen.home);
    } else {
        call.add_path(&chosen.home.join("bin"));
    }
}

/// What is asked for; `None` where whatever there is will do.
fn wanted(call: &mut Call<'_, '_>) -> Result<Option<String>, String> {
    let given = call.input("node-version").to_owned();
    let file = call.input("node-version-file").to_owned();
    if !given.is_empty() {
        if !file.is_empty() {
            call.warn("Both node-version and node-version-file inputs are specified, only node-version will be used");
        }
        return Ok(Some(given));
    }
    if file.is_empty() {
        return Ok(None);
    }
    let text = version_file(call, &file)?;
    let found = from_file(&file, &text);
    found.map(Some).ok_or_else(|| format!("{file} does not say which version of Node.js is wanted"))
}

fn from_file(name: &str, text: &str) -> Option<String> {
    if let Ok(package) = serde_json::from_str::<Value>(text)
        && package.is_object()
    {
        let of_runtime = || {
            let runtime = package.get("devEngines")?.get("runtime")?;
            let runtimes = runtime.as_array().map_or(std::slice::from_ref(runtime), Vec::as_slice);
            runtimes
                .iter()
                .find(|runtime| runtime.get("name").is_some_and(|name| name == "node"))?
                .get("version")
        };
        let of_volta = || package.get("volta")?.get("node");
        let of_engines = || package.get("engines")?.get("node");
        let found = of_volta().or_else(of_runtime).or_else(of_engines)?;
        return found.as_str().map(str::to_owned);
    }
    if name.ends_with(".tool-versions") {
        return from_tool_versions(text, "nodejs").or_else(|| from_tool_versions(text, "node"));
    }
    let line =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    if name.ends_with("mise.toml") {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let found =
            lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == "node");
        return found.map(|(_, value)| value.trim_matches(['"', '\'']).to_owned());
    }
    Some(line.trim_start_matches("node@").to_owned())
}

/// Which versions are meant.
fn fits(wanted: &str) -> Result<Fits, String> {
    let wanted = wanted.trim().to_ascii_lowercase();
    if matches!(wanted.as_str(), "latest" | "node" | "current" | "*") {
        return Ok(Box::new(Version::is_final));
    }
    if let Some(line) = wanted.strip_prefix("lts/") {
        if line == "*" {
            return Ok(Box::new(|version| version.is_final() && version.major.is_multiple_of(2)));
        }
        let known = LINES.iter().find(|(name, _)| *name == line);
        let Some((_, major)) = known else {
            return Err(format!("the long-term line `{line}` of Node.js is not known here"));
        };
        return Ok(Box::new(|version| version.is_final() && version.major == *major));
    }
    let range = range(&wanted)?;
    Ok(Box::new(move |version| range.fits(version)))
}

/// Lets npm send the token of a registry, which is in a variable and not in the file.
fn registry(call: &mut Call<'_, '_>) -> Result<(), String> {
    let url = call.input("registry-url").to_owned();
    if url.is_empty() {
        return Ok(());
    }
    let place = url.split_once("://").map(|(_, place)| place.trim_end_matches('/').to_owned());
    let place = place.ok_or_else(|| format!("`{url}` is no URL of a registry"))?;
    let mut scope = call.input("scope").to_owned();
    if scope.is_empty() && url.contains("npm.pkg.github.com") {
        scope = call.github("repository_owner");
    }
    let scope = match scope.trim_start_matches('@') {
        "" => String::new(),
        scope => format!("@{}:", scope.to_ascii_lowercase()),
    };
    let text = format!(
        "//{place}/:_authToken=${{NODE_AUTH_TOKEN}}\n{scope}registry={}/\n",
        url.trim_end_matches('/')
    );
    let path = call.job.bench.folders.temp.join(".npmrc");
    call.write(&path, &text)?;
    call.set_env("NPM_CONFIG_USERCONFIG", path.to_string_lossy());
    let token = call.env("NODE_AUTH_TOKEN").unwrap_or("XXXXX-XXXXX-XXXXX-XXXXX").to_owned();
    call.set_env("NODE_AUTH_TOKEN", token);
    Ok(())
}

fn cache(call: &mut Call<'_, '_>, manager: &str) -> Result<(), String> {
    let (question, locks): (&[&str], &[&str]) = match manager {
        "npm" => (
            &["config", "get", "cache"],
            &["package-lock.json", "npm-shrinkwrap.json", "yarn.lock"],
        ),
        "pnpm" => (&["store", "path", "--silent"], &["pnpm-lock.yaml"]),
        "yarn" => (&["cache", "dir"], &["yarn.lock"]),
        _ => return Err(format!("Caching for '{manager}' is not supported")),
    };
    let program = call.job.search_path().find(manager);
    let program = program.ok_or_else(|| {
        format!("`{manager}` is not on the PATH, so nobody knows where it caches")
    })?;
    let folder = call
        .ask(&program, question)
        .map_err(|error| format!("`{manager}` does not say where it caches: {error}"))?;
    let runner = &call.job.bench.runner;
    let wanted = Dependencies {
        prefix: format!("node-cache-{}-{}-{manager}", runner.os, runner.arch.to_ascii_lowercase()),
        said_by: locks.iter().map(|lock| vec![(*lock).to_owned()]).collect(),
        paths: vec![folder.trim().to_owned()],
        nearly: false,
    };
    dependencies::restore(call, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_which_version_is_wanted() {
        let of = |name: &str, text: &str| from_file(name, text);
        assert_eq!(of(".nvmrc", "# pinned\nv20.11.0\n").as_deref(), Some("v20.11.0"));
        assert_eq!(of(".tool-versions", "python 3.11\nnodejs 18.1.0\n").as_deref(), Some("18.1.0"));
        assert_eq!(of("package.json", r#"{"engines": {"node": ">=18"}}"#).as_deref(), Some(">=18"));
        let both = r#"{"engines": {"node": "16"}, "volta": {"node": "20.1.0"}}"#;
        assert_eq!(of("package.json", both).as_deref(), Some("20.1.0"));
        let runtimes =
            r#"{"devEngines": {"runtime": [{"name": "bun"}, {"name": "node", "version": "22"}]}}"#;
        assert_eq!(of("package.json", runtimes).as_deref(), Some("22"));
        assert_eq!(of("mise.toml", "[tools]\nnode = \"24\"\n").as_deref(), Some("24"));
        assert_eq!(of("package.json", "{}"), None);
    }

    #[test]
    fn names_of_lines_are_versions() {
        let is = |wanted: &str, version| {
            fits(wanted).expect("known")(&Version::parse(version).expect("a version"))
        };
        assert!(is("lts/*", "20.1.0") && !is("lts/*", "21.1.0") && is("lts/Iron", "20.1.0"));
        assert!(!is("lts/hydrogen", "20.1.0") && is("latest", "21.0.0") && is("20", "20.9.9"));
        assert!(fits("lts/gold").is_err() && fits("twenty").is_err());
    }
}
