//! Images: what they are called, and that they are there.

use std::collections::HashMap;

use bollard::auth::DockerCredentials;
use bollard::models::{CreateImageInfo, ImageConfig};
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt as _;

use super::engine::{Engine, EngineError, Until, is_missing};
use super::wanted::Wanted;

/// Who pulls a private image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pull {
    /// Where it is missing, and where its tag is `latest`, which promises nothing else.
    #[default]
    Sensibly,
    Always,
    Missing,
    Never,
}

/// Sees to it that the engine has an image, and tells what it takes; gives its full name.
pub(crate) fn provide(
    engine: &Engine,
    wanted: &Wanted,
    until: &Until,
    say: &mut dyn FnMut(&str),
) -> Result<String, EngineError> {
    let pull = wanted.options.pull;
    let name = Name::parse(&wanted.image)?;
    let full = name.to_string();
    let is_here = look(engine, &full, until)?.is_some();
    let is_wanted = match pull {
        Pull::Sensibly => !is_here || (name.is_latest() && !name.is_local()),
        Pull::Always => true,
        Pull::Missing => !is_here,
        Pull::Never => false,
    };
    if !is_wanted {
        if is_here {
            return Ok(full);
        }
        let why = "it is not on this machine, and `--pull never` keeps it from being pulled";
        return Err(EngineError::Said(format!("image {full}"), why.to_owned()));
    }
    say(&format!("Pulling {full}"));
    match self::pull(engine, &full, &name, wanted, until, say) {
        Ok(()) => Ok(full),
        Err(EngineError::Said(_, why)) if is_here && pull == Pull::Sensibly => {
            say(&format!(
                "##[warning]{full} is used as it is here, for it cannot be pulled: {why}"
            ));
            Ok(full)
        }
        Err(error) => Err(error),
    }
}

