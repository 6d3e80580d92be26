//! Shapes: one definition gives a Rust type, its decoder with findings, and its JSON Schema.
//!
//! [`shape!`](crate::shape!) defines records, closed word lists and choices between keys; doc
//! comments become the descriptions an editor shows, defaults are written as in a file.

mod basic;
mod collection;
mod record;
mod schema;
mod text;

use crate::source::{Finding, Span, nearest, quoted};
use crate::yaml::Node;

pub use basic::{Present, Whole};
pub use collection::{Map, MapEntry, OneOrMany, Spanned};
pub use record::{Fields, Record, choose, decode_record, from_nothing, record_schema};
pub use schema::{ObjectSchema, Schemas, description, key_name, word_list};
pub use text::{FromText, Misfit, clock, memory};

/// Something that can be read from a node.
pub trait Shape: Sized {
    /// Reads it, or reports to the context why not.
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self>;

    /// Its JSON Schema; named shapes put theirs among the definitions and return a reference.
    fn schema(schemas: &mut Schemas) -> serde_json::Value;

    /// Whether a default that is a mapping also fills in for keys missing from a value.
    const KEYED: bool = false;

    /// What a key that is not there stands for, if it need not be there.
    fn absent() -> Option<Self> {
        None
    }
}

/// The context of a decoding: where it is, and what it found so far.
#[derive(Debug, Default)]
pub struct Decode {
    findings: Vec<Finding>,
    beyond: usize,
    path: Vec<String>,
    elsewhere: &'static [(&'static str, &'static str)],
}

impl Decode {
    /// Beyond this many a reader mends what there is and asks again.
    const MOST: usize = 100;

    /// `elsewhere` pairs a word of other tools with the word for it here.
    pub fn new(elsewhere: &'static [(&'static str, &'static str)]) -> Self {
        Self { elsewhere, ..Self::default() }
    }

    pub fn report(&mut self, finding: Finding) {
        // What several services inherit is decoded for each, but is wrong only once.
        let known = |other: &Finding| {
            (other.code, other.span, &other.further)
                == (finding.code, finding.span, &finding.further)
        };
        if self.findings.iter().any(known) {
            return;
        }
        if self.findings.len() < Self::MOST {
            self.findings.push(finding);
            return;
        }
        self.beyond += 1;
        // Warnings must not crowd out what makes the file unusable.
        if finding.is_error()
            && let Some(lesser) = self.findings.iter_mut().rfind(|other| !other.is_error())
        {
            *lesser = finding;
        }
    }

    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Everything found, in the order of the file.
    pub fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        if self.beyond > 0 {
            let message = format!("{} more findings are not shown", self.beyond);
            self.findings.push(Finding::advice("more-findings", message, Span::default()));
        }
        self.findings
    }

    /// Reads what is under a key.
    pub fn within<T>(&mut self, key: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.into());
        let value = read(self);
        self.path.pop();
        value
    }

    /// What messages call the present place: `` `run.health` ``.
    pub fn here(&self) -> String {
        if self.path.is_empty() { "the file".to_owned() } else { quoted_path(&self.path) }
    }

    /// The key that the present value is under.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Whether a wrong key was meant to be this one: by a slip, or by the custom of other tools.
    pub fn means(&self, key: &str, right: &'static str) -> bool {
        nearest(key, [right]).is_some() || self.right_word(key, &[right]).is_some()
    }

    /// Reports that a value is not what belongs here.
    pub fn expected(&mut self, what: &str, node: &Node, hint: Option<String>) {
        let message = format!("{} must be {what}", self.here());
        let finding = Finding::error("wrong-value", message, node.span)
            .label(format!("found {}", node.described()));
        self.report(Finding { hint, ..finding });
    }

    fn unknown_key(&mut self, key: &str, span: Span, known: &[&'static str]) {
        let message = match self.path.as_slice() {
            [] => format!("unknown key {}", quoted(key)),
            path => format!("unknown key {} in {}", quoted(key), quoted_path(path)),
        };
        let finding = Finding::error("unknown-key", message, span)
            .label("not known here")
            .note(right_names(known));
        let hint = match nearest(key, known.iter().copied()) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None => self
                .right_word(key, known)
                .map(|(there, here)| format!("what is `{there}` elsewhere is `{here}` here")),
        };
        self.report(Finding { hint, ..finding });
    }

    /// A word of other tools with the known one for it.
    fn right_word(
        &self,
        word: &str,
        known: &[&'static str],
    ) -> Option<&(&'static str, &'static str)> {
        let fits = |(there, here): &&(&str, &'static str)| {
            there.eq_ignore_ascii_case(word) && known.contains(here)
        };
        self.elsewhere.iter().find(fits)
    }

    fn unknown_word(&mut self, node: &Node, words: &[&'static str]) {
        let listed = listed(words, "or");
        let hint = node.text().and_then(|text| nearest(text, words.iter().copied()));
        self.expected(
            &format!("one of {listed}"),
            node,
            hint.map(|word| format!("did you mean `{word}`?")),
        );
    }
}

fn quoted_path(path: &[String]) -> String {
    let mut shown = String::new();
    for part in path {
        if !shown.is_empty() && !part.starts_with('[') {
            shown.push('.');
        }
        shown.push_str(&part.chars().take(63).collect::<String>());
    }
    format!("`{shown}`")
}

fn right_names(known: &[&'static str]) -> String {
    match known {
        [] => "no key is known here".to_owned(),
        known => format!("known here: {}", listed(known, "and")),
    }
}

/// "`a`, `b` or `c`"
pub fn listed(words: &[&str], joint: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} {joint} {last}", most.join(", ")),
    }
}

