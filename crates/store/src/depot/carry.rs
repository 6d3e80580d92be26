//! Trees on their way between depots: packed into one stream, and taken in from one.
//!
//! The stream is compressed as a whole. It begins with the digest and the length of the manifest and
//! the manifest, as it is at rest; then comes each piece of content once, behind its digest and its
//! length, in any order. Whoever takes it in believes nothing of it before it was looked at.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::path::Path;

use ports::depot::{DepotError, DepotErrorKind, Limits, PackedTree, Skipped};

use super::chunk::LONGEST;
use super::content::Digest;
use super::index::Index;
use super::index::content::{FrameId, TreeId};
use super::intake::Intake;
use super::manifest::{Item, MAX_MANIFEST, Manifest};
use super::packs::Packs;
use super::restore::{Broken, Plan};
use super::save::{Committing, Place};
use super::stop::Stop;
use super::trouble::of_file;

const HEAD: &[u8] = b"highroad tree 1\n";
const LEVEL: i32 = 1;
/// Content up to this size is compressed together with other content, as in saving.
const SMALL: usize = 256 << 10;

/// Packs a tree into a file that has no name.
pub(super) fn pack(
    index: &Index,
    packs: &Packs,
    tree: TreeId,
    stop: &Stop,
) -> Result<File, Broken> {
    let plan = Plan::load(index, packs, tree)?;
    let unwritten = |error| of_file(packs.folder(), "written", error);
    let file = tempfile::tempfile_in(packs.folder()).map_err(unwritten)?;
    let mut stream = zstd::Encoder::new(file, LEVEL).map_err(unwritten)?;
    let manifest = plan.manifest.encode();
    let mut write_head = || {
        stream.write_all(HEAD)?;
        stream.write_all(Digest::of(&manifest).as_bytes())?;
        stream.write_all(&length(manifest.len()))?;
        stream.write_all(&manifest)
    };
    write_head().map_err(unwritten)?;
    let mut written = HashSet::new();
    plan.each_piece(packs, |blob, content| {
        stop.check()?;
        if !written.insert(blob.digest) {
            return Ok(());
        }
        let mut write = || {
            stream.write_all(blob.digest.as_bytes())?;
            stream.write_all(&length(content.len()))?;
            stream.write_all(content)
        };
        write().map_err(unwritten)
    })?;
    let mut file = stream.finish().map_err(unwritten)?;
    file.rewind().map_err(unwritten)?;
    Ok(file)
}

fn length(of: usize) -> [u8; 4] {
    u32::try_from(of).expect("a manifest and a piece are shorter").to_le_bytes()
}

/// A tree that has come from elsewhere, and is not in the index yet.
#[derive(Debug)]
pub(super) struct Unpacked<'a> {
    place: Place<'a>,
    intake: Intake<'a>,
    manifest: Manifest,
}

/// Takes in all content of a packed tree.
pub(super) fn unpack<'a>(
    place: Place<'a>,
    tree: PackedTree,
    limits: Limits,
    stop: &Stop,
) -> Result<Unpacked<'a>, DepotError> {
    let mut stream = zstd::Decoder::new(tree).map_err(broken_off)?;
    let manifest = read_manifest(&mut stream, limits)?;
    let mut missing: HashMap<Digest, u32> = HashMap::new();
    for piece in manifest.pieces() {
        if *missing.entry(piece.digest).or_insert(piece.size) != piece.size || piece.size == 0 {
            return Err(changed("its list of files holds lengths that cannot be"));
        }
    }
    let intake = Intake::new(place.index, place.packs, place.quota)?;
    let mut hand = intake.hand()?;
    let mut content = Vec::new();
    while !missing.is_empty() {
        stop.check()?;
        let digest = read_digest(&mut stream)?;
        let size = read_length(&mut stream)?;
        let is_wanted = missing.remove(&digest).is_some_and(|wanted| wanted as usize == size);
        if !is_wanted || size > LONGEST {
            return Err(changed(&format!("content {digest} is not of it")));
        }
        content.resize(size, 0);
        stream.read_exact(&mut content).map_err(broken_off)?;
        if Digest::of(&content) != digest {
            return Err(changed(&format!("content {digest} was changed")));
        }
        if size <= SMALL {
            hand.take_small(|into| {
                into.extend_from_slice(&content);
                Ok(())
            })?;
        } else {
            hand.take_large(&content)?;
        }
    }
    if stream.read(&mut [0]).map_err(broken_off)? > 0 {
        return Err(changed("there is more than its list of files tells of"));
    }
    hand.finish()?;
    drop(hand);
    Ok(Unpacked { place, intake, manifest })
}

