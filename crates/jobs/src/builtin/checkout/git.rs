//! The git commands of a checkout.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Submodules, Wanted};
use crate::builtin::call::Call;

const ALWAYS: &[&str] = &[
    "-c",
    "safe.directory=*",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "advice.detachedHead=false",
    "-c",
    "protocol.ext.allow=never",
];

const VARIABLES: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    // A server that has gone silent is given up.
    ("GIT_HTTP_LOW_SPEED_LIMIT", "1000"),
    ("GIT_HTTP_LOW_SPEED_TIME", "60"),
];

pub(super) struct Git<'c, 'a, 'j> {
    pub(super) call: &'c Call<'a, 'j>,
    pub(super) program: PathBuf,
    /// Where the repository is to be.
    pub(super) folder: PathBuf,
}

impl Git<'_, '_, '_> {
    /// Checks out of a repository on this machine. Its objects are used where they are.
    pub(super) fn check_out_here(&self, wanted: &Wanted, source: &Path) -> Result<String, String> {
        let commit = self.find(source, wanted)?;
        self.begin(source, &commit)?;
        match wanted.depth {
            None => {
                self.borrow_objects(source)?;
                self.copy_shallow(source)?;
                let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
                self.fetch(&[&["--no-tags"][..], &["origin"], &all].concat())?;
            }
            Some(1) => {
                self.borrow_objects(source)?;
                self.write(".git/shallow", &format!("{commit}\n"))?;
                if wanted.tags {
                    self.fetch(&["--no-tags", "--depth=1", "origin", "+refs/tags/*:refs/tags/*"])?;
                }
            }
            Some(depth) => {
                let depth = format!("--depth={depth}");
                let mut arguments = vec!["--no-tags", &depth, "origin", &commit];
                if wanted.tags {
                    arguments.push("+refs/tags/*:refs/tags/*");
                }
                self.fetch(&arguments)?;
            }
        }
        self.check_out(wanted, &commit)
    }

    /// Checks out of a repository that is somewhere else.
    pub(super) fn check_out_from(&self, wanted: &Wanted, url: &str) -> Result<String, String> {
        let length = wanted.commit.as_ref().map_or(40, String::len);
        self.init(length)?;
        self.run(&["remote", "add", "origin", url])?;
        let name = wanted.commit.as_deref().or(wanted.name.as_deref()).unwrap_or("HEAD");
        let depth = wanted.depth.map(|depth| format!("--depth={depth}"));
        let mut arguments = vec!["--no-tags"];
        arguments.extend(depth.as_deref());
        arguments.extend(["origin", name]);
        if wanted.tags || wanted.depth.is_none() {
            arguments.push("+refs/tags/*:refs/tags/*");
        }
        if wanted.depth.is_none() {
            arguments.push("+refs/heads/*:refs/remotes/origin/*");
        }
        self.fetch(&arguments)?;
        let commit = self.run(&["rev-parse", "--verify", "FETCH_HEAD^{commit}"])?.trim().to_owned();
        self.check_out(wanted, &commit)
    }

    /// The commit that is wanted, as the repository has it.
    fn find(&self, source: &Path, wanted: &Wanted) -> Result<String, String> {
        let names: Vec<String> = match (&wanted.commit, &wanted.name) {
            (Some(commit), _) => vec![commit.clone()],
            (None, Some(name)) if name.starts_with("refs/") => vec![name.clone()],
            (None, Some(name)) => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
            (None, None) => vec!["HEAD".to_owned()],
        };
        let found = names.iter().find_map(|name| {
            let commit = self.ask(
                source,
                &[
                    "rev-parse",
                    "--verify",
                    "--quiet",
                    "--end-of-options",
                    &format!("{name}^{{commit}}"),
                ],
            );
            commit.ok().map(|commit| commit.trim().to_owned())
        });
        found.ok_or_else(|| format!("the repository has no {}", names.join(" and no ")))
    }

    /// A new repository beside one that is on this machine.
    pub(super) fn begin(&self, source: &Path, commit: &str) -> Result<(), String> {
        self.init(commit.len())?;
        let _ = self.run(&["remote", "remove", "origin"]);
        self.run(&["remote", "add", "origin", &format!("file://{}", source.display())]).map(drop)
    }

    /// `length`: of the hashes by which commits are named.
    pub(super) fn init(&self, length: usize) -> Result<(), String> {
        let format = if length == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        self.run(&["init", "--quiet", "--template=", format, "--initial-branch=main"])?;
        self.run(&["config", "gc.auto", "0"]).map(drop)
    }

    pub(super) fn borrow_objects(&self, source: &Path) -> Result<(), String> {
        let objects =
            self.ask(source, &["rev-parse", "--path-format=absolute", "--git-path", "objects"])?;
        self.write(".git/objects/info/alternates", &format!("{}\n", objects.trim_end_matches('\n')))
    }

    /// A history that is cut short there is cut short here too.
    fn copy_shallow(&self, source: &Path) -> Result<(), String> {
        let shallow =
            self.ask(source, &["rev-parse", "--path-format=absolute", "--git-path", "shallow"])?;
        match fs::read_to_string(shallow.trim_end_matches('\n')) {
            Ok(text) => self.write(".git/shallow", &text),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn write(&self, path: &str, text: &str) -> Result<(), String> {
        self.call.write(&self.folder.join(path), text)
    }

    fn fetch(&self, arguments: &[&str]) -> Result<(), String> {
        self.run(&[&["fetch", "--quiet", "--no-recurse-submodules"], arguments].concat()).map(drop)
    }

    fn check_out(&self, wanted: &Wanted, commit: &str) -> Result<String, String> {
        self.sparse(wanted)?;
        self.point(wanted, commit)?;
        let name = wanted.name.as_deref().unwrap_or_default();
        let branch = name.strip_prefix("refs/heads/");
        match branch {
            Some(branch) => {
                let remote = format!("refs/remotes/origin/{branch}");
                self.run(&["checkout", "--quiet", "--force", "-B", branch, &remote])?;
            }
            None => {
                self.run(&["checkout", "--quiet", "--force", "--detach", commit])?;
            }
        }
        if wanted.lfs {
            self.run(&["lfs", "install", "--local"])
                .and_then(|_| self.run(&["lfs", "pull"]))
                .map_err(|why| {
                    format!(
                        "the files of Git LFS cannot be had; `git-lfs` must be installed: {why}"
                    )
                })?;
        }
        self.submodules(wanted)?;
        Ok(commit.to_owned())
    }

    /// Says what the branch or tag that was asked for is.
    pub(super) fn point(&self, wanted: &Wanted, commit: &str) -> Result<(), String> {
        let name = wanted.name.as_deref().unwrap_or_default();
        let remote = if let Some(branch) = name.strip_prefix("refs/heads/") {
            format!("refs/remotes/origin/{branch}")
        } else if name.starts_with("refs/tags/") {
            name.to_owned()
        } else if let Some(pull) = name.strip_prefix("refs/pull/") {
            format!("refs/remotes/pull/{pull}")
        } else {
            return Ok(());
        };
        self.run(&["update-ref", &remote, commit]).map(drop)
    }

    pub(super) fn sparse(&self, wanted: &Wanted) -> Result<(), String> {
        if wanted.sparse.is_empty() {
            return Ok(());
        }
        let mode = if wanted.cone { "--cone" } else { "--no-cone" };
        let mut arguments = vec!["sparse-checkout", "set", mode, "--end-of-options"];
        arguments.extend(wanted.sparse.iter().map(String::as_str));
        self.run(&arguments).map(drop)
    }

    fn submodules(&self, wanted: &Wanted) -> Result<(), String> {
        let nested: &[&str] = match wanted.submodules {
            Submodules::None => return Ok(()),
            Submodules::One => &[],
            Submodules::Nested => &["--recursive"],
        };
        let depth = wanted.depth.map(|depth| format!("--depth={depth}"));
        self.run(&[&["submodule", "sync", "--quiet"], nested].concat())?;
        let mut arguments = vec!["submodule", "update", "--quiet", "--init", "--force"];
        arguments.extend(depth.as_deref());
        arguments.extend(nested);
        self.run(&arguments).map(drop)
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        self.ask(&self.folder, arguments)
    }

    /// What git says in some folder.
    pub(super) fn ask(&self, folder: &Path, arguments: &[&str]) -> Result<String, String> {
        let said = self.ask_bytes(folder, arguments)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    pub(super) fn ask_bytes(&self, folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let all = [ALWAYS, arguments].concat();
        let said = self.call.ask_in(folder, &self.program, &all, VARIABLES);
        said.map_err(|why| format!("`git {}`: {why}", arguments.first().unwrap_or(&"")))
    }
}
