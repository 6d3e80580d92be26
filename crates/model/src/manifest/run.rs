//! How a service runs: its program or site, its port, its health, its end.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use crate::shape;
use crate::shape::{Decode, Map, Present, Schemas, Shape, Spanned, Whole};
use crate::source::{Finding, Span};
use crate::yaml::{Node, Value};

use super::{Command, Cpu, HttpPath, Memory, Period, RepositoryPath, Setting, VariableName};

shape! {
    /// How a service runs. A text alone is its command.
    #[short = "command"]
    #[check = fits_its_port]
    pub struct Run {
        ..workload: Workload,
        /// The folder in the repository that it runs in.
        folder: Option<RepositoryPath>,
        /// Its environment variables. Each environment can replace some by its `config`.
        env: Map<VariableName, Setting>,
        /// The port it listens on: a number, `auto` (each instance is told a free one in `PORT`),
        /// or `none` for a worker that serves nobody.
        port: Spanned<Port> = "auto",
        /// How one sees that an instance is well. Without it, its port must accept connections;
        /// without a port, it must not end.
        health: Option<Spanned<Health>>,
        /// How many run side by side, unless an environment says otherwise.
        instances: Whole<1, 1000> = "1",
        /// How it is told to stop. A duration alone is the grace it is given.
        stop: Stop,
        /// The most that one instance may use.
        resources: Resources,
    }
}

fn fits_its_port(run: &Run, _: Span, cx: &mut Decode) {
    if let Port::Auto = run.port.value
        && let Some(entry) = run.env.entries.iter().find(|entry| entry.key.as_str() == "PORT")
    {
        cx.report(
            Finding::warning("port-is-given", "`PORT` is given by Highroad", entry.key.span)
                .label("this value is not used")
                .hint("write it as `port:`, or remove it"),
        );
    }
    if let Some(health) = &run.health
        && run.port.value == Port::None
        && matches!(health.probe, Probe::Http(_) | Probe::Tcp(_))
    {
        cx.report(
            Finding::error("no-port", "health is asked at a port, but there is none", health.span)
                .label("needs a port")
                .also(run.port.span, "there is none")
                .hint("use `health: alive` or a `command`, or give it a port"),
        );
    }
    if let (Port::Fixed(number), Workload::Command(_)) = (run.port.value, &run.workload)
        && run.instances.get() > 1
    {
        let message =
            format!("{} instances cannot share port {number} of one machine", run.instances.get());
        cx.report(
            Finding::warning("fixed-port", message, run.port.span)
                .label("the same port for each")
                .hint("let the program listen on `$PORT` and leave `port` out"),
        );
    }
}

shape! {
    /// What runs: a command, a container image or a static site.
    pub enum Workload {
        /// The program to start. A text is split into words as a shell would, with `'…'`, `"…"`
        /// and `\`, and `$NAME` or `${NAME}` is filled in from the instance's variables; no shell
        /// is involved. A list is taken word by word as it is.
        Command(Command) = "command",
        /// The container image to start.
        Image(Image) = "image",
        /// The folder of a built site, served as files.
        Static(Site) = "static",
    }
}

shape! {
    /// A container image. A text alone is its name.
    #[short = "name"]
    pub struct Image {
        /// Its name, with a registry if need be: `ghcr.io/acme/shop`. The tag or digest is the
        /// release's.
        name: String,
        /// What to start in it instead of its own command.
        command: Option<Command>,
    }
}

shape! {
    /// A static site. A text alone is its folder.
    #[short = "folder"]
    pub struct Site {
        /// The folder with the built files.
        folder: RepositoryPath,
        /// The file to serve where there is none: `index.html` for an app that routes by itself.
        fallback: Option<RepositoryPath>,
    }
}

/// Where a service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Each instance is told a free one.
    Auto,
    /// It does not listen.
    None,
    Fixed(u16),
}

impl Shape for Port {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::Int(_) | Value::Float(_) => {
                let port = Whole::<1, 65_535>::decode(node, cx)?;
                u16::try_from(port.get()).ok().map(Self::Fixed)
            }
            Value::String(text) if text.contains(':') => {
                let hint = "write the port that the service listens on; its way to the outside is the environment's `hosts`";
                cx.expected(
                    "a port from 1 to 65535, `auto` or `none`",
                    node,
                    Some(hint.to_owned()),
                );
                None
            }
            Value::String(text) if text == "auto" => Some(Self::Auto),
            Value::String(text) if text == "none" => Some(Self::None),
            _ => {
                cx.expected("a port from 1 to 65535, `auto` or `none`", node, None);
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({ "anyOf": [{ "enum": ["auto", "none"] }, { "type": "integer", "minimum": 1, "maximum": 65_535 }] })
    }
}

shape! {
    /// How one sees that an instance is well. A path alone is asked over HTTP; `tcp` and `alive`
    /// can stand alone.
    #[short = "http"]
    pub struct Health {
        ..probe: Probe,
        /// How often to look.
        interval: Period = "10s",
        /// How long an answer may take.
        timeout: Period = "2s",
        /// How many bad answers in a row make an instance unwell.
        failures: Whole<1, 100> = "3",
        /// How long an instance may take to become well after its start.
        ready_within: Period = "1m",
    }
}

shape! {
    /// What is looked at.
    pub enum Probe {
        /// A path that answers with a status from 200 to 399.
        Http(HttpPath) = "http",
        /// Its port accepts connections.
        Tcp(Present) = "tcp",
        /// A command that ends with 0.
        Command(Command) = "command",
        /// It has not ended.
        Alive(Present) = "alive",
    }
}

shape! {
    /// How an instance is told to stop.
    #[short = "grace"]
    pub struct Stop {
        /// How long it may take to finish its work before it is killed.
        grace: SignedDuration = "30s",
        /// The signal that tells it.
        signal: Signal = "TERM",
    }
}

shape! {
    /// A signal that asks a process to end.
    pub enum Signal {
        /// The usual one.
        Term = "TERM",
        /// As by Ctrl-C.
        Int = "INT",
        /// For programs that take it as "finish your work first".
        Quit = "QUIT",
        /// For programs that end with their terminal.
        Hup = "HUP",
        /// A program's own.
        Usr1 = "USR1",
        /// A program's own.
        Usr2 = "USR2",
    }
}

shape! {
    /// The most that one instance may use.
    pub struct Resources {
        /// Memory: `512MiB`.
        memory: Option<Memory>,
        /// Processors: `2`, `0.5` or `500m`.
        cpu: Option<Cpu>,
    }
}

impl Run {
    /// How its instances are looked at, said or not.
    pub fn health(&self) -> Health {
        if let Some(health) = &self.health {
            return health.value.clone();
        }
        let probe = match self.port.value {
            Port::None => Probe::Alive(Present),
            Port::Auto | Port::Fixed(_) => Probe::Tcp(Present),
        };
        Health {
            probe,
            interval: Period::from_secs(10),
            timeout: Period::from_secs(2),
            failures: Whole::new(3).expect("3 lies between 1 and 100"),
            ready_within: Period::from_secs(60),
        }
    }
}