fn read_manifest(stream: &mut impl Read, limits: Limits) -> Result<Manifest, DepotError> {
    let mut head = [0; HEAD.len()];
    stream.read_exact(&mut head).map_err(broken_off)?;
    if head != HEAD {
        let what = "this is no tree, or one of a newer Highroad";
        return Err(DepotError::new(DepotErrorKind::Invalid, what));
    }
    let digest = read_digest(stream)?;
    let length = read_length(stream)?;
    if length > MAX_MANIFEST {
        return Err(too_large("its list of files is too long".to_owned()));
    }
    let mut manifest = Vec::new();
    let read = stream.take(length as u64).read_to_end(&mut manifest).map_err(broken_off)?;
    if read < length {
        return Err(broken_off(io::ErrorKind::UnexpectedEof.into()));
    }
    if Digest::of(&manifest) != digest {
        return Err(changed("its list of files was changed"));
    }
    let manifest = Manifest::decode(&manifest).map_err(|flaw| changed(&flaw.to_string()))?;
    let (size, files) = (manifest.size(), manifest.items.len() as u64);
    if files == 0 {
        return Err(DepotError::new(DepotErrorKind::Empty, "there is nothing in the tree"));
    }
    if size > limits.bytes || files > limits.files {
        let Limits { bytes: most_bytes, files: most_files } = limits;
        return Err(too_large(format!(
            "it has {size} bytes in {files} files; {most_bytes} bytes and {most_files} files are \
             taken at once"
        )));
    }
    Ok(manifest)
}

fn read_digest(stream: &mut impl Read) -> Result<Digest, DepotError> {
    let mut digest = [0; Digest::SIZE];
    stream.read_exact(&mut digest).map_err(broken_off)?;
    Ok(Digest::from_bytes(digest))
}

fn read_length(stream: &mut impl Read) -> Result<usize, DepotError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).map_err(broken_off)?;
    Ok(u32::from_le_bytes(length) as usize)
}

fn broken_off(error: io::Error) -> DepotError {
    let mut told = of_file(Path::new("the tree on its way"), "read", error);
    told.kind = DepotErrorKind::Failed;
    told
}

fn changed(why: &str) -> DepotError {
    let what = format!("the tree is not what was sent: {why}");
    DepotError::new(DepotErrorKind::Damaged, what)
}

fn too_large(what: String) -> DepotError {
    DepotError::new(DepotErrorKind::TooLarge, what)
}

impl Committing for Unpacked<'_> {
    fn place(&self) -> Place<'_> {
        self.place
    }

    fn intake(&self) -> &Intake<'_> {
        &self.intake
    }

    fn items(&self) -> &[Item] {
        &self.manifest.items
    }

    fn manifest(&self) -> Result<Manifest, DepotError> {
        Ok(self.manifest.clone())
    }

    fn skipped(self) -> Vec<Skipped> {
        Vec::new()
    }

    fn take_again(&mut self, _: &BTreeSet<FrameId>) -> Result<(), DepotError> {
        let what = "what the tree shares with others went while it came: send it again";
        Err(DepotError::new(DepotErrorKind::Busy, what))
    }
}
