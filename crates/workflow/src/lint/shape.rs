//! What is known of a value before anything runs: its kind, the values that it can have, the
//! properties that it has.

use std::collections::{BTreeMap, btree_map};
use std::rc::Rc;

use crate::expression::Value;

/// The most values, and the most properties of objects in the same place, that are told apart.
const MOST_VALUES: usize = 64;

#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Nothing is known.
    Any,
    /// One of these, and nothing else.
    OneOf(Rc<[Value]>, Reason),
    Text,
    Number,
    List(Rc<List>),
    Object(Rc<Object>),
}

/// Why a value can be nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is written out, or made of such.
    Written,
    /// The language has no other values for it.
    Enumerated,
    /// The matrix has no other values.
    Matrix,
    /// Nothing else starts the workflow.
    Event,
    /// The condition asks for no status, so that it holds only where everything went well.
    Success,
}

impl Reason {
    /// Whether it lies in a part of the file that changes more often than conditions do.
    pub(super) fn may_change(self) -> bool {
        matches!(self, Self::Matrix | Self::Event | Self::Success)
    }
}

#[derive(Debug)]
pub(super) struct List {
    pub(super) item: Shape,
    /// Made by `.*`: a property is asked of each item.
    pub(super) filtered: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) holder: Holder,
    properties: Vec<(String, Shape)>,
    /// Where each property is, by its name in lower case.
    places: BTreeMap<String, usize>,
    /// What any other property is; without it there is none.
    others: Option<Shape>,
    /// Nothing may be there in its place.
    optional: bool,
}

/// Whose properties they are, which decides how a missing one is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// A context or a part of one, as it is written: `github`, `job.container`.
    Context(&'static str),
    Inputs,
    /// Those that a called workflow says it takes.
    Secrets,
    Matrix,
    Needs,
    /// The outputs of a needed job.
    JobOutputs(String),
    Job(String),
    Jobs,
    Steps,
    StepOutputs(String),
    Step(String),
    Services,
    /// A value that is written out.
    Value,
}

impl Shape {
    pub(super) fn one(value: Value) -> Self {
        Self::OneOf(Rc::new([value]), Reason::Written)
    }

    pub(super) fn boolean() -> Self {
        Self::OneOf(Rc::new([Value::Boolean(true), Value::Boolean(false)]), Reason::Enumerated)
    }

    /// One of these texts.
    pub(super) fn words(words: &[&str], reason: Reason) -> Self {
        Self::OneOf(words.iter().map(|word| Value::from(*word)).collect(), reason)
    }

    pub(super) fn list(item: Self) -> Self {
        Self::List(Rc::new(List { item, filtered: false }))
    }

    pub(super) fn filtered(item: Self) -> Self {
        Self::List(Rc::new(List { item, filtered: true }))
    }

    /// An object without other properties than these.
    pub(super) fn closed(holder: Holder, properties: Vec<(String, Self)>) -> Self {
        Self::Object(Rc::new(Object::new(holder, properties)))
    }

    /// An object without other properties than these, or nothing.
    pub(super) fn optional(holder: Holder, properties: Vec<(String, Self)>) -> Self {
        let object = Object::new(holder, properties);
        Self::Object(Rc::new(Object { optional: true, ..object }))
    }

    /// An object with other properties besides these.
    pub(super) fn open(holder: Holder, properties: Vec<(String, Self)>, others: Self) -> Self {
        let object = Object::new(holder, properties);
        Self::Object(Rc::new(Object { others: Some(others), ..object }))
    }