/// Defines a shape.
///
/// A record; `..name: Type` takes the keys of another record or choice, `= "…"` is a default as
/// one would write it, and `#[short = "key"]` lets a value that is no mapping stand for that key.
/// `#[check = function]`, here or at a choice, is asked of each value as soon as it is read, with
/// its place, for what its keys mean together:
///
/// ```
/// model::shape! {
///     /// When to stop waiting.
///     #[short = "grace"]
///     #[check = patience]
///     pub struct Stop {
///         /// How long to wait.
///         grace: jiff::SignedDuration = "30s",
///     }
/// }
///
/// fn patience(stop: &Stop, place: model::source::Span, cx: &mut model::shape::Decode) {
///     if stop.grace.is_zero() {
///         cx.report(model::source::Finding::warning("no-grace", "nothing can end well", place));
///     }
/// }
/// ```
///
/// A closed word list, `Variant = "word"`; a choice of one key among several,
/// `Variant(Type) = "key"`.
#[macro_export]
macro_rules! shape {
    (
        $(#[doc = $doc:literal])+
        $(#[short = $short:literal])?
        $(#[check = $check:path])?
        pub struct $name:ident {
            $(..$flat:ident: $flat_type:ty,)*
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty $(= $default:literal)?,)*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(pub $flat: $flat_type,)*
            $($(#[doc = $field_doc])+ pub $field: $type,)*
        }

        impl $crate::shape::Record for $name {
            const SHORT: Option<&'static str> = $crate::shape!(@last None $(, Some($short))?);

            fn take(fields: &mut $crate::shape::Fields<'_>, cx: &mut $crate::shape::Decode) -> Option<Self> {
                $(let $flat = <$flat_type as $crate::shape::Record>::take(fields, cx);)*
                $(let $field = fields.field::<$type>(
                    $crate::shape::key_name(stringify!($field)),
                    $crate::shape!(@last None $(, Some($default))?),
                    cx,
                );)*
                Some(Self { $($flat: $flat?,)* $($field: $field?,)* })
            }

            fn describe(object: &mut $crate::shape::ObjectSchema, schemas: &mut $crate::shape::Schemas) {
                $(<$flat_type as $crate::shape::Record>::describe(object, schemas);)*
                $(object.field::<$type>(
                    $crate::shape::key_name(stringify!($field)),
                    &[$($field_doc),+],
                    $crate::shape!(@last None $(, Some($default))?),
                    schemas,
                );)*
            }

            fn words() -> Vec<&'static str> {
                let words: Vec<Vec<&'static str>> =
                    vec![$(<$flat_type as $crate::shape::Record>::words()),*];
                words.concat()
            }

            $crate::shape!(@check $($check)?);
        }

        $crate::shape!(@record $name $($doc)+);
    };

    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $($(#[doc = $word_doc:literal])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $word_doc])+ $variant,)+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::shape::Shape for $name {
            fn decode(node: &$crate::yaml::Node, cx: &mut $crate::shape::Decode) -> Option<Self> {
                cx.word(node, &[$(($word, Self::$variant)),+])
            }

            fn schema(schemas: &mut $crate::shape::Schemas) -> ::serde_json::Value {
                schemas.named(stringify!($name), |_| $crate::shape::word_list(
                    &[$($doc),+],
                    &[$(($word, &[$($word_doc),+])),+],
                ))
            }
        }
    };

    (
        $(#[doc = $doc:literal])+
        $(#[check = $check:path])?
        pub enum $name:ident {
            $($(#[doc = $key_doc:literal])+ $variant:ident($type:ty) = $key:literal,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $($(#[doc = $key_doc])+ $variant($type),)+
        }

        impl $crate::shape::Record for $name {
            fn take(fields: &mut $crate::shape::Fields<'_>, cx: &mut $crate::shape::Decode) -> Option<Self> {
                match $crate::shape::choose(fields, &[$($key),+], cx)? {
                    $($key => fields.field::<$type>($key, None, cx).map(Self::$variant),)+
                    _ => None,
                }
            }

            fn describe(object: &mut $crate::shape::ObjectSchema, schemas: &mut $crate::shape::Schemas) {
                $(object.alternative::<$type>($key, &[$($key_doc),+], schemas);)+
            }

            fn words() -> Vec<&'static str> {
                let words = [$(($key, $crate::shape::from_nothing::<$type>().is_some())),+];
                words.into_iter().filter(|(_, alone)| *alone).map(|(word, _)| word).collect()
            }

            $crate::shape!(@check $($check)?);
        }

        $crate::shape!(@record $name $($doc)+);
    };

    (@record $name:ident $($doc:literal)+) => {
        impl $crate::shape::Shape for $name {
            fn decode(node: &$crate::yaml::Node, cx: &mut $crate::shape::Decode) -> Option<Self> {
                $crate::shape::decode_record(node, cx)
            }

            fn schema(schemas: &mut $crate::shape::Schemas) -> ::serde_json::Value {
                schemas.named(stringify!($name), |schemas| {
                    $crate::shape::record_schema::<Self>(&[$($doc),+], schemas)
                })
            }

            const KEYED: bool = true;

            fn absent() -> Option<Self> {
                $crate::shape::from_nothing()
            }
        }
    };

    (@check) => {};
    (@check $check:path) => {
        fn check(&self, place: $crate::source::Span, cx: &mut $crate::shape::Decode) {
            $check(self, place, cx);
        }
    };

    (@last $only:expr) => { $only };
    (@last $first:expr, $last:expr) => { $last };
}
