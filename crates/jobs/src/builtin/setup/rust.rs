//! `dtolnay/rust-toolchain` and its kin: a toolchain that rustup, or the machine, has already.

use std::path::{Path, PathBuf};

use super::super::Builtin;
use super::super::version::Version;
use crate::builtin::call::Call;

pub(in crate::builtin) fn rust(call: &mut Call<'_, '_>, by: Builtin) -> Result<(), String> {
    let wanted = wanted(call, by)?;
    homes(call);
    let name = match call.job.search_path().find("rustup") {
        Some(rustup) => from_rustup(call, &rustup, &wanted)?,
        None => alone(call, &wanted)?,
    };
    call.output("name", name.clone());
    let (cache_key, release) = describe(call, &name)?;
    call.output("cachekey", cache_key);
    call.say(&format!("Rust {release}, the toolchain {name}"));
    for (variable, value) in [("CARGO_INCREMENTAL", "0"), ("CARGO_TERM_COLOR", "always")] {
        if call.env(variable).is_none() {
            call.set_env(variable, value);
        }
    }
    let flags = call.input("rustflags").to_owned();
    if !flags.is_empty() && call.env("RUSTFLAGS").is_none() {
        call.set_env("RUSTFLAGS", flags);
    }
    Ok(())
}

fn wanted(call: &Call<'_, '_>, by: Builtin) -> Result<String, String> {
    let given = call.input("toolchain");
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    let version = &call.repository.version;
    let is_toolchain = matches!(version.as_str(), "stable" | "beta" | "nightly")
        || version.starts_with("nightly-")
        || Version::parse(version).is_some();
    match by {
        Builtin::RustToolchain if is_toolchain => Ok(version.clone()),
        Builtin::RustToolchain => Err("'toolchain' is a required input".to_owned()),
        _ => Ok("stable".to_owned()),
    }
}

/// The job has a home of its own; the toolchains are in that of the user.
fn homes(call: &mut Call<'_, '_>) {
    let user = call.job.bench.host.home.clone();
    let of_host = |name: &str| {
        let found = call.job.bench.host.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| PathBuf::from(value))
    };
    let rustup = of_host("RUSTUP_HOME").or_else(|| user.map(|home| home.join(".rustup")));
    if let Some(rustup) = rustup.filter(|folder| folder.is_dir())
        && call.env("RUSTUP_HOME").is_none()
    {
        call.set_env("RUSTUP_HOME", rustup.to_string_lossy());
    }
    if call.env("CARGO_HOME").is_none() {
        call.set_env("CARGO_HOME", call.home().join(".cargo").to_string_lossy());
    }
}

fn ask(call: &Call<'_, '_>, program: &Path, arguments: &[&str]) -> Result<String, String> {
    let shown = program.file_name().unwrap_or_default().to_string_lossy();
    call.ask(program, arguments).map_err(|why| format!("`{shown} {}`: {why}", arguments.join(" ")))
}

fn from_rustup(call: &mut Call<'_, '_>, rustup: &Path, wanted: &str) -> Result<String, String> {
    let listed = ask(call, rustup, &["toolchain", "list"])?;
    let names: Vec<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let Some(name) = find(&names, wanted) else {
        let there = if names.is_empty() {
            "there is none".to_owned()
        } else {
            format!("there is {}", names.join(", "))
        };
        return Err(format!(
            "the Rust toolchain {wanted} is wanted, and on this machine {there}: \
             `rustup toolchain install {wanted}` installs it"
        ));
    };
    let name = name.to_owned();
    let targets = list(&[call.input("targets"), call.input("target")]);
    let components = list(&[call.input("components")]);
    for (kind, names) in [("target", targets), ("component", components)] {
        if names.is_empty() {
            continue;
        }
        let there = ask(call, rustup, &[kind, "list", "--installed", "--toolchain", &name])?;
        for wanted in names {
            let is_there =
                there.lines().any(|line| line == wanted || line.starts_with(&format!("{wanted}-")));
            if !is_there {
                return Err(format!(
                    "the {kind} {wanted} of the Rust toolchain {name} is not on this machine: \
                     `rustup {kind} add --toolchain {name} {wanted}` installs it"
                ));
            }
        }
    }
    // A file in the repository says more than an action does.
    let has_file = ["rust-toolchain", "rust-toolchain.toml"]
        .iter()
        .any(|file| call.workspace().join(file).exists());
    if !has_file {
        call.set_env("RUSTUP_TOOLCHAIN", name.clone());
    }
    if let Some(folder) = rustup.parent() {
        call.add_path(folder);
    }
    call.add_path(&call.home().join(".cargo/bin"));
    Ok(name)
}

