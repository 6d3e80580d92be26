//! What is written after `uses:`.

use std::fmt;

/// An action as a step names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A folder in the workspace: `./.github/actions/setup`.
    Local(String),
    /// A folder of the repository that the file is in, at the same commit: `$/actions/setup`,
    /// without the `$/`.
    Own(String),
    Repository(Repository),
    /// A container image: `docker://alpine:3`.
    Image(String),
}

/// `owner/name/path@version`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Repository {
    pub(crate) owner: String,
    pub(crate) name: String,
    /// The folder in the repository, without slashes around it; empty for its root.
    pub(crate) path: String,
    /// A tag, a branch or a commit.
    pub(crate) version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    #[error("`{0}` names no version: write `{0}@` and a tag, a branch or a commit")]
    NoVersion(String),
    #[error(
        "`{0}` is no action: write `owner/name@version`, `$/folder`, `./folder` or \
             `docker://image`"
    )]
    Unknown(String),
}

impl Reference {
    pub(crate) fn parse(text: &str) -> Result<Self, ReferenceError> {
        let text = text.trim();
        if let Some(image) = text.strip_prefix("docker://").filter(|image| !image.is_empty()) {
            return Ok(Self::Image(image.to_owned()));
        }
        if text == "." || text.starts_with("./") || text.starts_with(".\\") {
            return Ok(Self::Local(text.replace('\\', "/")));
        }
        let unknown = || ReferenceError::Unknown(text.to_owned());
        if let Some(path) = text.strip_prefix("$/") {
            let path = path.trim_matches('/');
            // Its version is that of the file, and cannot be another.
            let climbs = path.split('/').any(|part| matches!(part, "." | ".."));
            return if climbs || path.contains('@') {
                Err(unknown())
            } else {
                Ok(Self::Own(path.to_owned()))
            };
        }
        let (place, version) = match text.split_once('@') {
            Some((_, "")) => return Err(unknown()),
            Some(parts) => parts,
            None if text.split('/').filter(|part| !part.is_empty()).count() >= 2 => {
                return Err(ReferenceError::NoVersion(text.to_owned()));
            }
            None => return Err(unknown()),
        };
        let mut parts = place.splitn(3, ['/', '\\']);
        let (owner, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let path = parts.next().unwrap_or_default().replace('\\', "/");
        let path = path.trim_matches('/');
        let is_sound = |name: &str| {
            !name.is_empty()
                && !matches!(name, "." | "..")
                && name.chars().all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one))
        };
        let is_version = !version.starts_with('-')
            && version.chars().all(|one| !one.is_control() && !one.is_whitespace());
        let climbs = path.split('/').any(|part| matches!(part, "." | ".."));
        if !is_sound(owner) || !is_sound(name) || !is_version || climbs {
            return Err(unknown());
        }
        Ok(Self::Repository(Repository {
            owner: owner.to_owned(),
            name: name.to_owned(),
            path: path.to_owned(),
            version: version.to_owned(),
        }))
    }
}

impl Repository {
    /// `owner/name`
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// `owner/name/path` in lower case, as nobody tells actions apart by case.
    pub(crate) fn place(&self) -> String {
        let mut place = self.repository();
        if !self.path.is_empty() {
            place.push('/');
            place.push_str(&self.path);
        }
        place.to_ascii_lowercase()
    }

    /// The version where it is a commit in full, which nobody can move.
    pub(crate) fn commit(&self) -> Option<&str> {
        let is_hex = self.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex && matches!(self.version.len(), 40 | 64)).then_some(self.version.as_str())
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        if !self.path.is_empty() {
            write!(f, "/{}", self.path)?;
        }
        write!(f, "@{}", self.version)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => f.write_str(path),
            Self::Own(path) => write!(f, "$/{path}"),
            Self::Repository(repository) => repository.fmt(f),
            Self::Image(image) => write!(f, "docker://{image}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told_apart() {
        let parse = |text: &str| Reference::parse(text).map(|reference| reference.to_string());
        for text in [
            "./.github/actions/x",
            "$/.github/actions/x",
            "actions/checkout@v4",
            "github/codeql-action/init@v3",
            "a/b/c/d@feature/x",
            "docker://alpine:3",
        ] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
        assert_eq!(parse("a/b"), Err(ReferenceError::NoVersion("a/b".into())));
        for text in [
            "",
            "x",
            "$/x@v1",
            "$/../x",
            "x@v1",
            "a/b@",
            "a/../b@v1",
            "a/b/../c@v1",
            "a/b@-x",
            "../x@v1",
            "docker://",
        ] {
            assert_eq!(parse(text), Err(ReferenceError::Unknown(text.into())));
        }
    }
}
