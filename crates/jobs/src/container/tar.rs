//! A folder as a tar archive: what an image is built from.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// More is not sent to an engine.
const MOST_BYTES: usize = 512 << 20;
const MOST_ENTRIES: usize = 200_000;
const BLOCK: usize = 512;
/// What fits into a header of the first kind.
const LONGEST_NAME: usize = 100;

/// All that lies in a folder. Links stay links, and what is neither file nor folder is left out.
/// Times and owners are left out, too: an image does not change by them.
pub(super) fn pack(folder: &Path) -> io::Result<Vec<u8>> {
    let mut archive = Archive { bytes: Vec::new(), entries: 0 };
    archive.folder(folder, b"")?;
    archive.bytes.resize(archive.bytes.len() + 2 * BLOCK, 0);
    Ok(archive.bytes)
}

struct Archive {
    bytes: Vec<u8>,
    entries: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    File = b'0' as isize,
    Link = b'2' as isize,
    Folder = b'5' as isize,
    LongLink = b'K' as isize,
    LongName = b'L' as isize,
}

impl Archive {
    fn folder(&mut self, folder: &Path, name: &[u8]) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let mut name = name.to_vec();
            name.extend_from_slice(entry.file_name().as_bytes());
            let found = path.symlink_metadata()?;
            let mode = found.permissions().mode() & 0o7777;
            if found.is_dir() {
                name.push(b'/');
                self.entry(Kind::Folder, &name, b"", mode, &[])?;
                self.folder(&path, &name)?;
            } else if found.is_symlink() {
                let target = fs::read_link(&path)?;
                self.entry(Kind::Link, &name, target.as_os_str().as_bytes(), mode, &[])?;
            } else if found.is_file() {
                let mut content = Vec::new();
                let room = MOST_BYTES.saturating_sub(self.bytes.len()) as u64;
                File::open(&path)?.take(room + 1).read_to_end(&mut content)?;
                self.entry(Kind::File, &name, b"", mode, &content)?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        kind: Kind,
        name: &[u8],
        link: &[u8],
        mode: u32,
        content: &[u8],
    ) -> io::Result<()> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES || self.bytes.len() + content.len() > MOST_BYTES {
            let megabytes = MOST_BYTES >> 20;
            return Err(io::Error::other(format!(
                "more than {megabytes} MiB or {MOST_ENTRIES} files are not sent to an engine"
            )));
        }
        for (kind, text) in [(Kind::LongName, name), (Kind::LongLink, link)] {
            if text.len() > LONGEST_NAME {
                self.header(kind, b"././@LongLink", b"", 0, text.len() + 1);
                self.content(text);
                // The end of the text, within the block that follows if it was full.
                if text.len().is_multiple_of(BLOCK) {
                    self.bytes.resize(self.bytes.len() + BLOCK, 0);
                }
            }
        }
        self.header(kind, name, link, mode, content.len());
        self.content(content);
        Ok(())
    }

    fn header(&mut self, kind: Kind, name: &[u8], link: &[u8], mode: u32, size: usize) {
        let mut header = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &name[..name.len().min(LONGEST_NAME)]);
        put(100, format!("{mode:07o}\0").as_bytes());
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{size:011o}\0").as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[kind as u8]);
        put(157, &link[..link.len().min(LONGEST_NAME)]);
        put(257, b"ustar  \0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(&header);
    }

    fn content(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// The machine's own `tar` reads it.
    #[test]
    fn a_folder_comes_out_as_it_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("{}/{}", "deep/".repeat(30), "n".repeat(150));
        let path = folder.path().join("in").join(&long);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "long").unwrap();
        let exact = folder.path().join("in").join("x".repeat(200));
        fs::write(&exact, vec![7; BLOCK]).unwrap();
        let script = folder.path().join("in/run.sh");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("run.sh", folder.path().join("in/link")).unwrap();
        let bytes = pack(&folder.path().join("in")).unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let mut tar =
            Command::new("tar").args(["-x", "-C"]).arg(&out).stdin(Stdio::piped()).spawn().unwrap();
        tar.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(tar.wait().unwrap().success());
        assert_eq!(fs::read_to_string(out.join(&long)).unwrap(), "long");
        assert_eq!(fs::read(out.join("x".repeat(200))).unwrap(), vec![7; BLOCK]);
        assert_eq!(fs::read_link(out.join("link")).unwrap(), Path::new("run.sh"));
        let mode = fs::metadata(out.join("run.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
