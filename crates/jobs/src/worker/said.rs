//! What a step has said: its outputs, and what it changes for the steps after it.

use crate::context::Pairs;

/// What a step said in commands and wrote into its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) outputs: Pairs,
    /// What it keeps for its own later stages.
    pub(crate) state: Pairs,
    pub(crate) env: Pairs,
    /// Folders for the `PATH`, the last of them to be searched first.
    pub(crate) path: Vec<String>,
    /// What of it could not be understood, which fails the step.
    pub(crate) wrong: Vec<String>,
    /// How many annotations of each level it has made.
    pub(super) annotations: [usize; 3],
}

impl Said {
    pub(crate) fn output(&mut self, name: &str, value: impl Into<String>) {
        set(&mut self.outputs, name, value.into());
    }
}

/// Sets a name to a value, in the place that it has already or at the end.
pub(crate) fn set(pairs: &mut Pairs, name: &str, value: String) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// The same for names that are alike whatever their case, as those of outputs and inputs.
pub(crate) fn set_any_case(pairs: &mut Pairs, name: &str, value: String) {
    match pairs.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, known)) => *known = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// Puts a folder where it is searched first.
pub(crate) fn put_first(path: &mut Vec<String>, folder: &str) {
    path.retain(|known| known != folder);
    path.push(folder.to_owned());
}
