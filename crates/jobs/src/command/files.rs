//! What a step writes into the files that `GITHUB_ENV`, `GITHUB_OUTPUT` and their kin name.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// What one file may hold. GitHub allows a job a megabyte of outputs.
const MOST_BYTES: u64 = 16 << 20;

/// What the summary of one step may hold.
const MOST_SUMMARY: u64 = 1 << 20;

/// What a step may not set for the steps after it: with it they would run foreign code.
const REFUSED: [&str; 1] = ["NODE_OPTIONS"];

/// Why such a file cannot be taken at its word.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is no plain file any more")]
    NoFile,
    #[error("{} KiB, and {} KiB is the limit", .bytes.div_ceil(1024), .most / 1024)]
    TooLarge { bytes: u64, most: u64 },
    #[error("it is not UTF-8 from byte {0} on")]
    NoText(usize),
    #[error("line {line}: invalid format '{text}'. Write NAME=VALUE or NAME<<DELIMITER")]
    Format { line: usize, text: String },
    #[error("line {line}: invalid format '{text}'. Name must not be empty")]
    Name { line: usize, text: String },
    #[error(
        "line {line}: invalid format '{text}'. Name must not be empty and delimiter must not be \
         empty"
    )]
    Delimiter { line: usize, text: String },
    #[error("line {line}: invalid value. Matching delimiter not found '{delimiter}'")]
    Open { line: usize, delimiter: String },
    #[error("line {line}: a NUL cannot be part of a variable")]
    Nul { line: usize },
}

/// What a step sets for the steps after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    pub set: Vec<(String, String)>,
    /// Names that no step may set. On GitHub each is an error in the log, and the step goes on.
    pub refused: Vec<String>,
}

/// One pair, and the line that it begins on.
struct Pair {
    line: usize,
    name: String,
    value: String,
}

/// The text of such a file; nothing where there is no file.
///
/// The step that wrote it may have put anything in its place: a link or a pipe is not followed.
pub fn read(path: &Path) -> Result<String, FileError> {
    read_at_most(path, MOST_BYTES)
}

/// What is in `GITHUB_OUTPUT` or `GITHUB_STATE`.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, FileError> {
    Ok(parse(text)?.into_iter().map(|pair| (pair.name, pair.value)).collect())
}

/// What is in `GITHUB_ENV`.
pub fn variables(text: &str) -> Result<Variables, FileError> {
    let mut variables = Variables::default();
    for Pair { line, name, value } in parse(text)? {
        if name.contains('\0') || value.contains('\0') {
            return Err(FileError::Nul { line });
        }
        if REFUSED.iter().any(|refused| name.eq_ignore_ascii_case(refused)) {
            variables.refused.push(name);
        } else {
            variables.set.push((name, value));
        }
    }
    Ok(variables)
}

/// What is in `GITHUB_PATH`, in the order in which it is written: the last goes first.
pub fn paths(text: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in text.lines().filter(|path| !path.is_empty()) {
        paths.retain(|known| known != path);
        paths.push(path.to_owned());
    }
    paths
}

/// What is in `GITHUB_STEP_SUMMARY`, where there is anything.
pub fn summary(path: &Path) -> Result<Option<String>, FileError> {
    let text = read_at_most(path, MOST_SUMMARY)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn read_at_most(path: &Path, most: u64) -> Result<String, FileError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(String::new()),
        Err(rustix::io::Errno::LOOP) => return Err(FileError::NoFile),
        Err(error) => return Err(FileError::Unreadable(error.into())),
    };
    let metadata = file.metadata().map_err(FileError::Unreadable)?;
    if !metadata.is_file() {
        return Err(FileError::NoFile);
    }
    let mut bytes = Vec::new();
    (&file).take(most + 1).read_to_end(&mut bytes).map_err(FileError::Unreadable)?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge { bytes: metadata.len().max(most + 1), most });
    }
    // PowerShell begins its files with a mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(FileError::NoText(error.valid_up_to())),
    }
}

fn parse(text: &str) -> Result<Vec<Pair>, FileError> {
    let mut pairs = Vec::new();
    let mut lines = (1..).zip(text.split_inclusive('\n'));
    while let Some((line, raw)) = lines.next() {
        let written = ended(raw).0;
        if written.is_empty() {
            continue;
        }
        let heredoc = written.find("<<").filter(|at| !written[..*at].contains('='));
        if let Some(at) = heredoc {
            let (name, delimiter) = (&written[..at], &written[at + 2..]);
            if name.is_empty() || delimiter.is_empty() {
                return Err(FileError::Delimiter { line, text: shortened(written) });
            }
            let mut value = String::new();
            // The end of a value's last line belongs to the delimiter.
            let mut end = "";
            loop {
                let Some((_, raw)) = lines.next() else {
                    let delimiter = shortened(delimiter);
                    return Err(FileError::Open { line, delimiter });
                };
                let (inner, next_end) = ended(raw);
                if inner == delimiter {
                    break;
                }
                value.push_str(end);
                value.push_str(inner);
                end = next_end;
            }
            pairs.push(Pair { line, name: name.to_owned(), value });
        } else if let Some((name, value)) = written.split_once('=') {
            if name.is_empty() {
                return Err(FileError::Name { line, text: shortened(written) });
            }
            pairs.push(Pair { line, name: name.to_owned(), value: value.to_owned() });
        } else {
            return Err(FileError::Format { line, text: shortened(written) });
        }
    }
    Ok(pairs)
}

