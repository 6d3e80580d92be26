//! Every example of the guide under docs/ is run: files are written, commands are carried out, and
//! what they print is compared. A line `…` stands for any lines, `…` at a line's end for its rest.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::journal::Recorded;

#[test]
fn every_example_does_what_the_guide_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut pages: Vec<PathBuf> = fs::read_dir(docs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.sort();
    let examples: usize = pages.iter().map(|page| try_page(page)).sum();
    assert!(examples >= 10, "only {examples} examples were found");
}

/// Tries a page's examples in their order, in one folder of their own, with a journal.
fn try_page(page: &Path) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let _background = Background(folder.path());
    let recorded = Recorded::story();
    // The port that a reader has free may be taken here.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = fs::read_to_string(page).unwrap().replace(":7070", &format!(":{port}"));
    let mut tried = 0;
    for block in blocks(&text) {
        match block.language {
            "yaml" | "python" | "sh" => {
                let name = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
                let name =
                    name.unwrap_or_else(|| panic!("{}: a file without its name", page.display()));
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, block.text).unwrap();
            }
            "console" => {
                for example in examples(block.text) {
                    let printed = run(example.command, folder.path(), recorded.data.path());
                    assert!(
                        is_alike(&printed, &example.printed),
                        "{}\n$ {}\nprints\n{printed}\nnot\n{}",
                        page.display(),
                        example.command,
                        example.printed.join("\n"),
                    );
                    tried += 1;
                }
            }
            _ => {}
        }
    }
    tried
}

/// What examples leave running in the background, by the files that they write its numbers into.
struct Background<'a>(&'a Path);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let files = fs::read_dir(self.0).into_iter().flatten().flatten().map(|it| it.path());
        for file in files.filter(|path| path.extension().is_some_and(|end| end == "pid")) {
            let pid = fs::read_to_string(file).unwrap_or_default();
            // The page may have ended it itself.
            let _ = Command::new("kill").args(["-KILL", pid.trim()]).output();
        }
    }
}

struct Block<'a> {
    language: &'a str,
    text: &'a str,
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, begun)) = rest.split_once("\n```") {
        let (language, body) = begun.split_once('\n').unwrap();
        let (text, after) = body.split_once("\n```").unwrap();
        blocks.push(Block { language, text });
        rest = after;
    }
    blocks
}

struct Example<'a> {
    command: &'a str,
    printed: Vec<&'a str>,
}

fn examples(text: &str) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(command), _) => examples.push(Example { command, printed: Vec::new() }),
            (None, Some(example)) => example.printed.push(line),
            (None, None) => panic!("an example begins with a command: {line}"),
        }
    }
    examples
}

fn run(command: &str, folder: &Path, data: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_highroad")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("HIGHROAD_DATA", data)
        .env("TZ", "UTC")
        .env_remove("HIGHROAD_DATABASE")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn is_alike(printed: &str, expected: &[&str]) -> bool {
    let printed: Vec<_> = printed.lines().collect();
    match_lines(&printed, expected)
}

fn match_lines(printed: &[&str], expected: &[&str]) -> bool {
    match (printed, expected) {
        ([], []) => true,
        (_, ["…", rest @ ..]) => {
            (0..=printed.len()).any(|skip| match_lines(&printed[skip..], rest))
        }
        ([line, lines @ ..], [wanted, rest @ ..]) => {
            let fits = match wanted.strip_suffix('…') {
                Some(start) => line.starts_with(start),
                None => line == wanted,
            };
            fits && match_lines(lines, rest)
        }
        _ => false,
    }
}
