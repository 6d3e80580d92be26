//! Who answers for a service: `CODEOWNERS` says it, else git knows who works here.

use std::process::{Command, Stdio};

use model::manifest::Party;
use model::shape::FromText as _;
use serde::Serialize;

use super::folder::Folder;

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) because: String,
}

/// Where the forges look for it, in their order.
const CODEOWNERS: [&str; 4] =
    [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

pub(super) fn look(folder: &Folder) -> Option<Owner> {
    let listed = CODEOWNERS.iter().find_map(|file| {
        let name = owner_of_everything(&folder.text(file)?)?;
        Some(Owner { name, because: format!("{file} says so") })
    });
    listed.or_else(|| {
        // The forges' hidden addresses reach nobody.
        let name = git_email().filter(|email| !email.contains("noreply"))?;
        let name = party(&name)?;
        Some(Owner { name, because: "git's user.email says so".to_owned() })
    })
}

/// The first owner of `*`. As in the forges, the last line that fits wins.
fn owner_of_everything(text: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        matches!(words.next()?, "*" | "/" | "/**" | "**").then(|| words.find_map(party))?
    })
}

/// `@acme/payments`, `@ada` or `ada@acme.example`, if the manifest takes it.
fn party(owner: &str) -> Option<String> {
    Party::from_text(owner).ok().map(|party| party.as_str().to_owned())
}

/// The person's own setting, asked away from the repository: nothing in it should run or be
/// waited for because somebody looked at it.
fn git_email() -> Option<String> {
    let output = Command::new("git")
        .current_dir("/")
        .args(["config", "--global", "user.email"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_everything_is_meant() {
        let text = "# who\n* @acme/shop @ada\n/docs @acme/writers\n*.rs @acme/rust\n";
        assert_eq!(owner_of_everything(text).as_deref(), Some("@acme/shop"));
        assert_eq!(owner_of_everything("/docs @acme/writers"), None);
        assert_eq!(owner_of_everything("* ada@acme.example").as_deref(), Some("ada@acme.example"));
        assert_eq!(owner_of_everything("* @ ! @ada"), Some("@ada".to_owned()));
    }
}
