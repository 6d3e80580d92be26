//! Findings as people read them: the place, the lines with the exact token underlined, the mend.

use unicode_width::UnicodeWidthChar;

use super::{Finding, Severity, Source, Span};

/// Whether a rendering carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    #[default]
    Plain,
    Ansi,
}

pub(super) fn render(finding: &Finding, source: &Source, paint: Paint) -> String {
    let marks = marks(finding, source);
    let last = marks.iter().map(|mark| mark.line).max().unwrap_or(0);
    let mut page = Page { out: String::new(), paint, gutter: (last + 1).to_string().len() };
    page.heading(finding);
    page.place(finding, source);
    if !source.text().is_empty() {
        page.excerpt(finding, source, &marks);
    }
    page.remark("help", finding.hint.as_deref());
    page.remark("note", finding.note.as_deref());
    page.out
}

/// An underline within one line.
struct Mark {
    line: usize,
    span: Span,
    label: String,
    main: bool,
}

fn marks(finding: &Finding, source: &Source) -> Vec<Mark> {
    let further = finding.further.iter().map(|(span, label)| (*span, label.as_str(), false));
    let mut marks: Vec<Mark> = std::iter::once((finding.span, finding.label.as_str(), true))
        .chain(further)
        .map(|(span, label, main)| {
            let start = source.text().floor_char_boundary(span.start);
            let line = source.line_index(start);
            let whole = source.line_span(line);
            let start = start.min(whole.end);
            // A span of several lines is underlined on its first: that is where the reader looks.
            let end = source.text().floor_char_boundary(span.end).clamp(start, whole.end);
            Mark { line, span: Span::new(start, end), label: visible(label), main }
        })
        .collect();
    marks.sort_by_key(|mark| (mark.line, !mark.main));
    marks
}

struct Page {
    out: String,
    paint: Paint,
    gutter: usize,
}

impl Page {
    fn heading(&mut self, finding: &Finding) {
        let color = severity_color(finding.severity);
        self.painted(color, &format!("{}[{}]", finding.severity, finding.code));
        self.painted(BOLD, &format!(": {}", visible(&finding.message)));
        self.out.push('\n');
    }

    fn place(&mut self, finding: &Finding, source: &Source) {
        let at = source.position(finding.span.start);
        self.out.push_str(&" ".repeat(self.gutter));
        self.painted(MARGIN, "-->");
        let (name, line, column) = (visible(source.name()), at.line, at.column);
        self.out.extend([" ", &name, ":", &line.to_string(), ":", &column.to_string(), "\n"]);
    }

    fn excerpt(&mut self, finding: &Finding, source: &Source, marks: &[Mark]) {
        self.margin("");
        let mut shown: Option<(usize, Window)> = None;
        for mark in marks {
            let window = match shown {
                Some((line, window)) if line == mark.line && window.holds(mark.span) => window,
                _ => {
                    self.gap(source, shown.map(|(line, _)| line), mark.line);
                    let window = Window::around(source, source.line_span(mark.line), mark.span);
                    self.numbered(mark.line + 1, &window.text(source));
                    window
                }
            };
            shown = Some((mark.line, window));
            let (indent, width) = window.underline(source, mark.span);
            self.underline(finding.severity, mark, indent, width);
        }
        if finding.hint.is_some() || finding.note.is_some() {
            self.margin("");
        }
    }

    /// What lies between two lines that are shown: the one line there is, or dots.
    fn gap(&mut self, source: &Source, shown: Option<usize>, next: usize) {
        match shown {
            Some(shown) if next == shown + 2 => {
                let whole = source.line_span(shown + 1);
                let window = Window::around(source, whole, Span::at(whole.start));
                self.numbered(shown + 2, &window.text(source));
            }
            Some(shown) if next > shown + 2 => {
                self.painted(MARGIN, "...");
                self.out.push('\n');
            }
            _ => {}
        }
    }

