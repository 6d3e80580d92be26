//! Filter patterns as workflows write them for branches, tags and paths: `releases/**`, `!docs/*`,
//! `v[12].[0-9]+`.
//!
//! `*` stands for anything but `/`, `**` for anything but a line break, `?` makes the character
//! before it optional, `+` repeats it, `[]` lists letters and digits, and `\` takes the meaning
//! from a sign. `**/` needs no folder: `**/README.md` is found at the root too, and so is
//! `NOT-README.md`, because that is how GitHub reads it.

mod read;

use model::source::Span;

/// Patterns in the order in which they are written; each decides anew for what it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    patterns: Vec<Pattern>,
}

impl Filter {
    /// Reads a list of patterns; an error comes with the index of its pattern.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, (usize, PatternError)> {
        let pattern =
            |(at, text): (usize, &T)| Pattern::parse(text.as_ref()).map_err(|error| (at, error));
        let patterns = texts.iter().enumerate().map(pattern).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// What the last pattern that matches the name says of it.
    pub fn matches(&self, name: &str) -> bool {
        let last = self.patterns.iter().rev().find(|pattern| pattern.finds(name));
        last.is_some_and(|pattern| !pattern.negative)
    }
}

/// One pattern, and whether it takes names out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    negative: bool,
    /// It may begin anywhere in the name.
    adrift: bool,
    pieces: Vec<Piece>,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        read::read(text)
    }

    /// Written with a `!` in front.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether a name is like the pattern, whichever way that counts.
    pub fn finds(&self, name: &str) -> bool {
        // Every place in the pattern that what was read so far can have led to, so that no
        // pattern takes more than its length times the name's.
        let end = self.pieces.len();
        let mut here = vec![false; end + 1];
        self.enter(&mut here, 0);
        for c in name.chars() {
            let mut next = vec![false; end + 1];
            for (at, piece) in self.pieces.iter().enumerate().filter(|(at, _)| here[*at]) {
                if !piece.takes(c) {
                    continue;
                }
                if piece.stays() {
                    self.enter(&mut next, at);
                }
                self.enter(&mut next, at + 1);
            }
            if self.adrift {
                self.enter(&mut next, 0);
            }
            if !next.contains(&true) {
                return false;
            }
            here = next;
        }
        here[end]
    }

    /// Marks a place and all that follow it without reading anything.
    fn enter(&self, places: &mut [bool], from: usize) {
        for (at, place) in places.iter_mut().enumerate().skip(from) {
            let known = std::mem::replace(place, true);
            if known || !self.pieces.get(at).is_some_and(Piece::may_be_absent) {
                return;
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// `*`
    Segment,
    /// `**` and `**/`
    Anything,
    Character {
        set: Set,
        count: Count,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Set {
    One(char),
    Ranges(Vec<(char, char)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Once,
    Optional,
    Repeated,
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Segment => c != '/',
            Self::Anything => c != '\n',
            Self::Character { set: Set::One(one), .. } => *one == c,
            Self::Character { set: Set::Ranges(ranges), .. } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))
            }
        }
    }

    /// Whether it goes on after it has taken a character.
    fn stays(&self) -> bool {
        !matches!(self, Self::Character { count: Count::Once | Count::Optional, .. })
    }

    fn may_be_absent(&self) -> bool {
        !matches!(self, Self::Character { count: Count::Once | Count::Repeated, .. })
    }
}

/// Why a text is no pattern, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flaw}")]
pub struct PatternError {
    /// The bytes of the pattern that are wrong.
    pub span: Span,
    pub flaw: Flaw,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("the pattern is empty")]
    Empty,
    #[error("`!` stands alone, without a pattern to take out")]
    NothingNegated,
    #[error("`{0}` follows `{1}`, but needs one character before it")]
    Misplaced(char, String),
    #[error("`\\` at the end has nothing to escape")]
    TrailingBackslash,
    #[error("`\\{0}` escapes what needs no escape")]
    Escape(char),
    #[error("`[` is not closed")]
    Unclosed,
    #[error("`[]` lists no character")]
    EmptyBrackets,
    #[error("`{0}` in brackets is neither a letter nor a digit")]
    NotAlphanumeric(char),
    #[error("the range `{0}` mixes digits and letters")]
    MixedRange(String),
    #[error("the range `{0}` goes backwards")]
    BackwardRange(String),
}

