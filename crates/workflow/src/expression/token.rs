//! An expression's text as words and signs.

use model::source::Span;

use super::node::Comparison;
use super::number;
use super::syntax_error::{Fault, MAX_LENGTH, SyntaxErrorKind, utf16_len};
use super::value::Value;

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) symbol: Symbol,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Symbol {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Dot,
    Star,
    Not,
    And,
    Or,
    Compare(Comparison),
    Literal(Value),
    Name,
    End,
}

/// The tokens of a text; the last one is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    if utf16_len(text) > MAX_LENGTH {
        return Err(Fault { kind: SyntaxErrorKind::TooLong, span: Span::new(0, text.len()) });
    }
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    while let Some(token) = lexer.next()? {
        lexer.tokens.push(token);
    }
    let span = Span::at(text.len());
    lexer.tokens.push(Token { symbol: Symbol::End, span });
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Token>, Fault> {
        self.skip(char::is_whitespace);
        let start = self.at;
        let Some(first) = self.take() else {
            return Ok(None);
        };
        let symbol = match first {
            '(' => Symbol::Open,
            ')' => Symbol::Close,
            '[' => Symbol::OpenBracket,
            ']' => Symbol::CloseBracket,
            ',' => Symbol::Comma,
            '*' => Symbol::Star,
            '.' if self.can_be_indexed() => Symbol::Dot,
            '.' | '+' | '-' | '0'..='9' => self.number(start)?,
            '\'' => self.text(start)?,
            '!' if self.take_if('=') => Symbol::Compare(Comparison::NotEqual),
            '!' => Symbol::Not,
            '<' if self.take_if('=') => Symbol::Compare(Comparison::LessOrEqual),
            '<' => Symbol::Compare(Comparison::Less),
            '>' if self.take_if('=') => Symbol::Compare(Comparison::GreaterOrEqual),
            '>' => Symbol::Compare(Comparison::Greater),
            '=' if self.take_if('=') => Symbol::Compare(Comparison::Equal),
            '&' if self.take_if('&') => Symbol::And,
            '|' if self.take_if('|') => Symbol::Or,
            _ => self.word(start)?,
        };
        Ok(Some(Token { symbol, span: Span::new(start, self.at) }))
    }

    fn number(&mut self, start: usize) -> Result<Symbol, Fault> {
        self.skip(|next| next == '.' || !is_boundary(next));
        let value = number::read(&self.text[start..self.at]);
        if value.is_nan() {
            return Err(self.fault(start));
        }
        Ok(Symbol::Literal(value.into()))
    }

    fn text(&mut self, start: usize) -> Result<Symbol, Fault> {
        loop {
            self.skip(|next| next != '\'');
            // The closing quote, or the first of two that stand for one.
            if self.take().is_none() {
                return Err(self.fault(start));
            }
            if !self.take_if('\'') {
                let text = self.text[start + 1..self.at - 1].replace("''", "'");
                return Ok(Symbol::Literal(text.into()));
            }
        }
    }

    fn word(&mut self, start: usize) -> Result<Symbol, Fault> {
        self.skip(|next| !is_boundary(next));
        let word = &self.text[start..self.at];
        if !is_name(word) {
            return Err(self.fault(start));
        }
        let follows_a_dot = self.tokens.last().is_some_and(|last| last.symbol == Symbol::Dot);
        Ok(match word {
            _ if follows_a_dot => Symbol::Name,
            "null" => Symbol::Literal(Value::Null),
            "true" => Symbol::Literal(true.into()),
            "false" => Symbol::Literal(false.into()),
            "NaN" => Symbol::Literal(f64::NAN.into()),
            "Infinity" => Symbol::Literal(f64::INFINITY.into()),
            _ => Symbol::Name,
        })
    }

    /// Whether a dot belongs to what comes before it, and not to a number.
    fn can_be_indexed(&self) -> bool {
        self.tokens.last().is_some_and(|last| {
            matches!(
                last.symbol,
                Symbol::Name | Symbol::Close | Symbol::CloseBracket | Symbol::Star
            )
        })
    }

    fn fault(&self, start: usize) -> Fault {
        Fault { kind: SyntaxErrorKind::NotAToken, span: Span::new(start, self.at) }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.text[self.at..].chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.find(|next| !wanted(next)).unwrap_or(rest.len());
    }
}

/// Where a word or a number ends. A quote or a star does not end it.
fn is_boundary(next: char) -> bool {
    matches!(next, '(' | ')' | '[' | ']' | ',' | '.' | '!' | '<' | '>' | '=' | '&' | '|')
        || next.is_whitespace()
}

fn is_name(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|next| next.is_ascii_alphanumeric() || next == '_' || next == '-')
}
