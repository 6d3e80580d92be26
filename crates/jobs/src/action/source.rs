//! Where other people's actions come from: git repositories that the configuration names, fetched
//! with the `git` program, kept by commit.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::reference::{Reference, Repository};
use crate::tool;
use crate::worker::CancelSignal;

/// Which git repository stands for which action repository, and where fetched actions are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// `owner/name`, `owner/*` or `*`, each with a URL in which `{owner}` and `{repo}` are put in.
    /// The first that fits counts.
    pub rules: Vec<(String, String)>,
    pub cache: PathBuf,
}

/// A repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub folder: PathBuf,
    pub commit: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(
        "nothing says where the action {0} comes from: name a git repository that holds it in the \
         configuration of action mirrors"
    )]
    NoMirror(String),
    #[error("there is no `git` on this machine's PATH, which fetching actions needs: install it")]
    NoGit,
    #[error("{url} has no tag, branch or commit `{version}`")]
    NoVersion { url: String, version: String },
    #[error("{url} cannot be fetched from: {why}")]
    Git { url: String, why: String },
    #[error("{url} gave the commit {found} where {wanted} was asked for")]
    OtherCommit { url: String, wanted: String, found: String },
    #[error("the cache of actions at {0} cannot be used")]
    Cache(PathBuf, #[source] io::Error),
}

impl Mirrors {
    /// The git repository that stands for a repository.
    pub(crate) fn url(&self, owner: &str, name: &str) -> Option<String> {
        let full = format!("{owner}/{name}");
        let fits = |rule: &str| {
            rule == "*"
                || rule.eq_ignore_ascii_case(&full)
                || rule.strip_suffix("/*").is_some_and(|wanted| wanted.eq_ignore_ascii_case(owner))
        };
        let (_, url) = self.rules.iter().find(|(rule, _)| fits(rule))?;
        Some(url.replace("{owner}", owner).replace("{repo}", name))
    }

    /// Brings a repository at a tag, a branch or a commit onto this machine.
    pub fn bring(
        &self,
        repository: &str,
        version: &str,
        path: &OsStr,
    ) -> Result<Fetched, SourceError> {
        let named = Reference::parse(&format!("{repository}@{version}"));
        let Ok(Reference::Repository(repository)) = named else {
            let (url, version) = (repository.to_owned(), version.to_owned());
            return Err(SourceError::NoVersion { url, version });
        };
        let git = std::env::split_paths(path).map(|folder| folder.join("git"));
        let git = git.into_iter().find(|git| git.is_file()).ok_or(SourceError::NoGit)?;
        self.fetch(&repository, &git, &CancelSignal::new())
    }

    /// Brings an action onto this machine. One that is named by its commit is fetched once for all
    /// times.
    pub(crate) fn fetch(
        &self,
        repository: &Repository,
        git: &Path,
        halt: &CancelSignal,
    ) -> Result<Fetched, SourceError> {
        let home = self.cache.join(repository.repository().to_ascii_lowercase());
        let named = repository.commit().map(str::to_ascii_lowercase);
        if let Some(found) = named.as_ref().and_then(|commit| kept(&home, commit)) {
            return Ok(found);
        }
        let url = self.url(&repository.owner, &repository.name);
        let url = url.ok_or_else(|| SourceError::NoMirror(repository.repository()))?;
        let in_cache = |error| SourceError::Cache(home.clone(), error);
        fs::create_dir_all(&home).map_err(in_cache)?;
        // Jobs that want the same action wait for each other.
        let lock = File::create(home.join("lock")).map_err(in_cache)?;
        lock.lock().map_err(in_cache)?;
        let fetch = Fetch { git, url: &url, store: home.join("git"), halt };
        let (commit, name) = if let Some(commit) = named {
            (commit, None)
        } else {
            let (commit, name) = fetch.resolve(&repository.version)?;
            (commit, Some(name))
        };
        if let Some(found) = kept(&home, &commit) {
            return Ok(found);
        }
        fetch.fetch(&commit, name.as_deref())?;
        let fresh = tempfile::tempdir_in(&home).map_err(in_cache)?;
        fetch.unpack(&commit, fresh.path())?;
        let folder = home.join(&commit);
        fs::rename(fresh.path(), &folder).map_err(in_cache)?;
        Ok(Fetched { folder, commit })
    }
}

fn kept(home: &Path, commit: &str) -> Option<Fetched> {
    let folder = home.join(commit);
    folder.is_dir().then(|| Fetched { folder, commit: commit.to_owned() })
}

/// One repository that is fetched from.
struct Fetch<'a> {
    git: &'a Path,
    url: &'a str,
    /// Keeps what was fetched, so that the next commit costs its difference only.
    store: PathBuf,
    halt: &'a CancelSignal,
}

