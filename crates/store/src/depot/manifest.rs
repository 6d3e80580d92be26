//! Manifests: what is in a tree, and where.

mod codec;

use std::cmp::Ordering;

use ports::depot::MAX_PATH;

use super::content::Digest;

/// Everything in a tree, in the order of its paths: a folder before what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Manifest {
    /// The names of the roots.
    pub(super) roots: Vec<String>,
    pub(super) items: Vec<Item>,
}

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Which of the roots it is in.
    pub(super) root: usize,
    /// Within the root, which is itself no item.
    pub(super) path: Vec<u8>,
    /// Nine bits of permissions.
    pub(super) mode: u16,
    /// When it was changed, in nanoseconds since 1970, where that is kept.
    pub(super) changed_at: Option<i64>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Link {
        target: Vec<u8>,
    },
    /// The pieces of its content, one behind the other.
    File(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) digest: Digest,
    pub(super) size: u32,
}

/// Why a manifest is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("its list of files ends too soon")]
    Short,
    #[error("its list of files is in a form that is not known here")]
    Unknown,
    #[error("its list of files holds numbers that cannot be")]
    Number,
    #[error("its list of files is too long")]
    Long,
    #[error("it holds the path `{0}`, which leads out of its folder")]
    Climbs(String),
    #[error("it holds the path `{0}`, which is not one")]
    NoPath(String),
    #[error("it holds the path `{0}` twice, or not in its order")]
    Order(String),
    #[error("it holds the path `{0}` behind something that is not a folder")]
    Through(String),
}

/// The largest manifest, in bytes: a million files with longer paths than anybody has.
pub(super) const MAX_MANIFEST: usize = 256 << 20;
/// The most things in a tree, and the longest all their paths may be together.
pub(super) const MAX_ITEMS: usize = 4_000_000;
const MAX_PATHS: usize = 256 << 20;
/// The longest name in a path, in bytes: what file systems take.
const MAX_COMPONENT: usize = 255;
/// The longest target of a link, in bytes.
const MAX_TARGET: usize = 4_095;

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a manifest, and lets nothing through that leads out of the roots.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let manifest = codec::decode(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The sizes of all files together.
    pub(super) fn size(&self) -> u64 {
        self.pieces().map(|piece| u64::from(piece.size)).sum()
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.items.iter().flat_map(|item| match &item.kind {
            Kind::File(pieces) => pieces.as_slice(),
            Kind::Folder | Kind::Link { .. } => &[],
        })
    }

    /// Whether everything stays below its root, where it can be put without following a link.
    pub(super) fn check(&self) -> Result<(), Flaw> {
        let paths: usize = self.items.iter().map(|item| item.path.len()).sum();
        if self.items.len() > MAX_ITEMS || paths > MAX_PATHS {
            return Err(Flaw::Long);
        }
        let mut before: Option<&Item> = None;
        // What is not a folder has nothing below itself.
        let mut closed: Option<&Item> = None;
        for item in &self.items {
            if item.root >= self.roots.len() {
                return Err(Flaw::Number);
            }
            check_path(item)?;
            if let Kind::Link { target } = &item.kind
                && (target.is_empty() || target.len() > MAX_TARGET || target.contains(&0))
            {
                return Err(Flaw::NoPath(shown(target)));
            }
            if before.is_some_and(|before| item.order(before) != Ordering::Greater) {
                return Err(Flaw::Order(shown(&item.path)));
            }
            if closed.is_some_and(|closed| item.is_below(closed)) {
                return Err(Flaw::Through(shown(&item.path)));
            }
            if item.kind != Kind::Folder {
                closed = Some(item);
            }
            before = Some(item);
        }
        Ok(())
    }
}

impl Item {
    /// The order of a manifest: name by name, so that what is below a folder follows it at once.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.root.cmp(&other.root).then_with(|| path_order(&self.path, &other.path))
    }

    pub(super) fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(pieces) => pieces.iter().map(|piece| u64::from(piece.size)).sum(),
            Kind::Folder | Kind::Link { .. } => 0,
        }
    }

    fn is_below(&self, other: &Self) -> bool {
        self.root == other.root && is_below(&self.path, &other.path)
    }
}

pub(super) fn path_order(one: &[u8], other: &[u8]) -> Ordering {
    // No byte of a name is lower than the sign between names then.
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    one.iter().map(rank).cmp(other.iter().map(rank))
}

/// Whether a path is that of something in the folder, or in one of its folders.
pub(super) fn is_below(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => folder.is_empty() && !rest.is_empty() || rest.first() == Some(&b'/'),
        None => false,
    }
}

fn check_path(item: &Item) -> Result<(), Flaw> {
    let path = &item.path;
    if path.first() == Some(&b'/') {
        return Err(Flaw::Climbs(shown(path)));
    }
    if path.len() > MAX_PATH || path.contains(&0) {
        return Err(Flaw::NoPath(shown(path)));
    }
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b".." => return Err(Flaw::Climbs(shown(path))),
            b"" | b"." => return Err(Flaw::NoPath(shown(path))),
            name if name.len() > MAX_COMPONENT => return Err(Flaw::NoPath(shown(path))),
            _ => {}
        }
    }
    Ok(())
}