impl Flaw {
    /// How to mend it.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty => "remove it, or write `**` for everything".to_owned(),
            Self::NothingNegated => "write what is to be left out, as in `!docs/**`".to_owned(),
            Self::Misplaced(sign, _) => format!(
                "write `{sign}` behind a character or `[…]`, or `\\{sign}` for the sign itself"
            ),
            Self::TrailingBackslash => "write `\\\\` for the sign itself".to_owned(),
            Self::Escape(c) => format!("write `{c}`; only punctuation is escaped"),
            Self::Unclosed => "close it with `]`, or write `\\[` for the sign itself".to_owned(),
            Self::EmptyBrackets => "list letters and digits, as in `[0-9]`".to_owned(),
            Self::NotAlphanumeric(_) => {
                "brackets hold letters, digits and ranges such as `a-z`; there is no `[!…]`"
                    .to_owned()
            }
            Self::MixedRange(_) => "write the ranges one after the other: `[0-9a-z]`".to_owned(),
            Self::BackwardRange(range) => {
                let turned: String = range.chars().rev().collect();
                format!("write `{turned}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, names: &[&str], others: &[&str]) {
        let pattern_read = Pattern::parse(pattern).unwrap();
        for name in names {
            assert!(pattern_read.finds(name), "`{pattern}` must find `{name}`");
        }
        for name in others {
            assert!(!pattern_read.finds(name), "`{pattern}` must not find `{name}`");
        }
    }

    #[test]
    fn branches_and_tags_of_the_cheat_sheet() {
        check(
            "feature/*",
            &["feature/my-branch", "feature/your-branch"],
            &["feature/a/b", "feature", "x/feature/a"],
        );
        check(
            "feature/**",
            &["feature/beta-a/my-branch", "feature/your-branch", "feature/mona/the/octocat"],
            &["feature"],
        );
        check("main", &["main"], &["main2", "amain", "Main"]);
        check("releases/mona-the-octocat", &["releases/mona-the-octocat"], &["releases/mona"]);
        check("*", &["main", "releases"], &["all/the/branches"]);
        check("**", &["all/the/branches", "every/tag", "main"], &[]);
        check("*feature", &["mona-feature", "feature", "ver-10-feature"], &["a/feature"]);
        check("v2*", &["v2", "v2.0", "v2.9"], &["v1", "v2/a"]);
        check(
            "v[12].[0-9]+.[0-9]+",
            &["v1.10.1", "v2.0.0", "v2.100.7"],
            &["v3.0.0", "v1..1", "v1.a.0", "v1.0.0-rc1", "v1.0", "v1x0.0"],
        );
    }

    #[test]
    fn paths_of_the_cheat_sheet() {
        check("*", &["README.md", "server.rb"], &["docs/README.md"]);
        check("*.jsx?", &["page.js", "page.jsx"], &["page.jsxx", "a/page.js"]);
        check("**", &["all/the/files.md"], &[]);
        check("*.js", &["app.js", "index.js"], &["js/index.js", "page.jsx"]);
        check("**.js", &["index.js", "js/index.js", "src/js/app.js"], &["page.jsx"]);
        check("docs/*", &["docs/README.md", "docs/file.txt"], &["docs/a/b", "README.md"]);
        check("docs/**", &["docs/README.md", "docs/mona/octocat.txt"], &["README.md"]);
        check(
            "docs/**/*.md",
            &["docs/README.md", "docs/mona/hello-world.md", "docs/a/markdown/file.md"],
            &["docs/mona/octocat.txt"],
        );
        check(
            "**/docs/**",
            &["docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc"],
            &["dir/documents/file.txt"],
        );
        check("**/README.md", &["README.md", "js/README.md"], &["README.doc"]);
        check("**/*src/**", &["a/src/app.js", "my-src/code/js/app.js"], &["source/app.js"]);
        check("**/*-post.md", &["my-post.md", "path/their-post.md"], &["path/post.md"]);
        check(
            "**/migrate-*.sql",
            &["migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql"],
            &["db/migrate-v1.0.txt"],
        );
    }

    #[test]
    fn the_order_of_a_list_decides() {
        let filter = |patterns: &[&str]| Filter::parse(patterns).unwrap();
        let out = filter(&["*.md", "!README.md"]);
        assert!(out.matches("hello.md"));
        assert!(!out.matches("README.md"));
        assert!(!out.matches("docs/hello.md"));
        let again = filter(&["*.md", "!README.md", "README*"]);
        assert!(["hello.md", "README.md", "README.doc"].iter().all(|name| again.matches(name)));
        let branches = filter(&["releases/**", "!releases/**-alpha"]);
        assert!(branches.matches("releases/10"));
        assert!(branches.matches("releases/beta/mona"));
        assert!(!branches.matches("releases/10-alpha"));
        assert!(!branches.matches("releases/beta/3-alpha"));
        assert!(!filter(&["!releases/**"]).matches("main"), "there is nothing to take out of");
        assert_eq!(Filter::parse(&["main", "[", "]"]).unwrap_err().0, 1);
    }

    /// What was seen where the documentation is silent.
    #[test]
    fn the_corners() {
        check("*", &["new\nline.txt", ".hidden"], &[]);
        check("**", &[], &["new\nline.txt"]);
        check("**/README.md", &["NOTREADME.md"], &[]);
        check("src**/x.go", &["src/x.go", "srcx.go", "srca/x.go", "srcax.go"], &["src/y.go"]);
        check("?x", &["x", "?x", "ax", "page.jsx", "dir/x"], &["axmd", "index.js"]);
        check("+x", &["x"], &["+x", "xx", "dir/x"]);
        check("a+", &["a", "aa"], &["a+", ""]);
        check("a/?b", &["ab", "a/b"], &[]);
        check("ü?ber", &["ber", "über"], &["üüber"]);
        check("[A-z]at", &["Cat", "cat", "_at"], &["0at"]);
        check("[a-a]at", &["aat"], &["bat"]);
        check("[xy][0-9a]?", &["x", "y7", "xa"], &["xb", "z"]);
        check(r"Build C\+\+", &["Build C++"], &["Build CC"]);
        check(r"\!a", &["!a"], &["a"]);
        check("a!", &["a!"], &["a"]);
        check("a]", &["a]"], &[]);
        check("{a,b}.go", &["{a,b}.go"], &["a.go"]);
        check("a.md", &["a.md"], &["axmd"]);
        assert!(Pattern::parse("!a").unwrap().is_negative());
        assert!(!Pattern::parse(r"\!a").unwrap().is_negative());
    }

    #[test]
    fn broken_patterns_say_where() {
        let flaw = |text: &str| {
            let error = Pattern::parse(text).unwrap_err();
            (text[error.span.start..error.span.end].to_owned(), error.flaw)
        };
        let at = |text: &str, flaw| (text.to_owned(), flaw);
        assert_eq!(flaw(""), at("", Flaw::Empty));
        assert_eq!(flaw("!"), at("!", Flaw::NothingNegated));
        assert_eq!(flaw("x[]"), at("[]", Flaw::EmptyBrackets));
        assert_eq!(flaw("[_]at"), at("_", Flaw::NotAlphanumeric('_')));
        assert_eq!(flaw("[!a]"), at("!", Flaw::NotAlphanumeric('!')));
        assert_eq!(flaw("[ü]"), at("ü", Flaw::NotAlphanumeric('ü')));
        assert_eq!(flaw("[a-]x"), at("-", Flaw::NotAlphanumeric('-')));
        assert_eq!(flaw("[z-a]"), at("z-a", Flaw::BackwardRange("z-a".to_owned())));
        assert_eq!(flaw("[0-z]at"), at("0-z", Flaw::MixedRange("0-z".to_owned())));
        assert_eq!(flaw("a[b"), at("[", Flaw::Unclosed));
        assert_eq!(flaw(r"x\"), at("\\", Flaw::TrailingBackslash));
        assert_eq!(flaw(r"\x"), at("\\x", Flaw::Escape('x')));
        assert_eq!(flaw(r"\ü"), at("\\ü", Flaw::Escape('ü')));
        assert_eq!(flaw("a*+b"), at("+", Flaw::Misplaced('+', "*".to_owned())));
        assert_eq!(flaw("a**/?b"), at("?", Flaw::Misplaced('?', "**/".to_owned())));
        assert_eq!(flaw("ab++"), at("+", Flaw::Misplaced('+', "+".to_owned())));
    }

    #[test]
    fn a_hostile_pattern_takes_no_more_than_its_length_times_the_names() {
        let pattern = format!("{}b", "a+**".repeat(500));
        assert!(!Pattern::parse(&pattern).unwrap().finds(&"a".repeat(2_000)));
    }
}
