//! Commands as they are written: a name, properties and data, in two notations.

use model::pipeline::{Annotation, Level};

use super::Command;

/// A command as it is written, before anybody asked what it means.
pub(super) struct Written<'a> {
    pub(super) name: &'a str,
    properties: Vec<(&'a str, String)>,
    pub(super) data: String,
}

impl<'a> Written<'a> {
    pub(super) fn new(line: &'a str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix("::") {
            let (head, data) = rest.split_once("::")?;
            let (name, properties) = split(head, ',', &IN_PROPERTIES);
            Some(Self { name, properties, data: unescaped(data, &IN_DATA) })
        } else {
            let (head, data) = line.strip_prefix("##[")?.split_once(']')?;
            let (name, properties) = split(head, ';', &IN_BRACKETS);
            Some(Self { name, properties, data: unescaped(data, &IN_BRACKETS) })
        }
    }

    /// What it means, if there is a command of this name, which is in lower case.
    pub(super) fn command(self, name: &str) -> Option<Command> {
        let command = match name {
            "add-mask" if self.data.trim().is_empty() => {
                Command::Odd("add-mask has nothing to mask".to_owned())
            }
            "add-mask" => Command::AddMask(self.data),
            "debug" => Command::Debug(self.data),
            "notice" => self.annotation(Level::Notice),
            "warning" => self.annotation(Level::Warning),
            "error" => self.annotation(Level::Error),
            "group" => Command::Group(self.data),
            "endgroup" => Command::EndGroup,
            "add-matcher" if self.data.is_empty() => {
                Command::Odd("add-matcher needs the path of a file".to_owned())
            }
            "add-matcher" => Command::AddMatcher { path: self.data },
            "remove-matcher" => {
                let owner = self.property("owner").filter(|owner| !owner.is_empty());
                let path = Some(self.data).filter(|path| !path.is_empty());
                match (&owner, &path) {
                    (None, None) => {
                        Command::Odd("remove-matcher needs an owner or the path of a file".into())
                    }
                    (Some(_), Some(_)) => Command::Odd(
                        "remove-matcher takes an owner or the path of a file, not both".into(),
                    ),
                    _ => Command::RemoveMatcher { owner, path },
                }
            }
            "echo" => match self.data.trim() {
                on if on.eq_ignore_ascii_case("on") => Command::Echo(true),
                off if off.eq_ignore_ascii_case("off") => Command::Echo(false),
                other => Command::Wrong(format!("echo is 'on' or 'off', not '{other}'")),
            },
            "set-output" => self.named(name, |name, value| Command::SetOutput { name, value }),
            "save-state" => self.named(name, |name, value| Command::SaveState { name, value }),
            "set-env" => self.named(name, |name, value| Command::SetEnv { name, value }),
            "add-path" if self.data.is_empty() => Command::Wrong("add-path needs a path".into()),
            "add-path" => Command::AddPath(self.data),
            _ => return None,
        };
        Some(command)
    }

    fn property(&self, name: &str) -> Option<String> {
        // The last one counts.
        let mut properties = self.properties.iter().rev();
        properties.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.property(name)?.trim().parse().ok()
    }

    fn named(self, command: &str, make: impl Fn(String, String) -> Command) -> Command {
        match self.property("name") {
            Some(name) if !name.is_empty() => make(name, self.data),
            _ => Command::Wrong(format!(
                "{command} needs a name, as in '::{command} name=colour::green'"
            )),
        }
    }

    /// Lines and columns that contradict each other are left out, as GitHub does.
    fn annotation(self, level: Level) -> Command {
        let text = |name| self.property(name).filter(|text| !text.is_empty());
        let (mut line, mut end_line) = (self.number("line"), self.number("endLine"));
        let (mut column, mut end_column) = (self.number("col"), self.number("endColumn"));
        line = line.or(end_line);
        column = column.or(end_column);
        if line.is_none() || end_line.is_some_and(|end| Some(end) != line) {
            (column, end_column) = (None, None);
        }
        if end_line < line && end_line.is_some() {
            (line, end_line) = (None, None);
        }
        if end_column < column && end_column.is_some() {
            (column, end_column) = (None, None);
        }
        let (title, file) = (text("title"), text("file"));
        let message = self.data;
        Command::Annotation(Annotation {
            level,
            message,
            title,
            file,
            line,
            end_line,
            column,
            end_column,
        })
    }
}

type Escapes = [(&'static str, &'static str)];

const IN_DATA: [(&str, &str); 3] = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
const IN_PROPERTIES: [(&str, &str); 5] =
    [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
const IN_BRACKETS: [(&str, &str); 5] =
    [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%")];

fn unescaped(text: &str, escapes: &Escapes) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = escapes.iter().find(|(written, _)| rest.starts_with(written));
        let (written, meant) = escape.copied().unwrap_or(("%", "%"));
        plain.push_str(meant);
        rest = &rest[written.len()..];
    }
    plain.push_str(rest);
    plain
}

fn split<'a>(
    head: &'a str,
    separator: char,
    escapes: &Escapes,
) -> (&'a str, Vec<(&'a str, String)>) {
    let Some((name, properties)) = head.split_once(' ') else { return (head, Vec::new()) };
    let pairs = properties.split(separator).filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.trim(), unescaped(value.trim_end(), escapes)));
    (name, pairs.filter(|(key, _)| !key.is_empty()).collect())
}
