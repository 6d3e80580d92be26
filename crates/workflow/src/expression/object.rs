//! Keys and values in the order in which they were given, found whatever the case of the key.

use std::cmp::Ordering;
use std::sync::Arc;

use super::casing;
use super::value::Value;

/// Up to this many keys are looked through one after the other.
const FEW: usize = 8;

/// An object. Keys are found in any case, unless it was made [`case_sensitive`].
///
/// [`case_sensitive`]: Object::case_sensitive
#[derive(Debug, Clone, Default)]
pub struct Object {
    entries: Vec<(Arc<str>, Value)>,
    /// The places of the entries, ordered by key; empty while they are few.
    by_key: Vec<usize>,
    keys: Keys,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Keys {
    #[default]
    AnyCase,
    Exact,
}

impl Object {
    /// An object that keeps apart keys which differ in case only, as `env` does where the
    /// environment of processes does.
    pub fn case_sensitive<K: Into<Arc<str>>, V: Into<Value>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::new(entries, Keys::Exact)
    }

    fn new<K: Into<Arc<str>>, V: Into<Value>>(
        entries: impl IntoIterator<Item = (K, V)>,
        keys: Keys,
    ) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.into()));
        Self::arrange(entries.collect(), keys)
    }

    /// Where a key comes twice, the later value takes the place and the spelling of the first.
    fn arrange(entries: Vec<(Arc<str>, Value)>, keys: Keys) -> Self {
        let name = |place: usize| -> &str { &entries[place].0 };

        let mut by_key: Vec<usize> = (0..entries.len()).collect();
        // The sort is stable: of equal keys the first one comes first.
        by_key.sort_by(|left, right| keys.compare(name(*left), name(*right)));
        let equal = by_key.chunk_by(|left, right| keys.same(name(*left), name(*right)));
        let mut distinct: Vec<(usize, usize)> =
            equal.map(|places| (places[0], places[places.len() - 1])).collect();
        if distinct.len() < entries.len() {
            distinct.sort_unstable();
            let merge =
                |(first, last): (usize, usize)| (entries[first].0.clone(), entries[last].1.clone());
            return Self::arrange(distinct.into_iter().map(merge).collect(), keys);
        }
        if entries.len() <= FEW {
            by_key.clear();
        }
        Self { entries, by_key, keys }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = if self.by_key.is_empty() {
            self.entries.iter().find(|(name, _)| self.keys.same(name, key))
        } else {
            let place = self
                .by_key
                .binary_search_by(|place| self.keys.compare(&self.entries[*place].0, key));
            place.ok().map(|place| &self.entries[self.by_key[place]])
        };
        found.map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }
}

impl Keys {
    fn same(self, left: &str, right: &str) -> bool {
        match self {
            Self::AnyCase => casing::equal(left, right),
            Self::Exact => left == right,
        }
    }

    fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Self::AnyCase => casing::compare(left, right),
            Self::Exact => left.cmp(right),
        }
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::new(entries, Keys::AnyCase)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys && self.entries == other.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_keys_are_found_in_any_case() {
        for count in [0_u32, 1, 8, 9, 500] {
            let name = |nth: u32| format!("Key-ü-{nth}");
            let object: Object = (0..count).map(|nth| (name(nth), f64::from(nth))).collect();
            assert_eq!(object.len(), count as usize);
            for nth in 0..count {
                let value = Value::from(f64::from(nth));
                assert_eq!(object.get(&name(nth)), Some(&value));
                assert_eq!(object.get(&name(nth).to_uppercase()), Some(&value));
            }
            assert_eq!(object.get("key"), None);
            assert_eq!(object.get(""), None);
        }
    }

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let filler = (0..20).map(|nth| (format!("f{nth}"), nth.to_string()));
        let some = [("Path", "1"), ("b", "2"), ("PATH", "3"), ("path", "4"), ("B", "5")];
        let some = some.map(|(key, value)| (key.to_owned(), value.to_owned()));
        for entries in [some.to_vec(), some.clone().into_iter().chain(filler).collect()] {
            let object: Object = entries.into_iter().collect();
            let first: Vec<(&str, _)> =
                object.iter().take(2).map(|(key, value)| (&**key, value.to_text())).collect();
            assert_eq!(first, [("Path", "4".into()), ("b", "5".into())]);
            assert_eq!(object.get("paTH"), Some(&Value::from("4")));
        }
    }

    #[test]
    fn exact_keys_differ_by_case() {
        let object = Object::case_sensitive([("path", "1"), ("PATH", "2")]);
        assert_eq!(object.get("PATH"), Some(&Value::from("2")));
        assert_eq!(object.get("Path"), None);
    }
}
