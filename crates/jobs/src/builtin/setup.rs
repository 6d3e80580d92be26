//! The set-up actions: they look for a fitting version of a tool that this machine has already.

mod go;
mod java;
mod node;
mod python;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use super::call::Call;
use super::version::{Range, Version};
use crate::worker::read_small;

pub(super) use go::go;
pub(super) use java::java;
pub(super) use node::node;
pub(super) use python::python;
pub(super) use rust::rust;

/// A version of a tool on this machine.
#[derive(Debug, Clone)]
struct Installed {
    version: Version,
    /// The folder that holds its `bin`, or its programs.
    home: PathBuf,
    /// The program itself, where it is found on the `PATH`.
    program: Option<PathBuf>,
}

/// Whether a version is one of those that are meant.
type Fits = Box<dyn Fn(&Version) -> bool>;

/// The newest that fits.
fn choose(mut installed: Vec<Installed>, fits: impl Fn(&Version) -> bool) -> Option<Installed> {
    installed.retain(|tool| fits(&tool.version));
    // Of two alike the one that was found first.
    installed.reverse();
    installed.into_iter().max_by(|a, b| a.version.cmp(&b.version))
}

/// The versions of a tool in the tool cache: `<tool>/<version>/<arch>`, complete where a file
/// says so.
fn in_tool_cache(call: &Call<'_, '_>, tool: &str) -> Vec<Installed> {
    let runner = &call.job.bench.runner;
    let arch = runner.arch.to_ascii_lowercase();
    let Ok(versions) = fs::read_dir(runner.tool_cache.join(tool)) else { return Vec::new() };
    let versions = versions.flatten().filter_map(|entry| {
        let version = Version::parse(&entry.file_name().to_string_lossy())?;
        let is_complete = entry.path().join(format!("{arch}.complete")).exists();
        let home = entry.path().join(&arch);
        (is_complete && home.is_dir()).then_some(Installed { version, home, program: None })
    });
    versions.collect()
}

/// A tool on the `PATH`, by what it says of itself.
fn on_path(call: &Call<'_, '_>, program: &Path, arguments: &[&str]) -> Option<Installed> {
    let said = call.ask(program, arguments).ok()?;
    let version = first_version(&said)?;
    let home = program.parent()?.to_owned();
    Some(Installed { version, home, program: Some(program.to_owned()) })
}

/// The first version in a text such as `go version go1.22.1 linux/amd64`.
fn first_version(text: &str) -> Option<Version> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches(|one: char| one.is_ascii_alphabetic());
        word.starts_with(|one: char| one.is_ascii_digit()).then(|| Version::parse(word)).flatten()
    })
}

fn range(text: &str) -> Result<Range, String> {
    Range::parse(text).ok_or_else(|| format!("`{text}` is no version and no range of versions"))
}

/// The text of a file that says which version is wanted.
fn version_file(call: &Call<'_, '_>, written: &str) -> Result<String, String> {
    let path = call.workspace().join(written);
    read_small(&path).map_err(|error| {
        format!("The specified version file at: {} cannot be read: {error}", path.display())
    })
}

/// The version that `.tool-versions` has for a tool.
fn from_tool_versions(text: &str, tool: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        (words.next()? == tool).then(|| words.next().map(str::to_owned)).flatten()
    })
}

/// What is said when nothing fits.
fn missing(what: &str, wanted: &str, found: &[Installed], hint: &str) -> String {
    let mut versions: Vec<String> = found.iter().map(|tool| tool.version.to_string()).collect();
    versions.sort();
    versions.dedup();
    let found = if versions.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there is {}", versions.join(", "))
    };
    format!("{what} {wanted} is wanted, and on this machine {found}: {hint}")
}

/// Refuses what asks for another architecture than this machine has.
fn check_architecture(call: &Call<'_, '_>) -> Result<(), String> {
    let wanted = call.input("architecture").to_ascii_lowercase();
    let own = call.job.bench.runner.arch.to_ascii_lowercase();
    let same: &[&str] = match own.as_str() {
        "x64" => &["", "x64", "amd64", "x86_64"],
        "arm64" => &["", "arm64", "aarch64"],
        _ => &[""],
    };
    if same.contains(&wanted.as_str()) || wanted == own {
        return Ok(());
    }
    Err(format!("the architecture {wanted} is wanted, and this machine is {own}"))
}
