//! What a workflow says of a container, once its expressions are evaluated.

use model::pipeline::Tree;

use super::image::Credentials;
use super::options::{Options, words};
use crate::context::Pairs;

/// A container as it is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) image: String,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) env: Pairs,
    pub(super) ports: Vec<Port>,
    pub(super) volumes: Vec<String>,
    pub(super) options: Options,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Option<Vec<String>>,
}

/// A port of a container that can be reached from its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    /// `6379/tcp`
    pub(super) inside: String,
    pub(super) address: String,
    /// Whichever is free if it is not said.
    pub(super) outside: Option<u16>,
}

/// Whoever runs a job on a laptop does not want its database seen by the neighbours.
const THIS_MACHINE: &str = "127.0.0.1";

impl Wanted {
    /// An image and nothing else.
    pub(crate) fn of_image(image: &str) -> Self {
        Self { image: image.to_owned(), ..Self::default() }
    }

    /// What of it a sandboxed job may not have.
    pub(crate) fn too_powerful(&self) -> Option<String> {
        if let Some(option) = self.options.powerful.first() {
            return Some(format!("the option `{option}`"));
        }
        let volumes = self.volumes.iter().chain(&self.options.volumes);
        let mut folders = volumes.filter(|volume| volume.starts_with('/') && volume.contains(':'));
        folders.next().map(|volume| format!("the volume `{volume}`"))
    }

    /// What has no meaning for a container that only waits for steps.
    pub(crate) fn entrypoint_option(&self) -> Option<&str> {
        self.options.entrypoint.as_deref()
    }
}

/// Reads a container; nothing where its image is empty, as expressions leave it out so.
pub(crate) fn read(tree: &Tree) -> Result<Option<Wanted>, String> {
    let keys = match tree {
        Tree::Null => return Ok(None),
        Tree::Object(keys) => keys,
        other => {
            let image = text("image", other)?;
            return Ok(Some(Wanted::of_image(image.trim())).filter(|it| !it.image.is_empty()));
        }
    };
    let given = |key: &str| keys.get(key).filter(|value| !value.is_null());
    let image = given("image").map(|image| text("image", image)).transpose()?.unwrap_or_default();
    let image = image.trim().trim_start_matches("docker://").to_owned();
    if image.is_empty() {
        return Ok(None);
    }
    let words_of = |key: &str| {
        let text = given(key).map(|value| text(key, value)).transpose()?;
        let words = text.map(|text| words(&text).map_err(|why| format!("`{key}`: {why}")));
        Ok::<_, String>(words.transpose()?.filter(|words| !words.is_empty()))
    };
    let options = given("options").map(|options| text("options", options)).transpose()?;
    let options = Options::read(options.as_deref().unwrap_or_default())
        .map_err(|why| format!("`options`: {why}"))?;
    let mut ports = texts("ports", given("ports"))?;
    ports.extend(options.ports.iter().cloned());
    let ports = ports.iter().map(|port| Port::read(port)).collect::<Result<_, _>>()?;
    Ok(Some(Wanted {
        image,
        credentials: given("credentials").map(credentials).transpose()?.flatten(),
        env: given("env").map(env).transpose()?.unwrap_or_default(),
        ports,
        volumes: texts("volumes", given("volumes"))?,
        options,
        entrypoint: words_of("entrypoint")?,
        command: words_of("command")?,
    }))
}

fn credentials(tree: &Tree) -> Result<Option<Credentials>, String> {
    let part = |key: &str| {
        let given = tree.get(key).filter(|value| !value.is_null());
        let given = given.map(|value| text(&format!("credentials.{key}"), value)).transpose()?;
        Ok::<_, String>(given.unwrap_or_default())
    };
    let (username, password) = (part("username")?, part("password")?);
    match (username.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(Credentials { username, password })),
        // As where a secret is missing.
        (true, false) => Err("`credentials.username` is empty".to_owned()),
        (false, true) => Err("`credentials.password` is empty".to_owned()),
    }
}

fn env(tree: &Tree) -> Result<Pairs, String> {
    let Tree::Object(entries) = tree else { return Err("`env` is no mapping".to_owned()) };
    let pair =
        |(name, value): (&String, &Tree)| Ok((name.clone(), text(&format!("env.{name}"), value)?));
    entries.iter().map(pair).collect()
}

fn texts(key: &str, tree: Option<&Tree>) -> Result<Vec<String>, String> {
    match tree {
        None => Ok(Vec::new()),
        Some(Tree::Array(items)) => items.iter().map(|item| text(key, item)).collect(),
        Some(single) => Ok(vec![text(key, single)?]),
    }
}

