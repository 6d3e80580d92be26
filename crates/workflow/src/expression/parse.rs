//! From tokens to the tree. What is open is kept on a stack of its own, so that no text is too
//! deep to be refused in good order.

mod operand;

use model::source::Span;

use super::names::{self, Function, Names};
use super::node::Node;
use super::syntax_error::{Fault, MAX_DEPTH, SyntaxErrorKind};
use super::token::{self, Symbol, Token};
use super::value::Value;
use operand::{Binary, Operand, Operator, Precedence};

/// Reads an expression. An empty one is null. Without `names`, any context may be named.
pub(super) fn parse(text: &str, names: Option<&Names<'_>>) -> Result<Node, Fault> {
    let tokens = token::tokens(text)?;
    if tokens.len() == 1 {
        return Ok(Node::Literal { value: Value::Null, span: Span::at(0) });
    }
    let mut parser =
        Parser { text, names, tokens, next: 0, open: Vec::new(), operands: Vec::new() };
    loop {
        parser.read_operand()?;
        if !parser.read_what_follows()? {
            return Ok(parser.pop().node);
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    names: Option<&'t Names<'t>>,
    tokens: Vec<Token>,
    next: usize,
    open: Vec<Open>,
    operands: Vec<Operand>,
}

/// What is not complete yet.
#[derive(Debug)]
enum Open {
    Group { start: usize },
    Call { function: Function, name: Span, first: usize },
    Bracket,
    Operator(Operator),
}

impl Parser<'_> {
    /// Reads what may stand before an operand, and the operand.
    fn read_operand(&mut self) -> Result<(), Fault> {
        loop {
            let Token { symbol, span } = self.take();
            match symbol {
                Symbol::Not => {
                    self.open.push(Open::Operator(Operator::Not { start: span.start }));
                }
                Symbol::Open => self.open.push(Open::Group { start: span.start }),
                Symbol::Literal(value) => {
                    return self.push(Operand::leaf(Node::Literal { value, span }));
                }
                Symbol::Name if *self.peek() == Symbol::Open => {
                    self.open_call(span)?;
                    if *self.peek() == Symbol::Close {
                        let end = self.take().span.end;
                        return self.close_parenthesis(end);
                    }
                }
                Symbol::Name => {
                    let name = self.slice(span);
                    if !names::knows_context(name, self.names) {
                        return Err(Fault { kind: SyntaxErrorKind::UnknownContext, span });
                    }
                    let name = name.to_ascii_lowercase().into();
                    return self.push(Operand::leaf(Node::Context { name, span }));
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Reads on behind an operand; whether another operand is to come.
    fn read_what_follows(&mut self) -> Result<bool, Fault> {
        loop {
            let can_be_indexed = self.operands.last().is_some_and(|last| last.can_be_indexed);
            let Token { symbol, span } = self.take();
            let binary = match symbol {
                Symbol::Or => Binary::Or,
                Symbol::And => Binary::And,
                Symbol::Compare(comparison) => Binary::Compare(comparison),
                Symbol::Dot if can_be_indexed => {
                    self.read_member()?;
                    continue;
                }
                Symbol::OpenBracket if can_be_indexed => {
                    self.open.push(Open::Bracket);
                    if *self.peek() != Symbol::Star {
                        return Ok(true);
                    }
                    let span = self.take().span;
                    self.push(Operand::leaf(Node::Star { span }))?;
                    if *self.peek() != Symbol::CloseBracket {
                        self.take();
                        return Err(self.unexpected());
                    }
                    continue;
                }
                Symbol::CloseBracket => {
                    self.settle(Precedence::Or)?;
                    let Some(Open::Bracket) = self.open.pop() else {
                        return Err(self.unexpected());
                    };
                    self.index(span.end)?;
                    continue;
                }
                Symbol::Close => {
                    self.settle(Precedence::Or)?;
                    self.close_parenthesis(span.end)?;
                    continue;
                }
                Symbol::Comma => {
                    self.settle(Precedence::Or)?;
                    let in_call = matches!(self.open.last(), Some(Open::Call { .. }));
                    return if in_call { Ok(true) } else { Err(self.unexpected()) };
                }
                Symbol::End => {
                    self.settle(Precedence::Or)?;
                    return if self.open.is_empty() { Ok(false) } else { Err(self.unexpected()) };
                }
                _ => return Err(self.unexpected()),
            };
            self.settle(binary.precedence())?;
            self.open.push(Open::Operator(Operator::Binary(binary)));
            return Ok(true);
        }
    }

    fn read_member(&mut self) -> Result<(), Fault> {
        let Token { symbol, span } = self.take();
        let member = match symbol {
            Symbol::Name => Node::Literal { value: self.slice(span).into(), span },
            Symbol::Star => Node::Star { span },
            _ => return Err(self.unexpected()),
        };
        self.push(Operand::leaf(member))?;
        self.index(span.end)
    }

    fn open_call(&mut self, name: Span) -> Result<(), Fault> {
        let Some(function) = names::function(self.slice(name), self.names) else {
            return Err(Fault { kind: SyntaxErrorKind::UnknownFunction, span: name });
        };
        self.open.push(Open::Call { function, name, first: self.operands.len() });
        self.take();
        Ok(())
    }

    fn close_parenthesis(&mut self, end: usize) -> Result<(), Fault> {
        match self.open.pop() {
            Some(Open::Group { start }) => {
                let operand = self.pop().in_parentheses(Span::new(start, end));
                self.push(operand)
            }
            Some(Open::Call { function, name, first }) => {
                let arguments = self.operands.split_off(first);
                names::arguments(function, arguments.len(), self.names)
                    .map_err(|kind| Fault { kind, span: name })?;
                self.push(Operand::call(function, name, arguments, end))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Applies the last operand as an index to the one before it.
    fn index(&mut self, end: usize) -> Result<(), Fault> {
        let (index, target) = (self.pop(), self.pop());
        self.push(target.index(index, end))
    }

    /// Gives the operators that wait, and bind at least as tightly, their operands.
    fn settle(&mut self, precedence: Precedence) -> Result<(), Fault> {
        while let Some(Open::Operator(operator)) = self.open.last()
            && operator.precedence() >= precedence
        {
            let operator = *operator;
            self.open.pop();
            let last = self.pop();
            let operand = match operator {
                Operator::Not { start } => last.negate(start),
                Operator::Binary(binary) => self.pop().combine(binary, last),
            };
            self.push(operand)?;
        }
        Ok(())
    }

    fn push(&mut self, operand: Operand) -> Result<(), Fault> {
        if operand.height > MAX_DEPTH {
            return Err(Fault { kind: SyntaxErrorKind::TooDeep, span: operand.outer });
        }
        self.operands.push(operand);
        Ok(())
    }

    fn pop(&mut self) -> Operand {
        self.operands.pop().expect("an operator is read only behind an operand")
    }

    fn slice(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    fn peek(&self) -> &Symbol {
        &self.tokens[self.next].symbol
    }

    fn take(&mut self) -> Token {
        self.next += 1;
        self.tokens[self.next - 1].clone()
    }

    /// The token that was just taken may not stand there.
    fn unexpected(&self) -> Fault {
        let Token { symbol, span } = &self.tokens[self.next - 1];
        if *symbol == Symbol::End {
            let last = self.tokens[self.next - 2].span;
            return Fault { kind: SyntaxErrorKind::UnexpectedEnd, span: last };
        }
        Fault { kind: SyntaxErrorKind::UnexpectedSymbol, span: *span }
    }
}