/// The toolchain that a name stands for: `stable` for `stable-x86_64-unknown-linux-gnu`, and `1.75`
/// for any `1.75.n`.
fn find<'n>(names: &[&'n str], wanted: &str) -> Option<&'n str> {
    let exact = names.iter().find(|name| {
        **name == wanted
            || name
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.starts_with('-') && !is_dated(rest))
    });
    exact.copied().or_else(|| {
        let begins = format!("{wanted}.");
        let is_short = wanted.split('.').count() == 2 && Version::parse(wanted).is_some();
        let fitting = names.iter().filter(|name| is_short && name.starts_with(&begins));
        fitting
            .max_by_key(|name| Version::parse(name.split('-').next().unwrap_or_default()))
            .copied()
    })
}

/// `-2026-01-31…` behind `nightly` names another toolchain.
fn is_dated(rest: &str) -> bool {
    rest[1..].starts_with(|one: char| one.is_ascii_digit())
}

/// A Rust without rustup: it is what it is.
fn alone(call: &Call<'_, '_>, wanted: &str) -> Result<String, String> {
    let missing = || {
        format!(
            "the Rust toolchain {wanted} is wanted, and there is neither rustup nor rustc on this machine's PATH"
        )
    };
    let rustc = call.job.search_path().find("rustc").ok_or_else(missing)?;
    let said = ask(call, &rustc, &["--version"])?;
    let release = said.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let fits = match wanted {
        "stable" => !release.contains('-'),
        "beta" | "nightly" => release.contains(wanted),
        wanted => release == wanted || release.starts_with(&format!("{wanted}.")),
    };
    if fits {
        return Ok(release);
    }
    Err(format!(
        "the Rust toolchain {wanted} is wanted, and this machine has {release} without rustup, which \
         could choose another"
    ))
}

/// A short hash for keys of caches, and the release.
fn describe(call: &Call<'_, '_>, name: &str) -> Result<(String, String), String> {
    let missing = || "there is no rustc on this machine's PATH".to_owned();
    let rustc = call.job.search_path().find("rustc").ok_or_else(missing)?;
    let chosen = format!("+{name}");
    let has_rustup = call.job.search_path().find("rustup").is_some();
    let mut arguments = vec!["--version", "--verbose"];
    if has_rustup {
        arguments.insert(0, &chosen);
    }
    let said = ask(call, &rustc, &arguments)?;
    let value = |key: &str| {
        said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).unwrap_or_default()
    };
    let key = format!("{}{}", value("commit-date").replace('-', ""), value("commit-hash"));
    Ok((key.chars().take(12).collect(), value("release").to_owned()))
}

fn list(inputs: &[&str]) -> Vec<String> {
    let words = inputs.iter().flat_map(|input| input.split([',', ' ', '\n']));
    words.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stand_for_toolchains() {
        let names = [
            "nightly-2026-01-31-x86_64-unknown-linux-gnu",
            "stable-x86_64-unknown-linux-gnu",
            "1.75.0-x86_64-unknown-linux-gnu",
            "1.75.1-x86_64-unknown-linux-gnu",
        ];
        assert_eq!(find(&names, "stable"), Some(names[1]));
        assert_eq!(find(&names, "1.75"), Some(names[3]));
        assert_eq!(find(&names, "1.75.0"), Some(names[2]));
        assert_eq!(find(&names, "nightly-2026-01-31"), Some(names[0]));
        assert_eq!(find(&names, "nightly"), None);
        assert_eq!(find(&names, "1.7"), None);
    }
}
