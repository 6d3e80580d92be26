//! `highroad schema`: the JSON Schema of `highroad.yaml`, for editors.

use model::manifest;

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// Print the JSON Schema of highroad.yaml
///
/// Editors with a YAML language server complete and check the file as you type once its first line
/// names the schema:
///
///   # yaml-language-server: $schema=highroad.schema.json
///
/// The schema is always JSON; --json changes nothing.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Schema {}

pub(super) const EXAMPLES: &[Example] = &[Example {
    line: "highroad schema > highroad.schema.json",
    does: "keep the schema beside highroad.yaml",
}];

impl Schema {
    #[expect(clippy::unused_self, reason = "every command runs the same way")]
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let text =
            serde_json::to_string_pretty(&manifest::schema()).expect("a JSON value is always JSON");
        terminal.print(&text)?;
        terminal.print("\n")?;
        Ok(Exit::Success)
    }
}
