//! What an action says of itself: its `action.yml`.

use std::io;
use std::path::Path;

use model::pipeline::{StepSheet, Template};
use model::source::Source;
use model::yaml::{self, Mapping, Node, Value};

use super::steps;
use crate::worker::read_small;

/// An action as its `action.yml` describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Action {
    pub(crate) inputs: Vec<Input>,
    pub(crate) runs: Runs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) default: Option<Template>,
    /// What whoever gives it is told.
    pub(crate) deprecated: Option<String>,
}

impl Input {
    /// Names of inputs are alike whatever their case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Runs {
    JavaScript(JavaScript),
    Composite { steps: Vec<StepSheet>, outputs: Vec<(String, Template)> },
    Docker(DockerAction),
}

/// An action in a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DockerAction {
    /// `docker://…`, or the path of a Dockerfile in the action's folder.
    pub(crate) image: String,
    /// What the step says counts where the action says nothing.
    pub(crate) arguments: Option<Vec<Template>>,
    pub(crate) entrypoint: Option<String>,
    pub(crate) env: Vec<(String, Template)>,
    /// An entrypoint, and when it is executed.
    pub(crate) pre: Option<(String, String)>,
    pub(crate) post: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JavaScript {
    /// The major version of Node.js that it was written for.
    pub(crate) node: u32,
    pub(crate) main: String,
    /// A script, and when it is executed.
    pub(crate) pre: Option<(String, String)>,
    pub(crate) post: Option<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DefinitionError {
    #[error("{0} holds no action.yml, no action.yaml and no Dockerfile")]
    Missing(String),
    #[error("cannot read {0}")]
    Unreadable(String, #[source] io::Error),
    /// The file, the line, and what is wrong there.
    #[error("{0}:{1}: {2}")]
    Wrong(String, usize, String),
}

const ALWAYS: &str = "always()";

impl Action {
    /// Reads the action in a folder that messages call `shown`.
    pub(crate) fn read(folder: &Path, shown: &str) -> Result<Self, DefinitionError> {
        for name in ["action.yml", "action.yaml"] {
            let shown = format!("{shown}/{name}");
            match read_small(&folder.join(name)) {
                Ok(text) => return parse(&shown, text.as_bytes()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(DefinitionError::Unreadable(shown, error)),
            }
        }
        let mut dockerfiles = ["Dockerfile", "dockerfile"].into_iter();
        if let Some(name) = dockerfiles.find(|name| folder.join(name).is_file()) {
            return Ok(Self::of_image(name.to_owned()));
        }
        Err(DefinitionError::Missing(shown.to_owned()))
    }

    /// An image, or a Dockerfile, that says nothing of itself.
    pub(crate) fn of_image(image: String) -> Self {
        let runs = Runs::Docker(DockerAction { image, ..DockerAction::default() });
        Self { inputs: Vec::new(), runs }
    }
}

fn parse(shown: &str, bytes: &[u8]) -> Result<Action, DefinitionError> {
    let document = yaml::read(shown, bytes, &yaml::Options::default());
    let file = File { source: &document.source };
    if let Some(finding) = document.findings.first() {
        return Err(file.wrong_at(finding.span.start, finding.message.clone()));
    }
    let root = document.root.as_ref().and_then(Node::as_mapping);
    let root = root.ok_or_else(|| file.wrong_at(0, "expected a mapping".to_owned()))?;
    let inputs = root.get("inputs").map(|node| inputs(node, &file)).transpose()?;
    let outputs = root.get("outputs").map(|node| outputs(node, &file)).transpose()?;
    let runs =
        root.get("runs").ok_or_else(|| file.wrong_at(0, "expected the key `runs`".to_owned()))?;
    Ok(Action {
        inputs: inputs.unwrap_or_default(),
        runs: self::runs(runs, outputs.unwrap_or_default(), &file)?,
    })
}

fn inputs(node: &Node, file: &File<'_>) -> Result<Vec<Input>, DefinitionError> {
    let inputs = file.mapping(node, "inputs")?;
    let inputs = inputs.entries.iter().map(|entry| {
        let (details, nothing) = (entry.value.as_mapping(), Mapping::default());
        if details.is_none() && !entry.value.is_null() {
            return Err(file.wrong(
                &entry.value,
                format!("expected a mapping at the input `{}`", entry.key.text),
            ));
        }
        let details = details.unwrap_or(&nothing);
        let default = details.get("default").map(|node| file.text(node, "default")).transpose()?;
        Ok(Input {
            name: entry.key.text.clone(),
            required: details
                .get("required")
                .and_then(Node::text)
                .is_some_and(|text| text.eq_ignore_ascii_case("true")),
            default,
            deprecated: details
                .get("deprecationMessage")
                .and_then(Node::text)
                .map(|text| text.trim().to_owned()),
        })
    });
    inputs.collect()
}

fn outputs(node: &Node, file: &File<'_>) -> Result<Vec<(String, Template)>, DefinitionError> {
    let outputs = file.mapping(node, "outputs")?;
    let outputs = outputs.entries.iter().filter_map(|entry| {
        // Only composite actions say what an output is made of.
        let value = entry.value.as_mapping()?.get("value")?;
        Some(file.text(value, "value").map(|text| (entry.key.text.clone(), text)))
    });
    outputs.collect()
}

fn runs(
    node: &Node,
    outputs: Vec<(String, Template)>,
    file: &File<'_>,
) -> Result<Runs, DefinitionError> {
    let keys = file.mapping(node, "runs")?;
    let text = |key: &str| keys.get(key).map(|node| file.text(node, key)).transpose();
    let needed = |key: &str| {
        let given = text(key)?.filter(|text| !text.is_empty());
        given.ok_or_else(|| file.wrong(node, format!("expected the key `runs.{key}`")))
    };
    let using = needed("using")?.to_ascii_lowercase();
    match using.as_str() {
        "composite" => {
            let steps = keys.get("steps");
            let steps = steps
                .ok_or_else(|| file.wrong(node, "expected the key `runs.steps`".to_owned()))?;
            Ok(Runs::Composite { steps: steps::read(steps, file)?, outputs })
        }
        "docker" => {
            let hook = |entrypoint: &str, condition: &str| {
                let Some(entrypoint) = text(entrypoint)?.filter(|text| !text.is_empty()) else {
                    return Ok(None);
                };
                Ok(Some((entrypoint, text(condition)?.unwrap_or_else(|| ALWAYS.to_owned()))))
            };
            Ok(Runs::Docker(DockerAction {
                image: needed("image")?,
                arguments: keys.get("args").map(|node| arguments(node, file)).transpose()?,
                entrypoint: text("entrypoint")?.filter(|text| !text.is_empty()),
                env: keys.get("env").map(|node| env(node, file)).transpose()?.unwrap_or_default(),
                pre: hook("pre-entrypoint", "pre-if")?,
                post: hook("post-entrypoint", "post-if")?,
            }))
        }
        _ => {
            let node_version = using.strip_prefix("node").and_then(|version| version.parse().ok());
            let Some(version) = node_version else {
                let message = format!(
                    "`using: {using}` is not known: `composite`, `docker` and `node20` are"
                );
                return Err(file.wrong(node, message));
            };
            let hook = |script: &str, condition: &str| {
                let Some(script) = text(script)?.filter(|script| !script.is_empty()) else {
                    return Ok(None);
                };
                Ok(Some((script, text(condition)?.unwrap_or_else(|| ALWAYS.to_owned()))))
            };
            Ok(Runs::JavaScript(JavaScript {
                node: version,
                main: needed("main")?,
                pre: hook("pre", "pre-if")?,
                post: hook("post", "post-if")?,
            }))
        }
    }
}

fn arguments(node: &Node, file: &File<'_>) -> Result<Vec<Template>, DefinitionError> {
    let items = node.as_sequence();
    let items =
        items.ok_or_else(|| file.wrong(node, "expected a list at `runs.args`".to_owned()))?;
    items.iter().map(|item| file.text(item, "runs.args")).collect()
}

fn env(node: &Node, file: &File<'_>) -> Result<Vec<(String, Template)>, DefinitionError> {
    let entries = file.mapping(node, "runs.env")?.entries.iter();
    entries.map(|it| Ok((it.key.text.clone(), file.text(&it.value, &it.key.text)?))).collect()
}

/// The file that is being read, for messages.
pub(super) struct File<'a> {
    source: &'a Source,
}

impl File<'_> {
    pub(super) fn wrong(&self, node: &Node, message: String) -> DefinitionError {
        self.wrong_at(node.span.start, message)
    }

    fn wrong_at(&self, offset: usize, message: String) -> DefinitionError {
        let line = self.source.position(offset).line;
        DefinitionError::Wrong(self.source.name().to_owned(), line, message)
    }

    pub(super) fn line(&self, node: &Node) -> u32 {
        u32::try_from(self.source.position(node.span.start).line).unwrap_or(u32::MAX)
    }

    pub(super) fn mapping<'n>(
        &self,
        node: &'n Node,
        key: &str,
    ) -> Result<&'n Mapping, DefinitionError> {
        let found = || {
            self.wrong(node, format!("expected a mapping at `{key}`, found {}", node.described()))
        };
        node.as_mapping().ok_or_else(found)
    }

    pub(super) fn text(&self, node: &Node, key: &str) -> Result<String, DefinitionError> {
        if let Value::Null = node.value {
            return Ok(String::new());
        }
        let found =
            || self.wrong(node, format!("expected a text at `{key}`, found {}", node.described()));
        node.text().map(str::to_owned).ok_or_else(found)
    }
}