/// A path as it can be printed, and not at any length.
pub(super) fn shown(path: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&path[..path.len().min(MOST)]);
    let mut shown: String = text.chars().flat_map(char::escape_debug).collect();
    if path.len() > MOST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(path: &str, kind: Kind) -> Item {
        Item { root: 0, path: path.into(), mode: 0o755, changed_at: Some(1), kind }
    }

    fn folder(path: &str) -> Item {
        item(path, Kind::Folder)
    }

    fn file(path: &str) -> Item {
        let piece = Piece { digest: Digest::of(path.as_bytes()), size: 7 };
        item(path, Kind::File(vec![piece]))
    }

    fn link(path: &str, target: &str) -> Item {
        item(path, Kind::Link { target: target.into() })
    }

    fn of(items: Vec<Item>) -> Manifest {
        Manifest { roots: vec!["workspace".to_owned()], items }
    }

    fn refused(items: Vec<Item>) -> Flaw {
        let bytes = of(items).encode();
        Manifest::decode(&bytes).expect_err("it is refused")
    }

    #[test]
    fn what_was_written_is_read() {
        let manifest = Manifest {
            roots: vec!["workspace".to_owned(), "home".to_owned()],
            items: vec![
                folder("a"),
                item("a/empty", Kind::File(Vec::new())),
                file("a/one"),
                folder("a-b"),
                link("a-b/link", "../../anywhere"),
                Item { changed_at: None, mode: 0, ..file("b") },
                Item { root: 1, changed_at: Some(i64::MIN), ..file("a") },
                Item {
                    root: 1,
                    changed_at: Some(i64::MAX),
                    path: vec![0xff, b'x'],
                    ..file("not unicode")
                },
            ],
        };
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest.clone()));
        assert_eq!(manifest.size(), 4 * 7);
        assert_eq!(manifest.pieces().count(), 4);
    }

    #[test]
    fn a_cut_manifest_is_none() {
        let bytes = of(vec![folder("a"), file("a/b"), link("c", "a"), file("d")]).encode();
        for length in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..length]).is_err(), "{length}");
        }
        let with_more = [bytes.as_slice(), b"x"].concat();
        assert!(Manifest::decode(&with_more).is_err());
    }

    #[test]
    fn no_byte_of_a_manifest_can_make_it_panic() {
        let bytes = of(vec![folder("a"), file("a/b"), link("c", "a"), file("d")]).encode();
        for at in 0..bytes.len() {
            for value in [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                drop(Manifest::decode(&changed));
            }
        }
    }

    #[test]
    fn a_path_that_climbs_is_refused() {
        for path in ["..", "../x", "a/../x", "a/..", "/etc/passwd", "/"] {
            assert_eq!(refused(vec![file(path)]), Flaw::Climbs(path.to_owned()));
        }
        for path in ["a//b", "a/", "a/./b", ".", "a\0b"] {
            assert!(matches!(refused(vec![file(path)]), Flaw::NoPath(_)), "{path}");
        }
        let long = "x".repeat(MAX_COMPONENT + 1);
        assert!(matches!(refused(vec![file(&long)]), Flaw::NoPath(_)));
        let deep = "x/".repeat(MAX_PATH) + "x";
        assert!(matches!(refused(vec![file(&deep)]), Flaw::NoPath(_)));
        assert!(matches!(refused(vec![file("")]), Flaw::NoPath(_)));
        assert!(matches!(refused(vec![link("a", "")]), Flaw::NoPath(_)));
    }

    #[test]
    fn nothing_goes_through_a_link_or_a_file() {
        let through = Flaw::Through("a/b".to_owned());
        assert_eq!(refused(vec![link("a", "/etc"), file("a/b")]), through);
        assert_eq!(refused(vec![link("a", "/etc"), folder("a/b")]), through);
        assert_eq!(refused(vec![file("a"), link("a/b", "c")]), through);
        // What only begins like it is beside it.
        let beside = of(vec![file("a"), file("a-b"), file("ab")]);
        assert_eq!(Manifest::decode(&beside.encode()), Ok(beside));
    }

    #[test]
    fn a_few_bytes_do_not_become_many_paths() {
        let long = ["x".repeat(255), "y".repeat(255)].join("/").repeat(7);
        let items: Vec<_> = (0..80_000).map(|n| file(&format!("{long}{n:06}"))).collect();
        assert_eq!(refused(items), Flaw::Long);
    }

    #[test]
    fn the_order_is_kept() {
        for items in [
            vec![file("b"), file("a")],
            vec![file("a"), file("a")],
            vec![folder("a"), file("a-b"), file("a/b")],
        ] {
            assert!(matches!(refused(items), Flaw::Order(_)));
        }
        let unknown_root = Item { root: 1, ..file("a") };
        assert_eq!(refused(vec![unknown_root]), Flaw::Number);
    }
}
