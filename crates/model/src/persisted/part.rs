//! Parts of a state that most decisions leave as they are.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A part of a state. Clones share it, and it is turned into JSON once for all of them: so a
/// decision on a large state costs no more than what it changes.
pub struct Part<T>(Arc<Inner<T>>);

struct Inner<T> {
    value: T,
    written: OnceLock<Box<RawValue>>,
}

impl<T: Clone> Part<T> {
    /// The value, to be changed in this clone only.
    pub fn edit(&mut self) -> &mut T {
        let inner = Arc::make_mut(&mut self.0);
        inner.written = OnceLock::new();
        &mut inner.value
    }
}

/// What is to be changed is not to be written as it was.
impl<T: Clone> Clone for Inner<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), written: OnceLock::new() }
    }
}

impl<T> From<T> for Part<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Inner { value, written: OnceLock::new() }))
    }
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: PartialEq> PartialEq for Part<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.value == other.0.value
    }
}

impl<T: Eq> Eq for Part<T> {}

impl<T: fmt::Debug> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Part<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = if let Some(written) = self.0.written.get() {
            written
        } else {
            let written = serde_json::value::to_raw_value(&self.0.value);
            let written = written.map_err(serde::ser::Error::custom)?;
            self.0.written.get_or_init(|| written)
        };
        written.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_stays_in_its_own_clone_and_is_written() {
        let first = Part::from(vec![1, 2]);
        let written = |part: &Part<Vec<i32>>| serde_json::to_string(part).unwrap();
        assert_eq!(written(&first), "[1,2]");
        let mut second = first.clone();
        assert_eq!(first, second);
        second.edit().push(3);
        assert_eq!((written(&first), written(&second)), ("[1,2]".to_owned(), "[1,2,3]".to_owned()));
        assert_ne!(first, second);
        // Nobody shares it any more, and it is written anew all the same.
        second.edit().clear();
        assert_eq!(written(&second), "[]");
        assert_eq!(serde_json::from_str::<Part<Vec<i32>>>("[]").unwrap(), second);
    }
}
