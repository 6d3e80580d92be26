//! `matrix`: what the cells of a job's matrix have.

use super::super::shape::{Holder, Reason, Shape};
use crate::expression::Value as Evaluated;
use crate::matrix::MOST_CELLS;
use crate::syntax::model::Job;
use crate::syntax::{Given, Node, Value};

pub(super) fn shape(job: &Job) -> Shape {
    let matrix = match &job.strategy {
        None => None,
        Some(Given::Computed(_)) => return Shape::Any,
        Some(Given::Fixed(strategy)) => strategy.matrix.as_ref(),
    };
    let Some(matrix) = matrix else {
        return Shape::closed(Holder::Matrix, Vec::new());
    };
    read(matrix).unwrap_or(Shape::Any)
}

/// `None` where keys or whole cells are known only when it runs.
fn read(matrix: &Node) -> Option<Shape> {
    let mut properties: Vec<(String, Shape)> = Vec::new();
    for entry in matrix.as_mapping()? {
        let key = entry.key.literal()?;
        if key != "include" && key != "exclude" {
            properties.push((key.to_owned(), axis(&entry.value)));
        }
    }
    let axes = properties.len();
    let include = matrix.get("include").map(|include| include.as_list());
    for item in include.unwrap_or(Some(&[]))? {
        for entry in item.as_mapping()? {
            let key = entry.key.literal()?;
            let shape = because_of_the_matrix(of(&entry.value));
            let at = properties.iter().position(|(known, _)| known.eq_ignore_ascii_case(key));
            match at {
                Some(at) => properties[at].1 = properties[at].1.clone().or(shape),
                None => properties.push((key.to_owned(), shape)),
            }
        }
    }
    // What only some cells are given is nothing in the others.
    for (_, shape) in &mut properties[axes..] {
        let nothing = Shape::OneOf([Evaluated::Null].into(), Reason::Matrix);
        *shape = shape.clone().or(nothing);
    }
    Some(Shape::closed(Holder::Matrix, properties))
}

fn axis(values: &Node) -> Shape {
    let Some(items) = values.as_list().filter(|items| items.len() <= MOST_CELLS) else {
        return Shape::Any;
    };
    let shapes = items.iter().map(|item| match item.as_text() {
        // A list in the place of an item is put into its surroundings.
        Some(text) if text.literal().is_none() => Shape::Any,
        _ => because_of_the_matrix(of(item)),
    });
    shapes.reduce(Shape::or).unwrap_or(Shape::Any)
}

fn because_of_the_matrix(shape: Shape) -> Shape {
    match shape {
        Shape::OneOf(values, _) => Shape::OneOf(values, Reason::Matrix),
        Shape::List(list) => Shape::list(because_of_the_matrix(list.item.clone())),
        other => other,
    }
}

/// What a value that is written down comes to.
fn of(node: &Node) -> Shape {
    match &node.value {
        Value::Null => Shape::one(Evaluated::Null),
        Value::Bool(value) => Shape::one((*value).into()),
        Value::Number(value) => Shape::one((*value).into()),
        Value::Text(text) => match text.literal() {
            Some(literal) => Shape::one(literal.into()),
            None => Shape::Any,
        },
        Value::List(items) if items.len() > MOST_CELLS => Shape::Any,
        Value::List(items) => {
            Shape::list(items.iter().map(of).reduce(Shape::or).unwrap_or(Shape::Any))
        }
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|entry| {
                Some((entry.key.literal()?.to_owned(), because_of_the_matrix(of(&entry.value))))
            });
            match entries.collect::<Option<Vec<_>>>() {
                Some(entries) => Shape::closed(Holder::Value, entries),
                None => Shape::Any,
            }
        }
    }
}