fn text(key: &str, tree: &Tree) -> Result<String, String> {
    match tree {
        Tree::Null => Ok(String::new()),
        Tree::String(text) => Ok(text.clone()),
        Tree::Number(number) => Ok(number.to_string()),
        Tree::Bool(value) => Ok(value.to_string()),
        Tree::Array(_) | Tree::Object(_) => Err(format!("`{key}` is no text")),
    }
}

impl Port {
    /// `80`, `8080:80`, `127.0.0.1:8080:80`, each with `/udp` or without.
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no port: write `80`, `8080:80` or `127.0.0.1:8080:80`, and `/udp` if so"
            )
        };
        let (numbers, protocol) = text.trim().split_once('/').unwrap_or((text.trim(), "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            return Err(wrong());
        }
        let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
        let (rest, inside) = match numbers.rsplit_once(':') {
            Some((rest, inside)) => (Some(rest), inside),
            None => (None, numbers),
        };
        let (address, outside) = match rest {
            None => (THIS_MACHINE, None),
            Some(rest) => match rest.rsplit_once(':') {
                None => (THIS_MACHINE, Some(rest)),
                Some((address, outside)) => (address.trim_matches(['[', ']']), Some(outside)),
            },
        };
        let outside = outside.filter(|outside| !outside.is_empty());
        Ok(Self {
            inside: format!("{}/{protocol}", number(inside)?),
            address: address.to_owned(),
            outside: outside.map(number).transpose()?.filter(|outside| *outside != 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_an_image_and_an_empty_one_is_none() {
        assert_eq!(read(&json!("node:20")), Ok(Some(Wanted::of_image("node:20"))));
        assert_eq!(read(&json!("")), Ok(None));
        assert_eq!(read(&json!({"image": "", "options": "--nonsense"})), Ok(None));
        assert_eq!(read(&Tree::Null), Ok(None));
    }

    #[test]
    fn all_keys_are_read() {
        let wanted = read(&json!({
            "image": "docker://postgres:16",
            "credentials": {"username": "ada", "password": "s"},
            "env": {"A": 1, "B": true},
            "ports": [5432, "8080:80/udp", "0.0.0.0::53"],
            "volumes": ["data:/data"],
            "options": "--health-cmd pg_isready -p 9:9",
            "command": "postgres -c 'a b'",
        }));
        let wanted = wanted.expect("sound").expect("an image");
        assert_eq!(wanted.image, "postgres:16");
        assert_eq!(wanted.credentials.map(|it| it.username).as_deref(), Some("ada"));
        assert_eq!(wanted.env, [("A".into(), "1".into()), ("B".into(), "true".into())]);
        let port = |inside: &str, address: &str, outside| Port {
            inside: inside.to_owned(),
            address: address.to_owned(),
            outside,
        };
        let expected = [
            port("5432/tcp", "127.0.0.1", None),
            port("80/udp", "127.0.0.1", Some(8080)),
            port("53/tcp", "0.0.0.0", None),
            port("9/tcp", "127.0.0.1", Some(9)),
        ];
        assert_eq!(wanted.ports, expected);
        assert_eq!(wanted.command, Some(vec!["postgres".into(), "-c".into(), "a b".into()]));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |tree| read(&tree).expect_err("refused");
        assert!(refused(json!({"image": "a", "ports": ["x"]})).contains("`x` is no port"));
        assert!(refused(json!({"image": "a", "ports": ["80/icmp"]})).contains("is no port"));
        assert_eq!(
            refused(json!({"image": "a", "credentials": {"username": "ada"}})),
            "`credentials.password` is empty"
        );
        assert_eq!(
            refused(json!({"image": "a", "options": "--network host"}))[..20].to_owned(),
            "`options`: `--networ"
        );
    }

    #[test]
    fn what_leads_out_of_a_sandbox_is_named() {
        let powerful = |options: &str, volumes: Tree| {
            let wanted = read(&json!({"image": "a", "options": options, "volumes": volumes}));
            wanted.expect("sound").expect("an image").too_powerful()
        };
        assert_eq!(powerful("--cpus 1", json!(["data:/data", "/scratch"])), None);
        assert_eq!(
            powerful("--privileged", json!([])).as_deref(),
            Some("the option `--privileged`")
        );
        assert_eq!(powerful("", json!(["/etc:/e"])).as_deref(), Some("the volume `/etc:/e`"));
    }
}
