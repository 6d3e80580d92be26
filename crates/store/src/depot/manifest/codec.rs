//! Manifests as bytes: numbers in as few as they need, paths without what they share with the
//! one before.

use super::{Flaw, Item, Kind, MAX_ITEMS, MAX_PATHS, Manifest, Piece};
use crate::depot::content::Digest;

/// How every manifest begins; the last byte is the version.
const HEAD: &[u8] = b"highroad tree\x01";

const FOLDER: u64 = 0;
const LINK: u64 = 1;
const FILE: u64 = 2;
const KINDS: u64 = 4;

pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    put(&mut out, manifest.roots.len() as u64);
    for root in &manifest.roots {
        put_bytes(&mut out, root.as_bytes());
    }
    put(&mut out, manifest.items.len() as u64);
    let mut before = Before::default();
    for item in &manifest.items {
        put_item(&mut out, item, &mut before);
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Manifest, Flaw> {
    let rest = bytes.strip_prefix(HEAD);
    let rest = rest.ok_or(if HEAD.starts_with(bytes) { Flaw::Short } else { Flaw::Unknown })?;
    let mut input = Input(rest);
    let mut manifest = Manifest::default();
    for _ in 0..input.count()? {
        let name = input.sized()?;
        let name = str::from_utf8(name).map_err(|_| Flaw::NoPath(super::shown(name)))?;
        manifest.roots.push(name.to_owned());
    }
    let items = input.count()?;
    if items > MAX_ITEMS {
        return Err(Flaw::Long);
    }
    // No more is asked of memory than what was read calls for.
    let mut paths = 0;
    let mut before = Before::default();
    for _ in 0..items {
        let item = input.item(&mut before)?;
        paths += item.path.len();
        if paths > MAX_PATHS {
            return Err(Flaw::Long);
        }
        manifest.items.push(item);
    }
    if input.0.is_empty() { Ok(manifest) } else { Err(Flaw::Unknown) }
}

/// What an item is told by its difference to.
#[derive(Default)]
struct Before {
    path: Vec<u8>,
    changed_at: i64,
}

fn put_item(out: &mut Vec<u8>, item: &Item, before: &mut Before) {
    let kind = match &item.kind {
        Kind::Folder => FOLDER,
        Kind::Link { .. } => LINK,
        Kind::File(_) => FILE,
    };
    put(out, item.root as u64);
    let has_time = u64::from(item.changed_at.is_some());
    put(out, (u64::from(item.mode) * 2 + has_time) * KINDS + kind);
    let shared = item.path.iter().zip(&before.path).take_while(|(a, b)| a == b).count();
    put(out, shared as u64);
    put_bytes(out, &item.path[shared..]);
    before.path.clone_from(&item.path);
    if let Some(changed_at) = item.changed_at {
        let step = changed_at.wrapping_sub(before.changed_at);
        put(out, (step.cast_unsigned() << 1) ^ (step >> 63).cast_unsigned());
        before.changed_at = changed_at;
    }
    match &item.kind {
        Kind::Folder => {}
        Kind::Link { target } => put_bytes(out, target),
        Kind::File(pieces) => {
            put(out, pieces.len() as u64);
            for piece in pieces {
                put(out, u64::from(piece.size));
                out.extend_from_slice(piece.digest.as_bytes());
            }
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    out.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits")
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Flaw::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Flaw> {
        let mut number = 0_u64;
        for place in 0..10 {
            let byte = u64::from(self.take(1)?[0]);
            let bits = byte & 0x7f;
            number |= bits << (place * 7);
            if number >> (place * 7) != bits {
                return Err(Flaw::Number);
            }
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Flaw::Number)
    }

    /// A number of things that follow, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize, Flaw> {
        let count = usize::try_from(self.number()?).map_err(|_| Flaw::Number)?;
        if count > self.0.len() { Err(Flaw::Short) } else { Ok(count) }
    }

    fn sized(&mut self) -> Result<&'a [u8], Flaw> {
        let length = self.count()?;
        self.take(length)
    }

    fn item(&mut self, before: &mut Before) -> Result<Item, Flaw> {
        let root = usize::try_from(self.number()?).map_err(|_| Flaw::Number)?;
        let form = self.number()?;
        let (form, kind) = (form / KINDS, form % KINDS);
        let mode = u16::try_from(form / 2).ok().filter(|mode| *mode <= 0o777);
        let mode = mode.ok_or(Flaw::Number)?;
        let shared = usize::try_from(self.number()?).map_err(|_| Flaw::Number)?;
        let shared = before.path.get(..shared).ok_or(Flaw::Number)?;
        let path = [shared, self.sized()?].concat();
        before.path.clone_from(&path);
        let has_time = form % 2 == 1;
        if has_time {
            let step = self.number()?;
            let step = (step >> 1).cast_signed() ^ -(step & 1).cast_signed();
            before.changed_at = before.changed_at.wrapping_add(step);
        }
        let changed_at = has_time.then_some(before.changed_at);
        let kind = match kind {
            FOLDER => Kind::Folder,
            LINK => Kind::Link { target: self.sized()?.to_vec() },
            FILE => Kind::File(self.pieces()?),
            _ => return Err(Flaw::Unknown),
        };
        Ok(Item { root, path, mode, changed_at, kind })
    }

    fn pieces(&mut self) -> Result<Vec<Piece>, Flaw> {
        let count = self.count()?;
        if count > self.0.len() / Digest::SIZE {
            return Err(Flaw::Short);
        }
        let mut pieces = Vec::with_capacity(count);
        for _ in 0..count {
            let size = u32::try_from(self.number()?).map_err(|_| Flaw::Number)?;
            let digest = self.take(Digest::SIZE)?.try_into().expect("as long as a digest");
            pieces.push(Piece { digest: Digest::from_bytes(digest), size });
        }
        Ok(pieces)
    }
}
