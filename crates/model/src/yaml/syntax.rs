//! What the parser refuses, in words that name the thing and say how to mend it.

use granit_parser::{ErrorKind, ScanError};

use super::{Limits, record};
use crate::source::{Finding, Span, quoted};

pub(super) fn finding(text: &str, error: &ScanError, limits: &Limits) -> Box<Finding> {
    Box::new(told(text, error, limits))
}

fn told(text: &str, error: &ScanError, limits: &Limits) -> Finding {
    let at = error.marker().byte_offset().unwrap_or(text.len());
    let at = text.floor_char_boundary(at);
    if let Some(tab) = indenting_tab(text, at).filter(|_| may_come_of_a_tab(error.kind())) {
        return Finding::error("tab-indentation", "a tab is used as indentation", tab)
            .label("YAML indents with spaces only")
            .hint("replace each tab with two spaces");
    }
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return record::too_deep(limits, Span::at(at));
    }
    let (message, label, hint) = words(error.kind());
    let finding = Finding::error("yaml-syntax", message, token(text, at)).label(label);
    match hint {
        "" => finding,
        hint => finding.hint(hint),
    }
}

pub(super) fn unknown_alias(name: &str, span: Span) -> Finding {
    Finding::error("unknown-alias", format!("no anchor is called {}", quoted(name)), span)
        .label("an alias, because it begins with `*`")
        .hint(format!("put it in quotes if it is meant as text: \"*{name}\""))
}

/// The word that begins at an offset, or the place itself where there is none.
fn token(text: &str, at: usize) -> Span {
    let rest = &text[at..];
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
    match rest.chars().next() {
        None => Span::at(at),
        Some(first) if ends(first) || matches!(first, '"' | '\'') => {
            Span::new(at, at + first.len_utf8())
        }
        Some(_) => Span::new(at, at + rest.find(ends).unwrap_or(rest.len())),
    }
}

/// The first tab among the spaces that open a line: that of an offset, or the next one when the
/// offset is at the line's end.
fn indenting_tab(text: &str, at: usize) -> Option<Span> {
    let tab_in = |start: usize| {
        let line = &text[start..];
        let indent = line.find(|c| !matches!(c, ' ' | '\t')).unwrap_or(line.len());
        line[..indent].find('\t').map(|tab| Span::new(start + tab, start + tab + 1))
    };
    let start = text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    tab_in(start).or_else(|| {
        let rest = &text[at..];
        let end = rest.find(['\n', '\r'])?;
        let next = end + rest[end..].find(|c| !matches!(c, '\n' | '\r'))?;
        let ends_here = rest[..end].trim_end().len() <= 1;
        ends_here.then(|| tab_in(at + next)).flatten()
    })
}

fn may_come_of_a_tab(kind: &ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::RecursionLimitExceeded
            | ErrorKind::UnclosedQuotedScalar
            | ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::MismatchedFlowCollectionEnd { .. }
            | ErrorKind::UnknownQuotedScalarEscape
    )
}

/// Message, label and hint.
fn words(kind: &ErrorKind) -> (String, &'static str, &'static str) {
    use ErrorKind as E;
    const BRACKETS: &str =
        "separate items with `,` and close what was opened; a text with brackets needs quotes";
    const COLUMN: &str = "keys of one mapping begin in the same column, a key ends in `: ` with its space, \
                          and a text that holds `: ` needs quotes";
    const LIST: &str = "items of one list begin with `- ` in the same column";
    const ESCAPE: &str =
        "in double quotes a backslash begins an escape: write `\\\\`, or use single quotes";
    let (message, label, hint) = match kind {
        E::MismatchedFlowCollectionEnd { open, close } => {
            return (format!("`{open}` is closed by `{close}`"), "does not fit", BRACKETS);
        }
        E::UnclosedFlowCollection { open } => {
            return (format!("`{open}` is never closed"), "opened here", BRACKETS);
        }
        E::UnexpectedCharacter { character } => {
            let message = format!("no value can begin with the character {character}");
            return (message, "not allowed here", "put the value in quotes");
        }
        E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::ExpectedFlowMappingSeparator
        | E::ExpectedFlowSequenceSeparator => {
            ("a list or mapping in brackets breaks off", "unexpected here", BRACKETS)
        }
        E::MisplacedFlowCollectionEnd => {
            ("a closing bracket that nothing opened", "not opened before", BRACKETS)
        }
        E::UnexpectedEof | E::UnexpectedEofBlockSequence | E::UnexpectedEofBlockMapping => {
            ("the file ends in the middle of a value", "the end", "")
        }
        E::UnclosedQuotedScalar | E::DocumentIndicatorInQuotedScalar => {
            ("a quoted text is never closed", "the quote opens here", "close the quote")
        }
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => ("an escape that YAML does not know", "in this text", ESCAPE),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "something follows a closing quote",
            "unexpected here",
            "put the whole value in quotes",
        ),
        E::MappingValueNotAllowed | E::MappingKeyNotAllowed | E::InvalidColonPlacement => {
            ("a key is not allowed here", "unexpected `:`", COLUMN)
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey | E::ExpectedBlockMappingKey => {
            ("expected a key and `:`", "no key of this mapping", COLUMN)
        }
        E::InvalidIndentation | E::InvalidFlowScalarIndent => {
            ("the indentation fits nothing above", "unexpected column", COLUMN)
        }
        E::InvalidQuotedScalarIndent => (
            "a quoted text runs on into a line that is not indented",
            "still within the quotes",
            "close the quote where the text ends, or indent the lines that belong to it",
        ),
        E::InvalidBlockScalarIndent | E::ZeroBlockScalarIndent | E::InvalidBlockScalarHeader => (
            "a text block is not formed well",
            "unexpected here",
            "begin the text on the next line, indented by spaces",
        ),
        E::BlockSequenceEntryNotAllowed => ("a list item is out of place", "unexpected here", LIST),
        E::ExpectedBlockSequenceEntry => ("expected another item of the list", "no item", LIST),
        E::BlockEntryInFlowCollection => {
            ("`- ` stands within brackets", "unexpected here", BRACKETS)
        }
        E::InvalidBlockEntryWhitespace | E::PlainScalarStartsWithDashFlowIndicator => {
            ("`-` needs a space after it", "no space after `-`", LIST)
        }
        E::InvalidMappingValueWhitespace
        | E::FlowMappingValueAdjacentCollection
        | E::ExpectedWhitespace => ("a space is missing", "expected a space here", ""),
        E::CommentNotSeparated => {
            ("a comment needs a space before its `#`", "no space before `#`", "")
        }
        E::CommentInterceptedScalar => (
            "a comment cuts a text that goes on below",
            "the text ends here",
            "put the text in quotes or on one line",
        ),
        E::MissingAnchorOrAliasName => (
            "`*` or `&` without a name",
            "an alias or anchor begins here",
            "put the value in quotes",
        ),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabAtBlockScalarStart
        | E::TabInPlainScalar => ("a tab is not allowed here", "a tab", "replace it with spaces"),
        E::BomInsideDocument => ("a byte order mark stands within the file", "remove it", ""),
        E::DirectiveDisallowed
        | E::InvalidDirectiveName
        | E::MissingDirectiveName
        | E::InvalidDirectiveTerminator
        | E::ExpectedDocumentStart
        | E::InvalidDocumentEnd
        | E::MissingDocumentEndBeforeDirective => (
            "a document marker or directive is out of place",
            "unexpected here",
            "a value that begins with `%` needs quotes",
        ),
        _ => ("this is not YAML", "unexpected here", ""),
    };
    (message.to_owned(), label, hint)
}
