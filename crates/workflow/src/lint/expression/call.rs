//! Calls: what they are given, and what they come to.

use model::source::{Finding, Span, quoted};

use super::super::shape::Shape;
use super::compare::full;
use super::{Examiner, Nowhere, evaluate, is_constant, path};
use crate::expression::{Expression, Function, Node, Problem, Value};

impl Examiner<'_> {
    pub(super) fn call(
        &mut self,
        function: Function,
        name: Span,
        arguments: &[Node],
        span: Span,
    ) -> Shape {
        let shapes: Vec<Shape> = arguments.iter().map(|argument| self.shape(argument)).collect();
        match function {
            Function::Format => self.format(arguments, span),
            Function::FromJson => self.read_json(arguments, &shapes),
            Function::Contains => self.contains(arguments, &shapes, span),
            Function::StartsWith | Function::EndsWith => {
                self.begins(function, arguments, &shapes, span);
            }
            Function::Case => self.case(arguments, &shapes),
            Function::Join | Function::ToJson | Function::Special(_) => {}
        }
        let constant = arguments.iter().all(is_constant);
        if constant && !matches!(function, Function::Special(_)) {
            let text = self.slice(Span::new(name.start, span.end));
            return evaluate(text).map_or(Shape::Any, |value| Shape::of(&value));
        }
        match function {
            Function::Contains | Function::StartsWith | Function::EndsWith => Shape::boolean(),
            Function::FromJson => Shape::Any,
            Function::Case => {
                let values = shapes.iter().skip(1).step_by(2).chain(shapes.last());
                values.cloned().reduce(Shape::or).unwrap_or(Shape::Any)
            }
            Function::Special(special) if special.is_status() => Shape::boolean(),
            Function::Format | Function::Join | Function::ToJson | Function::Special(_) => {
                Shape::Text
            }
        }
    }

    fn format(&mut self, arguments: &[Node], span: Span) {
        let Some((first, given)) = arguments.split_first() else { return };
        let Node::Literal { value: Value::String(format), span: place } = first else { return };
        let call = format!("format({}{})", self.slice(*place), ", ''".repeat(given.len()));
        let problem = Expression::parse(&call)
            .ok()
            .and_then(|expression| expression.evaluate(&Nowhere).err());
        let finding = match problem.map(|error| error.problem) {
            Some(Problem::TooFewToFormat(_)) => {
                let most = placeholders(format).max().unwrap_or(0);
                let message = format!("the format asks for `{{{most}}}`, and that is not given");
                Finding::error("format-arguments", message, span)
                    .label(format!("{} to fill in", counted(given.len())))
                    .hint("placeholders are counted from `{0}`")
            }
            Some(Problem::InvalidFormat(_)) => {
                Finding::error("format-arguments", "the format cannot be read", *place)
                    .label("a brace without its other half")
                    .hint("write `{{` and `}}` for braces themselves")
            }
            Some(_) => return,
            None => {
                let unused =
                    (0..given.len()).find(|at| placeholders(format).all(|used| used != *at));
                let Some(at) = unused else { return };
                let message = format!("the format has no place for `{{{at}}}`");
                Finding::warning("format-arguments", message, given[at].span()).label("never shown")
            }
        };
        self.tell(finding);
    }

    fn read_json(&mut self, arguments: &[Node], shapes: &[Shape]) {
        let ([argument], [shape]) = (arguments, shapes) else { return };
        let span = argument.span();
        let finding = match (argument, shape) {
            (Node::Literal { value: Value::String(text), .. }, _) => {
                let call = format!("fromJSON({})", self.slice(span));
                if evaluate(&call).is_some() {
                    return;
                }
                Finding::error("not-json", format!("{} is no JSON", quoted(text)), span)
                    .label("this fails when it runs")
            }
            (_, Shape::Object(_) | Shape::List(_)) => {
                let message =
                    format!("{} is {} already", quoted(self.slice(span)), shape.described());
                Finding::error("not-json", message, span)
                    .label("this fails when it runs")
                    .hint("use it without `fromJSON`")
            }
            _ => return,
        };
        self.tell(finding);
    }

    fn contains(&mut self, arguments: &[Node], shapes: &[Shape], span: Span) {
        let ([within, _], [whole, item]) = (arguments, shapes) else { return };
        let name = self.slice(within.span());
        let text = |shape: &Shape| match shape {
            Shape::Text => true,
            Shape::OneOf(values, _) => values.iter().all(|value| matches!(value, Value::String(_))),
            _ => false,
        };
        let labels = path(within).is_some_and(|path| {
            let labelled = ["pull_request", "issue"]
                .iter()
                .any(|of| path.ends_with(&[(*of).to_owned(), "labels".to_owned()]));
            path.starts_with(&["github".to_owned(), "event".to_owned()]) && labelled
        });
        let objects = matches!(whole, Shape::List(list) if matches!(list.item, Shape::Object(_)));
        let finding = if (labels || objects) && text(item) {
            let key = if labels { "name" } else { "key" };
            let message = format!("{} is a list of objects, which no text equals", quoted(name));
            Finding::warning("never-contains", message, span)
                .label("never true")
                .hint(format!("write `{name}.*.{key}`"))
        } else if matches!(whole, Shape::Object(_)) {
            let message =
                format!("{} is an object, and `contains` looks into lists and texts", quoted(name));
            Finding::warning("never-contains", message, span).label("never true")
        } else {
            return;
        };
        self.tell(finding);
    }

    /// `startsWith` and `endsWith`.
    fn begins(&mut self, function: Function, arguments: &[Node], shapes: &[Shape], span: Span) {
        let [whole, part] = arguments else { return };
        let object = |shape: &Shape| matches!(shape, Shape::Object(_) | Shape::List(_));
        if let Some(at) = shapes.iter().position(object) {
            let message = format!(
                "{} is {}, and `{}` looks at texts",
                quoted(self.slice(arguments[at].span())),
                shapes[at].described(),
                function.name()
            );
            self.tell(Finding::warning("wrong-argument", message, span).label("never true"));
            return;
        }
        let Node::Literal { value: Value::String(literal), .. } = part else { return };
        let named = path(whole).map(|path| path.join("."));
        let never = function == Function::StartsWith
            && named.as_deref() == Some("github.ref")
            && !literal.starts_with("refs/")
            && !"refs/".starts_with(&**literal);
        if never {
            let message = format!(
                "`github.ref` is a full name such as `refs/heads/main`; it never begins with {}",
                quoted(literal)
            );
            self.tell(
                Finding::warning("never-equal", message, span)
                    .label("never true")
                    .hint(format!("write `github.ref_name`, or `'{}'`", full(literal))),
            );
        }
    }

    fn case(&mut self, arguments: &[Node], shapes: &[Shape]) {
        let pairs = arguments.len() / 2 * 2;
        for (argument, shape) in arguments.iter().zip(shapes).take(pairs).step_by(2) {
            let wrong = match shape {
                Shape::OneOf(values, _) => {
                    !values.iter().any(|value| matches!(value, Value::Boolean(_)))
                }
                Shape::Any => false,
                _ => true,
            };
            if wrong {
                let message = format!(
                    "`case` wants a truth value, and {} is {}",
                    quoted(self.slice(argument.span())),
                    shape.described()
                );
                self.tell(
                    Finding::error("wrong-argument", message, argument.span())
                        .label("this fails when it runs")
                        .hint("compare it with something"),
                );
            }
        }
    }
}

/// The numbers of the placeholders in a format.
fn placeholders(format: &str) -> impl Iterator<Item = usize> {
    let plain = format.replace("{{", "").replace("}}", "\u{0}");
    let starts: Vec<String> = plain.split('{').skip(1).map(str::to_owned).collect();
    starts.into_iter().filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

fn counted(count: usize) -> String {
    match count {
        0 => "nothing".to_owned(),
        1 => "one value".to_owned(),
        more => format!("{more} values"),
    }
}
