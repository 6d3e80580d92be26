//! Where a service listens, as far as its sources tell.

use serde::Serialize;

use super::folder::Folder;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Listens {
    /// It serves nobody, or nothing tells that it does.
    #[default]
    Nowhere,
    /// It is told a port in the variable `PORT`.
    Told {
        because: String,
    },
    At {
        port: u16,
        because: String,
    },
}

impl Listens {
    pub(super) fn at(port: u16, because: impl Into<String>) -> Self {
        Self::At { port, because: because.into() }
    }

    pub(super) fn told(because: impl Into<String>) -> Self {
        Self::Told { because: because.into() }
    }

    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::Nowhere { other() } else { self }
    }
}

/// Looks into sources for the variable `PORT` first, then for an address with a port.
pub(super) fn spoken_in(folder: &Folder, files: &[String]) -> Listens {
    let texts: Vec<_> = files.iter().filter_map(|file| Some((file, folder.text(file)?))).collect();
    let reads_variable = texts.iter().find(|(_, text)| reads_port(text));
    if let Some((file, _)) = reads_variable {
        return Listens::told(format!("{file} reads PORT"));
    }
    let address = texts.iter().find_map(|(file, text)| Some((file, address(text)?)));
    address.map_or(Listens::Nowhere, |(file, port)| Listens::at(port, format!("{file} says so")))
}

/// The variable in a command: `$PORT` or `${PORT}`, with or without a default.
pub(super) fn in_command(command: &str) -> bool {
    let after = command.split('$').skip(1);
    let mut names = after.map(|rest| rest.trim_start_matches('{'));
    names.any(|name| {
        name.strip_prefix("PORT").is_some_and(|rest| {
            !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        })
    })
}

fn reads_port(text: &str) -> bool {
    ["\"PORT\"", "'PORT'", "env.PORT"].iter().any(|form| text.contains(form))
}

/// `"0.0.0.0:3000"`, `":8080"`, `.listen(3000`.
fn address(text: &str) -> Option<u16> {
    let forms = ["0.0.0.0:", "127.0.0.1:", "[::]:", "localhost:", "\":", ".listen("];
    forms.iter().find_map(|form| {
        text.split(form).skip(1).find_map(|after| {
            let end = after.find(|letter: char| !letter.is_ascii_digit())?;
            let port = after[..end].parse().ok().filter(|port| *port > 0)?;
            matches!(after.as_bytes()[end], b'"' | b'\'' | b'`' | b')' | b',').then_some(port)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_in_a_command() {
        for command in ["x $PORT", "x --bind=0.0.0.0:${PORT}", "${PORT:-3000}"] {
            assert!(in_command(command), "{command}");
        }
        for command in ["x", "x PORT", "x $PORTS", "x $A_PORT", "$"] {
            assert!(!in_command(command), "{command}");
        }
    }

    #[test]
    fn addresses_in_sources() {
        assert_eq!(address(r#"bind("0.0.0.0:3000").await"#), Some(3000));
        assert_eq!(address(r#"http.ListenAndServe(":8080", nil)"#), Some(8080));
        assert_eq!(address("app.listen(4000)"), Some(4000));
        assert_eq!(address("app.listen(3000, () => {})"), Some(3000));
        assert_eq!(address(r#"":0" "::1" localhost:x "127.0.0.1:99999""#), None);
        assert_eq!(address("\":8080"), None);
    }
}
