//! Who answers for a service: `CODEOWNERS` says it, else git knows who works here.

use std::process::{Command, Stdio};

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
        let name = team(&git_email()?)?;
        Some(Owner { name, because: "git's user.email says so".to_owned() })
    })
}

/// The first owner of `*`. As in the forges, the last line that fits wins.
fn owner_of_everything(text: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        matches!(words.next()?, "*" | "/" | "/**" | "**").then(|| words.find_map(team))?
    });
    lines.last()
}

/// `payments` from `@acme/payments`, `ada` from `ada@acme.example` or `@ada`.
fn team(owner: &str) -> Option<String> {
    let owner = match owner.strip_prefix('@') {
        Some(handle) => handle.rsplit('/').next()?,
        // Hidden addresses of a forge begin with a number: `123+ada@users.noreply.github.com`.
        None => owner.split_once('@')?.0.rsplit('+').next()?,
    };
    let name = super::valid_name(owner);
    (!name.is_empty()).then_some(name)
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
        assert_eq!(owner_of_everything(text).as_deref(), Some("shop"));
        assert_eq!(owner_of_everything("/docs @acme/writers"), None);
        assert_eq!(owner_of_everything("* ada.l@acme.example").as_deref(), Some("ada-l"));
    }

    #[test]
    fn hidden_addresses_lose_their_number() {
        assert_eq!(team("123+ada@users.noreply.github.com").as_deref(), Some("ada"));
        assert_eq!(team("nobody"), None);
        assert_eq!(team("@"), None);
    }
}
