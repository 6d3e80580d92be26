//! `actions/setup-python`

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::super::dependencies::{self, Dependencies};
use super::super::version::Version;
use super::{
    Fits, Installed, check_architecture, choose, from_tool_versions, in_tool_cache, missing,
    on_path, range, version_file,
};
use crate::builtin::call::Call;

pub(in crate::builtin) fn python(call: &mut Call<'_, '_>) -> Result<(), String> {
    check_architecture(call)?;
    if call.flag("freethreaded")? {
        return Err("the input `freethreaded` is not supported here".to_owned());
    }
    let wanted = wanted(call)?;
    let fits = match &wanted {
        Some(wanted) => fits(wanted)?,
        None => Box::new(|_: &Version| true),
    };
    let cached = in_tool_cache(call, "Python");
    let chosen = match choose(cached.clone(), &fits) {
        Some(chosen) => chosen,
        None => find(call, &fits).map_err(|mut others| {
            others.extend(cached);
            let wanted = wanted.as_deref().unwrap_or("any version");
            missing("Python", wanted, &others, "install it, or put it into the runner's tool cache")
        })?,
    };
    let home = match &chosen.program {
        Some(program) => own_environment(call, program, &chosen.version)?,
        None => chosen.home.clone(),
    };
    let program = home.join("bin/python");
    if call.flag("update-environment")? {
        announce(call, &home, chosen.program.is_none());
    }
    call.say(&format!(
        "Python {} from {}",
        chosen.version,
        chosen.program.as_ref().unwrap_or(&chosen.home).display()
    ));
    call.output("python-version", chosen.version.to_string());
    call.output("python-path", program.to_string_lossy());
    let manager = call.input("cache").to_owned();
    if manager.is_empty() { Ok(()) } else { cache(call, &manager, &program, &chosen.version) }
}

/// The first Python on the `PATH` that fits, those with the plainest names before others; or all
/// that there are.
fn find(call: &Call<'_, '_>, fits: &dyn Fn(&Version) -> bool) -> Result<Installed, Vec<Installed>> {
    let path = call.job.search_path();
    let plain = ["python3", "python"].into_iter().filter_map(|name| path.find(name));
    let mut programs: Vec<PathBuf> = plain.collect();
    for folder in path.folders() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let entries = entries.flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| is_python(&entry.file_name().to_string_lossy()))
            .map(|entry| entry.path())
            .collect();
        found.sort();
        programs.extend(found);
    }
    let mut others = Vec::new();
    let mut asked = HashSet::new();
    for program in programs {
        if !asked.insert(program.clone()) {
            continue;
        }
        match on_path(call, &program, &["--version"]) {
            Some(installed) if fits(&installed.version) => return Ok(installed),
            other => others.extend(other),
        }
    }
    Err(others)
}

fn is_python(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("python") else { return false };
    rest.is_empty()
        || rest == "3"
        || rest
            .strip_prefix("3.")
            .is_some_and(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()))
}

fn wanted(call: &mut Call<'_, '_>) -> Result<Option<String>, String> {
    let given = call.lines("python-version");
    if let [.., last] = given.as_slice() {
        if given.len() > 1 {
            call.warn(format!("several versions of Python are asked for; only {last} is set up"));
        }
        return Ok(Some(last.clone()));
    }
    let file = call.input("python-version-file").to_owned();
    if file.is_empty() {
        let text = version_file(call, ".python-version").ok();
        return Ok(text.as_deref().and_then(first_line));
    }
    let text = version_file(call, &file)?;
    let found = from_file(&file, &text);
    found.map(Some).ok_or_else(|| format!("{file} does not say which version of Python is wanted"))
}

fn from_file(name: &str, text: &str) -> Option<String> {
    if name.ends_with(".tool-versions") {
        return from_tool_versions(text, "python");
    }
    if name.ends_with("pyproject.toml") || name.ends_with("Pipfile") {
        let keys = ["requires-python", "python_version", "python_full_version", "python"];
        let entries = text.lines().filter_map(|line| line.split_once('='));
        let entries = entries.map(|(key, value)| (key.trim(), value.trim()));
        let mut entries = entries.filter(|(key, _)| keys.contains(key));
        return entries.next().map(|(_, value)| value.trim_matches(['"', '\'']).replace(',', " "));
    }
    first_line(text)
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    line.map(str::to_owned)
}

/// Which versions are meant.
fn fits(wanted: &str) -> Result<Fits, String> {
    let lower = wanted.to_ascii_lowercase();
    if ["pypy", "graalpy"].iter().any(|other| lower.starts_with(other)) || lower.ends_with('t') {
        return Err(format!("`{wanted}` is not set up here: only CPython is"));
    }
    let plain = lower.trim_end_matches("-dev").replace("==", "=").replace("~=", "~");
    let range = range(&plain)?;
    if lower.ends_with("-dev") {
        // What comes before a version will do, too.
        return Ok(Box::new(move |version| {
            range.fits(&Version::new(version.major, version.minor, version.patch))
        }));
    }
    Ok(Box::new(move |version| range.fits(version)))
}

