//! Shells: which program executes a script, and how it is called.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A shell that is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shell {
    pub(crate) program: PathBuf,
    /// With `{0}` where the script's path comes in.
    arguments: Vec<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Posix,
    Python,
    Node,
    PowerShell,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShellError {
    #[error("the shell `{0}` is not on the PATH: install it, or name another one by `shell:`")]
    Missing(String),
    #[error(
        "neither `bash` nor `sh` is on the PATH: install one, or name another shell by `shell:`"
    )]
    NoDefault,
    #[error(
        "the shell `{0}` is not known: write how it is called with `{{0}}` in place of the script, \
         as in `shell: {0} {{0}}`"
    )]
    Unknown(String),
    #[error("the shell `{0}` needs Windows: use `pwsh` or `bash`")]
    Windows(String),
    #[error("the shell `{0}` has a quote that is not closed")]
    Quotes(String),
}

impl Shell {
    /// Finds the shell that is asked for, as it is written after `shell:`.
    pub(crate) fn find(wanted: Option<&str>, path: &SearchPath) -> Result<Self, ShellError> {
        let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
            let program = path.find("bash").or_else(|| path.find("sh"));
            let program = program.ok_or(ShellError::NoDefault)?;
            return Ok(Self { program, arguments: words(&["-e", "{0}"]), kind: Kind::Posix });
        };
        Self::read(wanted, |name| path.find(name))
    }

    /// The same in a container: its engine finds the program there.
    pub(crate) fn in_container(wanted: Option<&str>) -> Result<Self, ShellError> {
        let wanted = wanted.map(str::trim).filter(|wanted| !wanted.is_empty());
        Self::read(wanted.unwrap_or("sh"), |name| Some(PathBuf::from(name)))
    }

    fn read(wanted: &str, find: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, ShellError> {
        let (command, format) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let format = format.trim_start();
        let missing = || ShellError::Missing(command.to_owned());
        if !format.is_empty() {
            if !format.contains("{0}") {
                return Err(ShellError::Unknown(wanted.to_owned()));
            }
            let arguments = split(format).ok_or_else(|| ShellError::Quotes(wanted.to_owned()))?;
            let program = find(command).ok_or_else(missing)?;
            return Ok(Self { program, arguments, kind: Kind::of(command) });
        }
        let arguments: &[&str] = match command {
            "bash" => &["--noprofile", "--norc", "-e", "-o", "pipefail", "{0}"],
            "sh" => &["-e", "{0}"],
            "python" | "node" => &["{0}"],
            "pwsh" => &["-command", ". '{0}'"],
            "cmd" | "powershell" => return Err(ShellError::Windows(command.to_owned())),
            _ => return Err(ShellError::Unknown(command.to_owned())),
        };
        let program = match command {
            // Many machines know Python by its major version only.
            "python" => find("python").or_else(|| find("python3")),
            _ => find(command),
        };
        let program = program.ok_or_else(missing)?;
        Ok(Self { program, arguments: words(arguments), kind: Kind::of(command) })
    }

    /// What follows the program when it executes the script.
    pub(crate) fn arguments(&self, script: &Path) -> Vec<OsString> {
        let script = script.to_string_lossy();
        self.arguments.iter().map(|argument| argument.replace("{0}", &script).into()).collect()
    }

    /// How the name of its scripts ends.
    pub(crate) fn extension(&self) -> &'static str {
        match self.kind {
            Kind::Posix => ".sh",
            Kind::Python => ".py",
            Kind::Node => ".js",
            Kind::PowerShell => ".ps1",
            Kind::Other => "",
        }
    }

    /// The script as this shell needs it so that the first command that fails ends it.
    pub(crate) fn script<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.kind {
            Kind::PowerShell => Cow::Owned(format!(
                "$ErrorActionPreference = 'stop'\n{text}\n\
                 if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit $LASTEXITCODE }}\n"
            )),
            _ => Cow::Borrowed(text),
        }
    }

    /// As the log shows it.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.program.display(), self.arguments.join(" "))
    }
}

impl Kind {
    fn of(command: &str) -> Self {
        match command.rsplit('/').next().unwrap_or(command) {
            "bash" | "sh" | "dash" | "zsh" | "ksh" => Self::Posix,
            "python" | "python3" => Self::Python,
            "node" => Self::Node,
            "pwsh" => Self::PowerShell,
            _ => Self::Other,
        }
    }
}

/// Where programs are looked for: what steps have put in front, then the machine's own folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SearchPath {
    folders: Vec<PathBuf>,
}

impl SearchPath {
    /// `added` holds the folders that steps have added, the newest last.
    pub(crate) fn new(added: &[String], path: &str) -> Self {
        let added = added.iter().rev().map(PathBuf::from);
        Self { folders: added.chain(std::env::split_paths(path)).collect() }
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The first program of this name; a name with a slash is a path already.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| is_program(path));
        }
        self.folders
            .iter()
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|path| is_program(path))
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Splits at blanks. Double quotes hold blanks together, `\"` is a quote; nothing else is special.
fn split(format: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut rest = format.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' if rest.peek() == Some(&'"') => {
                rest.next();
                word.get_or_insert_default().push('"');
            }
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' if !is_quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    (!is_quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> SearchPath {
        SearchPath::new(&[], "/usr/local/bin:/usr/bin:/bin")
    }

    #[test]
    fn known_shells_stop_at_the_first_error() {
        let script = Path::new("/tmp/it's here.sh");
        let shell = Shell::find(Some("bash"), &machine()).expect("bash is on this machine");
        let expected = ["--noprofile", "--norc", "-e", "-o", "pipefail", "/tmp/it's here.sh"];
        assert_eq!(shell.arguments(script), expected);
        let shell = Shell::find(None, &machine()).expect("bash is on this machine");
        assert_eq!(shell.arguments(script), ["-e", "/tmp/it's here.sh"]);
    }

    #[test]
    fn a_shell_of_ones_own_is_called_as_it_is_written() {
        let path = machine();
        let shell = Shell::find(Some(r#"env -S "a b" -- {0}"#), &path).expect("env is everywhere");
        assert_eq!(shell.arguments(Path::new("/s")), ["-S", "a b", "--", "/s"]);
        let refused = |wanted| Shell::find(Some(wanted), &path).expect_err("no such shell");
        assert_eq!(refused("tclsh9"), ShellError::Unknown("tclsh9".into()));
        assert_eq!(refused("nowhere {0}"), ShellError::Missing("nowhere".into()));
        assert_eq!(refused("cmd"), ShellError::Windows("cmd".into()));
        assert_eq!(refused("env \"{0}"), ShellError::Quotes("env \"{0}".into()));
    }

    #[test]
    fn in_a_container_the_default_is_sh() {
        let shell = |wanted| Shell::in_container(wanted).map(|shell| shell.shown());
        assert_eq!(shell(None).as_deref(), Ok("sh -e {0}"));
        assert_eq!(shell(Some("tclsh9 {0}")).as_deref(), Ok("tclsh9 {0}"));
        assert_eq!(shell(Some("cmd")), Err(ShellError::Windows("cmd".into())));
    }

    #[test]
    fn what_was_added_last_is_found_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("bash");
        std::fs::write(&program, "").expect("written");
        let added = [folder.path().display().to_string()];
        let path = SearchPath::new(&added, "/usr/bin:/bin");
        assert_ne!(path.find("bash"), Some(program.clone()), "it cannot be executed");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(path.find("bash"), Some(program));
    }
}