    /// What a value that is written out is.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(Self::of);
                Self::list(items.reduce(Self::or).unwrap_or(Self::Any))
            }
            Value::Object(object) => {
                let entry = |(key, value): (&std::sync::Arc<str>, &Value)| {
                    (key.to_string(), Self::of(value))
                };
                Self::closed(Holder::Value, object.iter().map(entry).collect())
            }
            single => Self::one(single.clone()),
        }
    }

    /// What is either this or that.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::OneOf(left, reason), Self::OneOf(right, second)) => {
                let mut values: Vec<Value> = left.to_vec();
                for value in right.iter() {
                    if !values.contains(value) {
                        values.push(value.clone());
                    }
                }
                if values.len() > MOST_VALUES {
                    return Self::Any;
                }
                let reason = if reason == second { reason } else { Reason::Written };
                Self::OneOf(values.into(), reason)
            }
            (Self::Text, Self::Text) => Self::Text,
            (Self::Text, Self::OneOf(values, _)) | (Self::OneOf(values, _), Self::Text)
                if values.iter().all(|value| matches!(value, Value::String(_) | Value::Null)) =>
            {
                Self::Text
            }
            (Self::Number, Self::Number) => Self::Number,
            (Self::Object(left), Self::Object(right)) => {
                let both = left.or(&right);
                let told_apart = both.properties.len() <= MOST_VALUES;
                if told_apart { Self::Object(Rc::new(both)) } else { Self::Any }
            }
            (Self::List(left), Self::List(right)) => Self::List(Rc::new(List {
                item: left.item.clone().or(right.item.clone()),
                filtered: left.filtered && right.filtered,
            })),
            _ => Self::Any,
        }
    }

    /// Whether it counts as true: always, never, or nobody knows.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::OneOf(values, _) => {
                let first = values.first()?.is_truthy();
                values.iter().all(|value| value.is_truthy() == first).then_some(first)
            }
            Self::Object(object) if object.optional => None,
            Self::List(_) | Self::Object(_) => Some(true),
            Self::Any | Self::Text | Self::Number => None,
        }
    }

    /// What is left of it where it counts as true, or as false.
    pub(super) fn only(&self, truth: bool) -> Option<Self> {
        match self {
            Self::OneOf(values, reason) => {
                let left: Rc<[Value]> =
                    values.iter().filter(|value| value.is_truthy() == truth).cloned().collect();
                (!left.is_empty()).then_some(Self::OneOf(left, *reason))
            }
            Self::Object(object) if object.optional && !truth => Some(Self::one(Value::Null)),
            Self::List(_) | Self::Object(_) => truth.then(|| self.clone()),
            Self::Text if !truth => Some(Self::one("".into()).or(Self::one(Value::Null))),
            _ => Some(self.clone()),
        }
    }

    /// What it is called in a message.
    pub(super) fn described(&self) -> &'static str {
        let Self::OneOf(values, _) = self else {
            return match self {
                Self::Text => "a text",
                Self::Number => "a number",
                Self::List(_) => "a list",
                Self::Object(_) => "an object",
                Self::Any | Self::OneOf(..) => "a value",
            };
        };
        let some = || values.iter().filter(|value| !matches!(value, Value::Null));
        let all = |fits: fn(&Value) -> bool| some().all(fits);
        if some().next().is_none() {
            "nothing"
        } else if all(|value| matches!(value, Value::Boolean(_))) {
            "a truth value"
        } else if all(|value| matches!(value, Value::Number(_))) {
            "a number"
        } else if all(|value| matches!(value, Value::String(_))) {
            "a text"
        } else {
            "a value"
        }
    }
}

impl Object {
    pub(super) fn new(holder: Holder, properties: Vec<(String, Shape)>) -> Self {
        let mut object = Self {
            holder,
            properties: Vec::with_capacity(properties.len()),
            places: BTreeMap::new(),
            others: None,
            optional: false,
        };
        for (name, shape) in properties {
            object.put(name, shape);
        }
        object
    }

    /// Adds a property, unless there is one of that name.
    pub(super) fn put(&mut self, name: String, shape: Shape) {
        if let btree_map::Entry::Vacant(place) = self.places.entry(name.to_lowercase()) {
            place.insert(self.properties.len());
            self.properties.push((name, shape));
        }
    }

    /// What a property is; `None` if there is none of that name.
    pub(super) fn get(&self, name: &str) -> Option<Shape> {
        let place = self.places.get(&name.to_lowercase());
        place.map(|place| self.properties[*place].1.clone()).or_else(|| self.others.clone())
    }

    /// A property with its name as it is written.
    pub(super) fn entry(&self, name: &str) -> Option<(String, Shape)> {
        let place = self.places.get(&name.to_lowercase())?;
        Some(self.properties[*place].clone())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// What any of its values is.
    pub(super) fn values(&self) -> Shape {
        let values = self.properties.iter().map(|(_, shape)| shape.clone());
        values.chain(self.others.clone()).reduce(Shape::or).unwrap_or(Shape::Any)
    }

    fn or(&self, other: &Self) -> Self {
        let absent = |shape: &Shape| shape.clone().or(Shape::one(Value::Null));
        let mut both = Self::new(self.holder.clone(), Vec::new());
        for (name, shape) in &self.properties {
            let second = other.get(name);
            let shape = second.map_or_else(|| absent(shape), |second| shape.clone().or(second));
            both.put(name.clone(), shape);
        }
        for (name, shape) in &other.properties {
            let first = self.others.clone();
            let shape = first.map_or_else(|| absent(shape), |first| first.or(shape.clone()));
            both.put(name.clone(), shape);
        }
        let others = self.others.is_some() || other.others.is_some();
        both.others = others.then_some(Shape::Any);
        both.optional = self.optional || other.optional;
        both
    }
}