/// Puts the pip that Python brings along into an environment: what `ensurepip` does, without the
/// seconds that it takes.
const PUT_PIP: &str = "\
import ensurepip, pathlib, sysconfig, zipfile
wheel = next(pathlib.Path(ensurepip.__file__).parent.glob('_bundled/pip-*.whl'))
zipfile.ZipFile(wheel).extractall(sysconfig.get_path('purelib'))
";

/// A virtual environment of the job's own, so that what it installs does not stay on the machine.
fn own_environment(
    call: &Call<'_, '_>,
    program: &Path,
    version: &Version,
) -> Result<PathBuf, String> {
    let home = call.job.bench.folders.temp.join(format!("_python/{version}"));
    if home.join("bin/python").exists() {
        return Ok(home);
    }
    let target = home.to_string_lossy();
    let venv = |options: &[&str]| {
        call.ask(program, &[&["-m", "venv", "--without-pip"], options, &[&*target]].concat())
    };
    let own = home.join("bin/python");
    // Some machines keep apart what pip is put into it from; then theirs is used.
    let made = venv(&[])
        .and_then(|_| call.ask(&own, &["-c", PUT_PIP]))
        .or_else(|_| venv(&["--clear", "--system-site-packages"]));
    if made.is_ok() {
        for name in ["pip", "pip3"] {
            let script = home.join("bin").join(name);
            call.write(&script, "#!/bin/sh\nexec \"${0%/*}/python\" -m pip \"$@\"\n")?;
            fs::set_permissions(&script, PermissionsExt::from_mode(0o755))
                .map_err(|error| format!("{} cannot be made: {error}", script.display()))?;
        }
        return Ok(home);
    }
    let bin = home.join("bin");
    let linked = fs::remove_dir_all(&home)
        .or_else(
            |error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) },
        )
        .and_then(|()| fs::create_dir_all(&bin))
        .and_then(|()| symlink(program, bin.join("python")))
        .and_then(|()| symlink(program, bin.join("python3")));
    linked.map_err(|error| format!("{} cannot be made: {error}", bin.display()))?;
    Ok(home)
}

fn announce(call: &mut Call<'_, '_>, home: &Path, is_cached: bool) {
    let text = home.to_string_lossy().into_owned();
    for name in ["pythonLocation", "Python_ROOT_DIR", "Python2_ROOT_DIR", "Python3_ROOT_DIR"] {
        call.set_env(name, text.clone());
    }
    if is_cached {
        call.set_env("PKG_CONFIG_PATH", format!("{text}/lib/pkgconfig"));
        let known = call.env("LD_LIBRARY_PATH").unwrap_or_default().to_owned();
        let library = format!("{text}/lib");
        let joined = if known.is_empty() { library } else { format!("{library}:{known}") };
        call.set_env("LD_LIBRARY_PATH", joined);
        call.add_path(home);
    }
    call.add_path(&home.join("bin"));
}

fn cache(
    call: &mut Call<'_, '_>,
    manager: &str,
    python: &Path,
    version: &Version,
) -> Result<(), String> {
    let (paths, said_by): (Vec<String>, &[&str]) = match manager {
        "pip" => {
            let said = call.ask(python, &["-m", "pip", "cache", "dir"]);
            let said =
                said.map_err(|error| format!("`pip` does not say where it caches: {error}"))?;
            (vec![said.trim().to_owned()], &["**/requirements.txt", "**/pyproject.toml"])
        }
        "pipenv" => (vec!["~/.local/share/virtualenvs".to_owned()], &["**/Pipfile.lock"]),
        "poetry" => (vec!["~/.cache/pypoetry/virtualenvs".to_owned()], &["**/poetry.lock"]),
        _ => return Err(format!("Caching for '{manager}' is not supported")),
    };
    let runner = &call.job.bench.runner;
    let arch = runner.arch.to_ascii_lowercase();
    let wanted = Dependencies {
        prefix: format!("setup-python-{}-{arch}-python-{version}-{manager}", runner.os),
        said_by: said_by.iter().map(|pattern| vec![(*pattern).to_owned()]).collect(),
        paths,
        nearly: manager != "poetry",
    };
    dependencies::restore(call, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_which_version_is_wanted() {
        assert_eq!(from_file(".python-version", "# x\n3.11\n").as_deref(), Some("3.11"));
        assert_eq!(from_file(".tool-versions", "python 3.12.1\n").as_deref(), Some("3.12.1"));
        let project = "[project]\nname = \"x\"\nrequires-python = \">=3.9,<3.13\"\n";
        assert_eq!(from_file("pyproject.toml", project).as_deref(), Some(">=3.9 <3.13"));
    }

    #[test]
    fn names_of_versions_are_understood() {
        let fits = |wanted: &str, version: &str| {
            fits(wanted).map(|fits| fits(&Version::parse(version).expect("a version")))
        };
        assert_eq!(fits("3.11", "3.11.7"), Ok(true));
        assert_eq!(fits("3.x", "3.12.0"), Ok(true));
        assert_eq!(fits(">=3.9 <3.12", "3.12.0"), Ok(false));
        assert_eq!(fits("3.14-dev", "3.14.0-rc.1"), Ok(true));
        assert_eq!(fits("3.14", "3.14.0-rc.1"), Ok(false));
        assert!(fits("pypy3.10", "3.10.0").is_err() && fits("3.13t", "3.13.0").is_err());
    }
}