/// A line and what ends it.
fn ended(raw: &str) -> (&str, &str) {
    let line = raw.strip_suffix('\n').unwrap_or(raw);
    let line = line.strip_suffix('\r').filter(|_| raw.ends_with('\n')).unwrap_or(line);
    raw.split_at(line.len())
}

/// Enough of a text to find it again. It may be long, and it may be a secret's line.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pairs(text: &str) -> Vec<(String, String)> {
        pairs(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn one(text: &str) -> (String, String) {
        let mut pairs = read_pairs(text);
        assert_eq!(pairs.len(), 1, "{text:?}: {pairs:?}");
        pairs.remove(0)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_are_written_on_one_line() {
        assert_eq!(one("a=b"), pair("a", "b"));
        assert_eq!(one("\n\r\na=b=c\r\n\n"), pair("a", "b=c"));
        assert_eq!(one("a="), pair("a", ""));
        assert_eq!(one("a=b<<c"), pair("a", "b<<c"));
        assert_eq!(one(" a = b "), pair(" a ", " b "));
        assert_eq!(read_pairs("a=1\nb=2\na=3"), [pair("a", "1"), pair("b", "2"), pair("a", "3")]);
        assert!(read_pairs("").is_empty());
    }

    #[test]
    fn values_of_several_lines_stand_before_their_delimiter() {
        assert_eq!(one("a<<EOF\nx\ny\nEOF\n"), pair("a", "x\ny"));
        assert_eq!(one("a<<EOF\nx\ny\nEOF"), pair("a", "x\ny"));
        assert_eq!(one("a<<EOF\r\nx\r\ny\r\nEOF\r\n"), pair("a", "x\r\ny"));
        assert_eq!(one("a<<EOF\nEOF\n"), pair("a", ""));
        assert_eq!(one("a<<EOF\n\nEOF\n"), pair("a", ""));
        assert_eq!(one("a<<EOF\n\n\nEOF\n"), pair("a", "\n"));
        assert_eq!(one("a<<E=F\n EOF\nEOF \nE=F\n"), pair("a", " EOF\nEOF "));
        assert_eq!(read_pairs("a<<X\nb=c\nX\nd=e"), [pair("a", "b=c"), pair("d", "e")]);
    }

    #[test]
    fn what_is_wrong_names_its_line() {
        for (text, message) in [
            ("a=b\n\nc", "line 3: invalid format 'c'. Write NAME=VALUE or NAME<<DELIMITER"),
            ("=b", "line 1: invalid format '=b'. Name must not be empty"),
            (
                "<<b\n",
                "line 1: invalid format '<<b'. Name must not be empty and delimiter must not be empty",
            ),
            (
                "a<<\n",
                "line 1: invalid format 'a<<'. Name must not be empty and delimiter must not be empty",
            ),
            ("x=y\na<<EOF\nb\n", "line 2: invalid value. Matching delimiter not found 'EOF'"),
        ] {
            assert_eq!(pairs(text).unwrap_err().to_string(), message);
        }
        let long = pairs(&"é".repeat(1000)).unwrap_err().to_string();
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn no_step_hands_code_to_the_next() {
        let found = variables("a=b\nNode_Options<<E\n--require x\nE\nc=d").unwrap();
        assert_eq!(found.set, [pair("a", "b"), pair("c", "d")]);
        assert_eq!(found.refused, ["Node_Options"]);
        let nul = variables("a=\0").unwrap_err();
        assert_eq!(nul.to_string(), "line 1: a NUL cannot be part of a variable");
    }

    #[test]
    fn the_last_path_of_several_counts() {
        assert_eq!(paths("/a\r\n\n/b\n/a"), ["/b", "/a"]);
        assert!(paths("").is_empty());
    }

    #[test]
    fn only_plain_files_of_some_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        assert_eq!(read(&path).unwrap(), "");
        std::fs::write(&path, "\u{feff}a=b").unwrap();
        assert_eq!(read(&path).unwrap(), "a=b");
        assert_eq!(summary(&path).unwrap().as_deref(), Some("a=b"));
        std::fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
        let error = summary(&path).unwrap_err().to_string();
        assert_eq!(error, "1025 KiB, and 1024 KiB is the limit");
        std::fs::write(&path, b"a=\xff").unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "it is not UTF-8 from byte 2 on");

        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(matches!(read(&link), Err(FileError::NoFile)));
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(matches!(read(&pipe), Err(FileError::NoFile)));
        assert!(matches!(read(folder.path()), Err(FileError::NoFile)));
    }
}
