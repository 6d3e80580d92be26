//! `actions/setup-go`

use super::super::dependencies::{self, Dependencies};
use super::super::version::Version;
use super::{
    Installed, check_architecture, choose, from_tool_versions, in_tool_cache, missing, on_path,
    range, version_file,
};
use crate::builtin::call::Call;

pub(in crate::builtin) fn go(call: &mut Call<'_, '_>) -> Result<(), String> {
    check_architecture(call)?;
    let mut installed = in_tool_cache(call, "go");
    let found = call.job.search_path().find("go");
    installed.extend(found.and_then(|program| on_path(call, &program, &["version"])));
    let wanted = wanted(call)?;
    let chosen = choose_go(&installed, wanted.as_deref())?;
    let shown = wanted.unwrap_or_else(|| "any version".to_owned());
    let chosen = chosen.ok_or_else(|| {
        missing("Go", &shown, &installed, "install it, or put it into the runner's tool cache")
    })?;
    let bin = if chosen.program.is_some() { chosen.home.clone() } else { chosen.home.join("bin") };
    call.add_path(&bin);
    call.add_path(&call.home().join("go/bin"));
    call.say(&format!("Go {} from {}", chosen.version, bin.display()));
    call.output("go-version", chosen.version.to_string());
    if call.major().is_none_or(|major| major >= 6) {
        // The version that was asked for, and not one that go.mod would rather have.
        call.set_env("GOTOOLCHAIN", "local");
    }
    if !call.flag("cache")? {
        return Ok(());
    }
    if let Err(why) = cache(call, &bin, &chosen.version) {
        call.warn(format!("Restore cache failed: {why}"));
    }
    Ok(())
}

fn wanted(call: &Call<'_, '_>) -> Result<Option<String>, String> {
    let given = call.input("go-version");
    if !given.is_empty() {
        return Ok(Some(given.to_owned()));
    }
    let file = call.input("go-version-file");
    if file.is_empty() {
        return Ok(None);
    }
    let text = version_file(call, file)?;
    let found = from_file(file, &text);
    found.map(Some).ok_or_else(|| format!("{file} does not say which version of Go is wanted"))
}

fn from_file(name: &str, text: &str) -> Option<String> {
    if name.ends_with(".tool-versions") {
        return from_tool_versions(text, "golang").or_else(|| from_tool_versions(text, "go"));
    }
    if name.ends_with("go.mod") || name.ends_with("go.work") {
        let after = |word: &str| {
            text.lines()
                .find_map(|line| line.trim().strip_prefix(word)?.strip_prefix(' ').map(str::trim))
        };
        let toolchain = after("toolchain").and_then(|name| name.strip_prefix("go"));
        return toolchain.or_else(|| after("go")).map(str::to_owned);
    }
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(|line| line.trim_start_matches("go").to_owned())
}

fn choose_go(installed: &[Installed], wanted: Option<&str>) -> Result<Option<Installed>, String> {
    Ok(match wanted {
        None | Some("stable") => choose(installed.to_vec(), Version::is_final),
        Some("oldstable") => {
            let newest = choose(installed.to_vec(), Version::is_final);
            newest.and_then(|newest| {
                choose(installed.to_vec(), |version| {
                    version.is_final()
                        && (version.major, version.minor)
                            < (newest.version.major, newest.version.minor)
                })
            })
        }
        Some(wanted) => {
            let range = range(wanted)?;
            choose(installed.to_vec(), |version| range.fits(version))
        }
    })
}

fn cache(call: &mut Call<'_, '_>, bin: &std::path::Path, version: &Version) -> Result<(), String> {
    let said = call.ask(&bin.join("go"), &["env", "GOMODCACHE", "GOCACHE"]);
    let said = said.map_err(|error| format!("`go` does not say where it caches: {error}"))?;
    let runner = &call.job.bench.runner;
    let wanted = Dependencies {
        prefix: format!("setup-go-{}-{}-go-{version}", runner.os, runner.arch.to_ascii_lowercase()),
        said_by: vec![vec!["go.mod".to_owned()], vec!["go.sum".to_owned()]],
        paths: said
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        nearly: false,
    };
    dependencies::restore(call, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_which_version_is_wanted() {
        let module = "module x\n\ngo 1.21\n\ntoolchain go1.22.1\n";
        assert_eq!(from_file("go.mod", module).as_deref(), Some("1.22.1"));
        assert_eq!(from_file("src/go.mod", "module x\ngo 1.21.3\n").as_deref(), Some("1.21.3"));
        assert_eq!(from_file(".go-version", "1.20\n").as_deref(), Some("1.20"));
        assert_eq!(from_file("go.mod", "module x\n"), None);
    }
}
