//! Small workspaces in temporary folders, for the tests of the rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Finding, Tree};

/// A folder that goes away with the value.
#[derive(Debug)]
pub(super) struct Fixture(PathBuf);

impl Fixture {
    pub(super) fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidy-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A workspace with one crate that breaks no rule.
    pub(super) fn clean() -> Self {
        let fixture = Self::empty();
        fixture.write("ARCHITECTURE.md", "`model`: the nouns.\n");
        fixture.write(
            "Cargo.toml",
            "[workspace]\n\
             resolver = \"3\"\n\
             members = [\"crates/*\"]\n\
             [workspace.dependencies]\n\
             # Writes things down.\n\
             serde_json = \"1\"\n\
             [workspace.lints.rust]\n",
        );
        fixture.member("crates/model", "");
        fixture
    }

    /// Adds a workspace member with an empty library; `rest` is the tail of its manifest.
    pub(super) fn member(&self, folder: &str, rest: &str) {
        let name = folder.rsplit('/').next().unwrap();
        self.write(
            &format!("{folder}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\n\n[lints]\nworkspace = true\n\n{rest}"),
        );
        self.write(&format!("{folder}/src/lib.rs"), "//! Nothing yet.\n");
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn tree(&self) -> Tree {
        Tree::read(&self.0).unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory is no reason to fail a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Findings as `path:line: what`, without the advice, which tests need not repeat.
pub(super) fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{}:{}: {}", f.path, f.line, f.what)).collect()
}