/// What an image says of itself; nothing if the engine does not have it.
pub(super) fn look(
    engine: &Engine,
    image: &str,
    until: &Until,
) -> Result<Option<ImageConfig>, EngineError> {
    engine.wait(&format!("image {image}"), until, async {
        match engine.docker.inspect_image(image).await {
            Ok(found) => Ok(Some(found.config.unwrap_or_default())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    })
}

fn pull(
    engine: &Engine,
    full: &str,
    name: &Name,
    wanted: &Wanted,
    until: &Until,
    say: &mut dyn FnMut(&str),
) -> Result<(), EngineError> {
    let options = CreateImageOptions {
        from_image: Some(full.to_owned()),
        platform: wanted.options.platform.clone().unwrap_or_default(),
        ..CreateImageOptions::default()
    };
    let credentials = wanted.credentials.as_ref().map(|given| DockerCredentials {
        username: Some(given.username.clone()),
        password: Some(given.password.clone()),
        serveraddress: Some(name.registry_address()),
        ..DockerCredentials::default()
    });
    let mut progress = Progress::default();
    engine.wait_long(&format!("the image {full} cannot be pulled"), until, async {
        let mut news = std::pin::pin!(engine.docker.create_image(Some(options), None, credentials));
        while let Some(news) = news.next().await {
            if let Some(line) = progress.line(&news?) {
                say(&line);
            }
        }
        Ok(())
    })?;
    // Not every engine says in its answer that it failed.
    if look(engine, full, until)?.is_some() {
        return Ok(());
    }
    let why = "the engine does not have it after pulling".to_owned();
    Err(EngineError::Said(format!("the image {full} cannot be pulled"), why))
}

/// What was told of each layer: a line for each change, none for each byte.
#[derive(Debug, Default)]
struct Progress {
    known: HashMap<String, String>,
}

impl Progress {
    fn line(&mut self, news: &CreateImageInfo) -> Option<String> {
        let status = news.status.as_deref()?.trim();
        if status.is_empty() {
            return None;
        }
        let layer = news.id.clone().unwrap_or_default();
        let before = self.known.insert(layer.clone(), status.to_owned());
        if before.as_deref() == Some(status) {
            return None;
        }
        Some(if layer.is_empty() { status.to_owned() } else { format!("{layer}: {status}") })
    }
}

/// An image as Docker understands its name: `node:20` is `docker.io/library/node:20`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    registry: String,
    path: String,
    /// `:20`, `@sha256:…`, or both.
    version: String,
}

const HUB: &str = "docker.io";
const LATEST: &str = ":latest";

impl Name {
    fn parse(text: &str) -> Result<Self, EngineError> {
        let text = text.trim();
        let wrong = || {
            EngineError::Said(
                format!("`{text}`"),
                "it is no name of an image, such as `node:20` or `ghcr.io/owner/image:tag`"
                    .to_owned(),
            )
        };
        let (registry, rest) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest)
            }
            _ => (HUB, text),
        };
        let registry = if registry == "index.docker.io" { HUB } else { registry };
        let end = rest.find('@').unwrap_or(rest.len());
        let last = rest[..end].rfind('/').map_or(0, |slash| slash + 1);
        let end = rest[last..end].find(':').map_or(end, |colon| last + colon);
        let (path, version) = rest.split_at(end);
        let is_sound = |text: &str, also: &str| {
            text.chars().all(|one| one.is_ascii_alphanumeric() || also.contains(one))
        };
        let is_path = !path.is_empty()
            && !path.split('/').any(str::is_empty)
            && path == path.to_ascii_lowercase();
        if !is_path || !is_sound(path, "._-/") || !is_sound(version, ":@._-+") {
            return Err(wrong());
        }
        let is_official = registry == HUB && !path.contains('/');
        let path = if is_official { format!("library/{path}") } else { path.to_owned() };
        let version = if version.is_empty() { LATEST } else { version };
        Ok(Self { registry: registry.to_owned(), path, version: version.to_owned() })
    }

    fn is_latest(&self) -> bool {
        self.version == LATEST
    }

    /// What was built on this machine: Podman calls it so, and nobody offers it.
    fn is_local(&self) -> bool {
        self.registry == "localhost"
    }

    fn registry_address(&self) -> String {
        match self.registry.as_str() {
            HUB => "https://index.docker.io/v1/".to_owned(),
            other => other.to_owned(),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}{}", self.registry, self.path, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_as_docker_does() {
        let full = |text: &str| Name::parse(text).map(|name| name.to_string()).ok();
        let cases = [
            ("node", "docker.io/library/node:latest"),
            ("node:20", "docker.io/library/node:20"),
            ("acme/shop:1", "docker.io/acme/shop:1"),
            ("docker.io/node", "docker.io/library/node:latest"),
            ("index.docker.io/acme/shop", "docker.io/acme/shop:latest"),
            ("ghcr.io/acme/shop:1", "ghcr.io/acme/shop:1"),
            ("localhost:5000/a/b:2", "localhost:5000/a/b:2"),
            ("localhost/a", "localhost/a:latest"),
            ("node@sha256:00ff", "docker.io/library/node@sha256:00ff"),
            ("node:20@sha256:00ff", "docker.io/library/node:20@sha256:00ff"),
        ];
        for (text, expected) in cases {
            assert_eq!(full(text).as_deref(), Some(expected));
        }
        for text in ["", "Node", "a//b", "node:a b", "/x"] {
            assert_eq!(full(text), None, "{text}");
        }
    }

    #[test]
    fn a_layer_is_told_of_once_for_each_state() {
        let news = |id: &str, status: &str| CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            ..CreateImageInfo::default()
        };
        let mut progress = Progress::default();
        assert_eq!(progress.line(&news("a", "Downloading")).as_deref(), Some("a: Downloading"));
        assert_eq!(progress.line(&news("a", "Downloading")), None);
        assert_eq!(progress.line(&news("a", "Pull complete")).as_deref(), Some("a: Pull complete"));
    }
}