    fn underline(&mut self, severity: Severity, mark: &Mark, indent: usize, width: usize) {
        let (color, stroke) =
            if mark.main { (severity_color(severity), "^") } else { (MARGIN, "-") };
        let label = if mark.label.is_empty() { String::new() } else { format!(" {}", mark.label) };
        self.out.push_str(&" ".repeat(self.gutter));
        self.painted(MARGIN, " |");
        self.out.push_str(&" ".repeat(indent + 1));
        self.painted(color, &format!("{}{label}", stroke.repeat(width)));
        self.out.push('\n');
    }

    fn numbered(&mut self, number: usize, text: &str) {
        self.painted(MARGIN, &format!("{number:>width$} |", width = self.gutter));
        if !text.is_empty() {
            self.out.push(' ');
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    fn margin(&mut self, text: &str) {
        self.out.push_str(&" ".repeat(self.gutter));
        self.painted(MARGIN, " |");
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn remark(&mut self, kind: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        self.out.push_str(&" ".repeat(self.gutter));
        self.painted(MARGIN, " =");
        self.out.push(' ');
        self.painted(BOLD, kind);
        self.out.extend([": ", &visible(text), "\n"]);
    }

    fn painted(&mut self, color: &str, text: &str) {
        match self.paint {
            Paint::Plain => self.out.push_str(text),
            Paint::Ansi => self.out.extend(["\u{1b}[", color, "m", text, "\u{1b}[0m"]),
        }
    }
}

const BOLD: &str = "1";
const MARGIN: &str = "1;34";

fn severity_color(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Advice => "1;36",
    }
}

/// The part of a line that is shown.
#[derive(Clone, Copy)]
struct Window {
    span: Span,
    cut_before: bool,
    cut_after: bool,
}

impl Window {
    const COLUMNS: usize = 100;
    /// What is kept of the line before the underline when it is cut.
    const BEFORE: usize = 30;

    fn around(source: &Source, line: Span, mark: Span) -> Self {
        let text = source.text();
        let whole = &text[line.start..line.end];
        if whole.len() <= Self::COLUMNS {
            return Self { span: line, cut_before: false, cut_after: false };
        }
        let before = &text[line.start..mark.start];
        let mut start = mark.start;
        let mut taken = 0;
        let fits_from_start = columns_up_to(before, Self::COLUMNS / 2) < Self::COLUMNS / 2;
        let keep = if fits_from_start { usize::MAX } else { Self::BEFORE };
        for (at, c) in before.char_indices().rev() {
            taken += columns(c).max(1);
            if taken > keep {
                break;
            }
            start = line.start + at;
        }
        let mut end = start;
        let mut used = 0;
        for (at, c) in text[start..line.end].char_indices() {
            used += columns(c).max(1);
            if used > Self::COLUMNS {
                break;
            }
            end = start + at + c.len_utf8();
        }
        Self {
            span: Span::new(start, end),
            cut_before: start > line.start,
            cut_after: end < line.end,
        }
    }

    fn holds(self, mark: Span) -> bool {
        self.span.start <= mark.start && mark.end <= self.span.end
    }

    fn text(self, source: &Source) -> String {
        let mut shown = String::new();
        if self.cut_before {
            shown.push('…');
        }
        for (at, c) in source.text()[self.span.start..self.span.end].char_indices() {
            let at = self.span.start + at;
            if source.hides(at) {
                shown.push('•');
            } else {
                show(c, &mut shown);
            }
        }
        if self.cut_after {
            shown.push('…');
        }
        shown.truncate(shown.trim_end().len());
        shown
    }

    /// The columns before a mark and those it takes, at least one.
    fn underline(self, source: &Source, mark: Span) -> (usize, usize) {
        let text = source.text();
        let width = |from: usize, to: usize| -> usize {
            let within = &text[from..to.max(from)];
            within
                .char_indices()
                .map(|(at, c)| if source.hides(from + at) { 1 } else { columns(c) })
                .sum()
        };
        let start = mark.start.clamp(self.span.start, self.span.end);
        let end = mark.end.clamp(start, self.span.end);
        let indent = width(self.span.start, start) + usize::from(self.cut_before);
        (indent, width(start, end).max(1))
    }
}

/// Columns of a text, counted no further than needed.
fn columns_up_to(text: &str, most: usize) -> usize {
    let mut sum = 0;
    for c in text.chars() {
        sum += columns(c).max(1);
        if sum >= most {
            break;
        }
    }
    sum
}

/// A tab is four columns wherever it stands: an excerpt need not line up with tab stops.
const TAB: &str = "    ";

fn columns(c: char) -> usize {
    match c {
        '\t' => TAB.len(),
        c if is_unseen(c) => 1,
        c => c.width().unwrap_or(1),
    }
}

fn show(c: char, out: &mut String) {
    match c {
        '\t' => out.push_str(TAB),
        c if is_unseen(c) => out.push('\u{fffd}'),
        c => out.push(c),
    }
}

/// Characters that would steer the terminal or reorder the line instead of being seen.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn visible(text: &str) -> String {
    text.chars().map(|c| if is_unseen(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str, finding: &Finding) -> String {
        finding.render(&Source::new("f.yaml", text), Paint::Plain)
    }

    fn over(text: &str, token: &str) -> Finding {
        let start = text.find(token).unwrap();
        Finding::error("some-code", "something is wrong", Span::new(start, start + token.len()))
            .label("here")
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_underline_under_its_token() {
        let text = "a:\n\t日本e\u{301}: bad # x\n";
        insta::assert_snapshot!(plain(text, &over(text, "bad").hint("mend it")));
    }

    #[test]
    fn long_lines_are_cut_around_the_token() {
        let text = format!("{} bad {}", "x".repeat(5000), "y".repeat(5000));
        insta::assert_snapshot!(plain(&text, &over(&text, "bad")));
        let text = format!("short bad {}", "y".repeat(5000));
        insta::assert_snapshot!(plain(&text, &over(&text, "bad")));
    }

    #[test]
    fn the_end_of_the_file_and_an_empty_file_have_a_place() {
        let end =
            Finding::error("cut-short", "the file ends too early", Span::at(99)).label("here");
        insta::assert_snapshot!(plain("a: [1,\n  2", &end));
        insta::assert_snapshot!(plain("a: [1,\n", &end));
        insta::assert_snapshot!(plain("", &end));
    }

    #[test]
    fn several_places_are_shown_in_the_order_of_the_file() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\na: 6\n";
        let twice = |again: &str| over(text, again).also(Span::new(0, 1), "first here");
        insta::assert_snapshot!(plain(text, &twice("b")));
        insta::assert_snapshot!(plain(text, &twice("c")));
        insta::assert_snapshot!(plain(text, &twice("e")));
        insta::assert_snapshot!(plain(text, &twice("1")));
    }

    #[test]
    fn colours_are_only_where_asked_for() {
        let text = "a: bad";
        let painted = over(text, "bad").render(&Source::new("f", text), Paint::Ansi);
        assert!(painted.starts_with("\u{1b}[1;31merror[some-code]\u{1b}[0m"), "{painted:?}");
        assert!(!plain(text, &over(text, "bad")).contains('\u{1b}'));
    }

    #[test]
    fn nothing_in_a_file_steers_the_terminal_and_no_secret_is_shown() {
        let text = "a\u{1b}[31m: \u{202e}bad";
        let finding = over(text, "bad").hint("see \u{1b}]0;x\u{7}");
        insta::assert_snapshot!(plain(text, &finding));
        let text = "token: hunter2hunter2 # x";
        let secret = over(text, "hunter2hunter2");
        let mut source = Source::new("f.yaml", text);
        source.hide(secret.span);
        insta::assert_snapshot!(secret.render(&source, Paint::Plain));
        assert!(!over(text, "token").render(&source, Paint::Plain).contains("hunter"));
    }
}
