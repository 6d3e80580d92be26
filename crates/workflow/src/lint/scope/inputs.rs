//! `inputs`: what people who start a workflow give it, and what its callers give it.

use super::super::shape::{Holder, Reason, Shape};
use crate::expression::Value;
use crate::syntax::model::{Input, InputKind, Kind, Workflow};

pub(super) fn shape(workflow: &Workflow) -> Shape {
    // Whatever else starts it gives it none.
    let always =
        workflow.on.iter().all(|event| matches!(event.kind, Kind::Dispatch(_) | Kind::Call(_)));
    let mut properties: Vec<(String, Shape)> = Vec::new();
    for event in &workflow.on {
        let inputs = match &event.kind {
            Kind::Dispatch(dispatch) => &dispatch.inputs,
            Kind::Call(call) => &call.inputs,
            _ => continue,
        };
        for input in inputs {
            let shape = of(input, always);
            let name = &input.name.value;
            match properties.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, known)) => *known = known.clone().or(shape),
                None => properties.push((name.clone(), shape)),
            }
        }
    }
    Shape::closed(Holder::Inputs, properties)
}

fn of(input: &Input, always: bool) -> Shape {
    let shape = match input.kind() {
        InputKind::Boolean => Shape::boolean(),
        InputKind::Number => Shape::Number,
        InputKind::String | InputKind::Environment => Shape::Text,
        InputKind::Choice => match &input.options {
            Some(options) if !options.value.is_empty() => {
                let options = options.value.iter().map(|option| option.value.as_str());
                let words: Vec<&str> = options.chain([""]).collect();
                Shape::words(&words, Reason::Enumerated)
            }
            _ => Shape::Text,
        },
    };
    match shape {
        Shape::OneOf(values, reason) if !always => {
            let values = values.iter().cloned().chain([Value::Null]);
            Shape::OneOf(values.collect(), reason)
        }
        Shape::Number if !always => Shape::Any,
        shape => shape,
    }
}