impl Fetch<'_> {
    /// The commit of a tag or a branch, and the full name of that.
    fn resolve(&self, version: &str) -> Result<(String, String), SourceError> {
        let tag = format!("refs/tags/{version}");
        let peeled = format!("{tag}^{{}}");
        let branch = format!("refs/heads/{version}");
        let mut command = self.command();
        command.args(["ls-remote", "--", self.url, &tag, &peeled, &branch]);
        let output = self.run(&mut command)?;
        let commit_of = |wanted: &str| {
            output
                .lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(_, name)| *name == wanted)
        };
        // A tag that says more than its commit names that behind it.
        let found = [(&peeled, &tag), (&tag, &tag), (&branch, &branch)];
        let found = found.into_iter().find_map(|(wanted, name)| Some((commit_of(wanted)?.0, name)));
        let missing =
            || SourceError::NoVersion { url: self.url.to_owned(), version: version.to_owned() };
        let (commit, name) = found.ok_or_else(missing)?;
        Ok((commit.to_owned(), name.clone()))
    }

    fn fetch(&self, commit: &str, name: Option<&str>) -> Result<(), SourceError> {
        if !self.store.join("HEAD").is_file() {
            self.run(self.command().args(["init", "--quiet", "--bare", "--"]).arg(&self.store))?;
        }
        let from_store = |arguments: &[&str]| {
            let mut command = self.command();
            command.arg("--git-dir").arg(&self.store).args(arguments);
            self.run(&mut command)
        };
        let fetch = |what: &[&str]| {
            let mut arguments = vec!["fetch", "--quiet", "--no-tags"];
            arguments.extend_from_slice(what);
            from_store(&arguments)
        };
        // Not every server hands out a commit that is asked for by itself.
        let alone = fetch(&["--depth=1", "--", self.url, commit]);
        if let Err(error) = alone {
            match name {
                Some(name) => fetch(&["--depth=1", "--", self.url, name])?,
                None => fetch(&[
                    "--",
                    self.url,
                    "+refs/heads/*:refs/heads/*",
                    "+refs/tags/*:refs/tags/*",
                ])
                .map_err(|_| error)?,
            };
        }
        let found =
            from_store(&["rev-parse", "--verify", "--quiet", &format!("{commit}^{{commit}}")]);
        let missing =
            || SourceError::NoVersion { url: self.url.to_owned(), version: commit.to_owned() };
        let found = found.map_err(|_| missing())?.trim().to_owned();
        if found != commit {
            let (url, wanted) = (self.url.to_owned(), commit.to_owned());
            return Err(SourceError::OtherCommit { url, wanted, found });
        }
        Ok(())
    }

    /// Puts the files of a commit into a folder.
    fn unpack(&self, commit: &str, folder: &Path) -> Result<(), SourceError> {
        let index = folder.with_extension("index");
        let mut command = self.command();
        command
            .env("GIT_INDEX_FILE", &index)
            .arg("--git-dir")
            .arg(&self.store)
            .arg("--work-tree")
            .arg(folder)
            .args(["checkout", "--quiet", "--force", commit, "--", "."]);
        let unpacked = self.run(&mut command);
        // It is made anew each time.
        let _ = fs::remove_file(index);
        unpacked.map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.git);
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            // A server that has gone silent is given up.
            .env("GIT_HTTP_LOW_SPEED_LIMIT", "1000")
            .env("GIT_HTTP_LOW_SPEED_TIME", "60")
            .args(["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"])
            .args(["-c", "advice.detachedHead=false", "-c", "gc.auto=0"]);
        command
    }

    fn run(&self, command: &mut Command) -> Result<String, SourceError> {
        tool::output(command, self.halt)
            .map_err(|why| SourceError::Git { url: self.url.to_owned(), why: why.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rule = |rule: &str, url: &str| (rule.to_owned(), url.to_owned());
        let mirrors = Mirrors {
            rules: vec![
                rule("acme/deploy", "file:///srv/deploy"),
                rule("acme/*", "https://git.acme.example/{repo}"),
                rule("*", "https://mirror.example/{owner}/{repo}.git"),
            ],
            cache: PathBuf::new(),
        };
        let url = |text: &str| match Reference::parse(text) {
            Ok(Reference::Repository(it)) => mirrors.url(&it.owner, &it.name),
            _ => None,
        };
        assert_eq!(url("Acme/Deploy@v1").as_deref(), Some("file:///srv/deploy"));
        assert_eq!(url("acme/test/sub@v1").as_deref(), Some("https://git.acme.example/test"));
        assert_eq!(url("a/b@v1").as_deref(), Some("https://mirror.example/a/b.git"));
    }
}
