//! Conditions that exclude one another.

use model::source::{Finding, quoted};

use super::{Examiner, path};
use crate::expression::{Comparison, Node, Value};

/// `path == literal`, or `!=`.
struct Claim<'a> {
    path: String,
    literal: &'a Value,
    equal: bool,
    node: &'a Node,
}

impl Examiner<'_> {
    /// `x == 'a' && x == 'b'` never holds, `x != 'a' || x != 'b'` always does.
    pub(super) fn contradiction(&mut self, operands: &[Node], either: bool) {
        let claims: Vec<Claim<'_>> = operands.iter().filter_map(claim).collect();
        for (at, second) in claims.iter().enumerate() {
            let first = claims[..at].iter().find(|first| {
                let same = first.literal.equals(second.literal);
                let opposed = if first.equal == second.equal {
                    // Both claim another value to be the one, or both deny one.
                    first.equal != either && !same
                } else {
                    same
                };
                first.path == second.path && opposed
            });
            let Some(first) = first else { continue };
            let name = quoted(&second.path);
            let (code, message) = if either {
                ("always-true", format!("one of both holds whatever {name} is"))
            } else {
                ("never-true", format!("{name} cannot be both"))
            };
            let hint = if either { "write `&&`" } else { "write `||`" };
            let finding = Finding::warning(code, message, second.node.span())
                .label("and this")
                .also(first.node.span(), "this")
                .hint(hint);
            self.tell(finding);
            return;
        }
    }
}

fn claim(node: &Node) -> Option<Claim<'_>> {
    let Node::Compare { operator, left, right, .. } = node else { return None };
    let equal = match operator {
        Comparison::Equal => true,
        Comparison::NotEqual => false,
        _ => return None,
    };
    let ((side, Node::Literal { value: literal, .. })
    | (Node::Literal { value: literal, .. }, side)) = (left.as_ref(), right.as_ref())
    else {
        return None;
    };
    // An item in a list may be one thing here and another there.
    let path = path(side).filter(|path| !path.contains(&"*".to_owned()))?.join(".");
    Some(Claim { path, literal, equal, node })
}
