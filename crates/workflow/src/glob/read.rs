//! From the text of a pattern to its pieces.

use model::source::Span;

use super::{Count, Flaw, Pattern, PatternError, Piece, Set};

pub(super) fn read(text: &str) -> Result<Pattern, PatternError> {
    let negative = text.starts_with('!');
    let start = usize::from(negative);
    if text.len() == start {
        let flaw = if negative { Flaw::NothingNegated } else { Flaw::Empty };
        return Err(PatternError { span: Span::new(0, start), flaw });
    }
    let mut reader = Reader { text, at: start, pieces: Vec::new(), last: Last::Start };
    // A sign of repetition in front has nothing to repeat. GitHub reads `+x` as `x`, and lets what
    // begins with `?` begin anywhere.
    let adrift = match reader.peek() {
        Some('?') => reader.skip('?'),
        Some('+') => {
            reader.skip('+');
            false
        }
        _ => false,
    };
    while let Some(c) = reader.peek() {
        reader.piece(c)?;
    }
    Ok(Pattern { negative, adrift, pieces: reader.pieces })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    pieces: Vec<Piece>,
    last: Last,
}

/// What was read last: only a character can be optional or repeated.
enum Last {
    Start,
    Character,
    /// A wildcard, or a sign of repetition, from this offset on.
    Other(usize),
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip(&mut self, c: char) -> bool {
        self.last = Last::Other(self.at);
        self.at += c.len_utf8();
        true
    }

    fn fail<T>(&self, from: usize, to: usize, flaw: Flaw) -> Result<T, PatternError> {
        let to = self.text.ceil_char_boundary(to);
        Err(PatternError { span: Span::new(from, to), flaw })
    }

    fn piece(&mut self, c: char) -> Result<(), PatternError> {
        let from = self.at;
        match c {
            '*' => {
                let (piece, length) = match &self.text[from..] {
                    rest if rest.starts_with("**/") => (Piece::Anything, 3),
                    rest if rest.starts_with("**") => (Piece::Anything, 2),
                    _ => (Piece::Segment, 1),
                };
                self.pieces.push(piece);
                self.at += length;
                self.last = Last::Other(from);
            }
            '?' | '+' => {
                let count = if c == '?' { Count::Optional } else { Count::Repeated };
                match (&self.last, self.pieces.last_mut()) {
                    (Last::Character, Some(Piece::Character { count: counted, .. })) => {
                        *counted = count;
                    }
                    (Last::Other(before), _) => {
                        let after = self.text[*before..from].to_owned();
                        return self.fail(from, from + 1, Flaw::Misplaced(c, after));
                    }
                    _ => {}
                }
                self.at += 1;
                self.last = Last::Other(from);
            }
            '[' => {
                let ranges = self.brackets()?;
                self.character(Set::Ranges(ranges));
            }
            '\\' => {
                self.at += 1;
                let Some(escaped) = self.peek() else {
                    return self.fail(from, from + 1, Flaw::TrailingBackslash);
                };
                self.at += escaped.len_utf8();
                // `\0` is a NUL, which is in no name; that it is accepted is all that can be seen.
                let meant = match escaped {
                    '0' => '\0',
                    ' ' => ' ',
                    c if c.is_ascii_punctuation() => c,
                    c => return self.fail(from, self.at, Flaw::Escape(c)),
                };
                self.character(Set::One(meant));
            }
            c => {
                self.at += c.len_utf8();
                self.character(Set::One(c));
            }
        }
        Ok(())
    }

    fn character(&mut self, set: Set) {
        self.pieces.push(Piece::Character { set, count: Count::Once });
        self.last = Last::Character;
    }

    /// `[a-z05]`, with `at` on the bracket before and behind it after.
    fn brackets(&mut self) -> Result<Vec<(char, char)>, PatternError> {
        let open = self.at;
        let inside = open + 1;
        let Some(length) = self.text[inside..].find(']') else {
            return self.fail(open, open + 1, Flaw::Unclosed);
        };
        if length == 0 {
            return self.fail(open, inside + 1, Flaw::EmptyBrackets);
        }
        let listed: Vec<(usize, char)> = self.text[inside..inside + length]
            .char_indices()
            .map(|(at, c)| (inside + at, c))
            .collect();
        let mut ranges = Vec::new();
        let mut rest = listed.as_slice();
        while let Some(((at, from), behind)) = rest.split_first() {
            self.alphanumeric(*at, *from)?;
            let [(_, '-'), (end, to), behind @ ..] = behind else {
                ranges.push((*from, *from));
                rest = behind;
                continue;
            };
            self.alphanumeric(*end, *to)?;
            let range = format!("{from}-{to}");
            if from.is_ascii_digit() != to.is_ascii_digit() {
                return self.fail(*at, end + 1, Flaw::MixedRange(range));
            }
            if from > to {
                return self.fail(*at, end + 1, Flaw::BackwardRange(range));
            }
            ranges.push((*from, *to));
            rest = behind;
        }
        self.at = inside + length + 1;
        Ok(ranges)
    }

    fn alphanumeric(&self, at: usize, c: char) -> Result<(), PatternError> {
        if c.is_ascii_alphanumeric() {
            return Ok(());
        }
        self.fail(at, at + c.len_utf8(), Flaw::NotAlphanumeric(c))
    }
}
