//! The log at rest: what is written is read back, by whoever looks and whatever happens.

use std::fs::OpenOptions;
use std::ops::ControlFlow::{self, Break, Continue};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use jiff::Timestamp;
use jobs::log::{Item, LONGEST_LINE, Log, LogLimits, LogReader, Search};
use ports::clock::SystemClock;
use tempfile::TempDir;

fn at(microsecond: i64) -> Timestamp {
    Timestamp::from_microsecond(1_750_000_000_000_000 + microsecond).unwrap()
}

fn create(folder: &TempDir) -> Log {
    Log::create(folder.path(), LogLimits::default()).unwrap()
}

fn open(folder: &TempDir) -> LogReader {
    LogReader::open(folder.path()).unwrap()
}

/// Items in a few words: `0 first` for a line, `1+3 bytes why` for a gap.
fn told(item: Item<'_>) -> String {
    match item {
        Item::Line(line) => format!("{} {}", line.number, String::from_utf8_lossy(line.text)),
        Item::Gap(gap) => format!("{}+{} {} {}", gap.number, gap.lines, gap.bytes, gap.why),
    }
}

fn read(reader: &mut LogReader, step: u32, lines: std::ops::Range<u64>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut visit = |item: Item<'_>| {
        seen.push(told(item));
        Continue(())
    };
    reader.read(step, lines, &mut visit).unwrap();
    seen
}

fn all(reader: &mut LogReader, step: u32) -> Vec<String> {
    read(reader, step, 0..u64::MAX)
}

fn tail(reader: &mut LogReader, step: u32, lines: u64) -> Vec<String> {
    let mut seen = Vec::new();
    let mut visit = |item: Item<'_>| {
        seen.push(told(item));
        Continue(())
    };
    reader.tail(step, lines, &mut visit).unwrap();
    seen
}

fn found(reader: &mut LogReader, search: &Search) -> Vec<(u32, u64)> {
    let mut seen = Vec::new();
    let mut visit = |line: jobs::log::Line<'_>| {
        seen.push((line.step, line.number));
        Continue(())
    };
    reader.search(search, &mut visit).unwrap();
    seen
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("log.zst")
}

#[test]
fn lines_are_read_by_step_with_their_numbers_and_times() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    log.line(1, at(10), "one");
    log.line(2, at(11), "other");
    log.line(1, at(12), "\u{1b}[31mtwo\u{1b}[0m\r\n\nfour");
    log.flush();
    log.line(1, at(9), "five");
    assert_eq!(log.end_step(1).lines, 5);
    let summary = log.finish(at(20));
    assert_eq!((summary.stored.lines, summary.stored.lines_lost, summary.trouble), (6, 0, None));

    let mut reader = open(&folder);
    assert_eq!(
        all(&mut reader, 1),
        ["0 one", "1 \u{1b}[31mtwo\u{1b}[0m", "2 ", "3 four", "4 five"]
    );
    assert_eq!(all(&mut reader, 2), ["0 other"]);
    assert!(all(&mut reader, 3).is_empty());
    let mut times = Vec::new();
    let mut visit = |item: Item<'_>| {
        if let Item::Line(line) = item {
            times.push(line.at);
        }
        Continue(())
    };
    reader.read(1, 0..9, &mut visit).unwrap();
    assert_eq!(times, [at(10), at(12), at(12), at(12), at(9)]);
    let steps = reader.steps();
    let steps: Vec<_> =
        steps.iter().map(|it| (it.step, it.lines, it.first_at, it.last_at, it.has_ended)).collect();
    assert_eq!(steps, [(1, 5, at(10), at(9), true), (2, 1, at(11), at(11), false)]);
    assert!(reader.is_finished() && reader.damage().is_none());
}

#[test]
fn any_range_and_any_tail_can_be_read() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    for number in 0..100 {
        log.line(1, at(number), &format!("line {number}"));
        if number % 7 == 0 {
            log.flush();
        }
    }
    log.finish(at(100));
    let mut reader = open(&folder);
    let expected = |lines: std::ops::Range<u64>| -> Vec<String> {
        lines.map(|number| format!("{number} line {number}")).collect()
    };
    for start in 0..=100 {
        for end in [start, start + 1, start + 6, start + 50, 100] {
            let lines = start..end.min(100);
            assert_eq!(read(&mut reader, 1, start..end), expected(lines), "{start}..{end}");
        }
        assert_eq!(tail(&mut reader, 1, start), expected(100 - start..100));
    }
    assert_eq!(tail(&mut reader, 1, 1_000), expected(0..100));
    let mut seen = 0;
    let mut visit = |_: Item<'_>| -> ControlFlow<()> {
        seen += 1;
        if seen == 3 { Break(()) } else { Continue(()) }
    };
    reader.read(1, 0..100, &mut visit).unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn a_log_is_read_while_it_is_written() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    let mut reader = open(&folder);
    assert!(!reader.refresh().unwrap() && reader.steps().is_empty());
    log.line(1, at(1), "one");
    assert!(!reader.refresh().unwrap(), "what waits is not readable yet");
    log.flush();
    assert!(reader.refresh().unwrap() && !reader.refresh().unwrap());
    log.line(1, at(2), "two");
    log.flush();
    assert_eq!(all(&mut reader, 1), ["0 one"]);
    assert!(reader.refresh().unwrap());
    assert_eq!(all(&mut reader, 1), ["0 one", "1 two"]);
}

#[test]
fn a_follower_sees_each_line_and_the_end() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    let mut reader = open(&folder);
    let writer = std::thread::spawn(move || {
        for number in 0..50 {
            log.line(1, at(number), &number.to_string());
            log.flush();
            std::thread::yield_now();
        }
        log.finish(at(50));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut next = 0;
    runtime.block_on(async {
        while !reader.is_finished() {
            reader.grown(&SystemClock).await.unwrap();
            let new = read(&mut reader, 1, next..u64::MAX);
            for line in new {
                assert_eq!(line, format!("{next} {next}"));
                next += 1;
            }
        }
    });
    writer.join().unwrap();
    assert_eq!(next, 50);
}

/// Wherever the writer was killed, everything up to the last whole frame is there.
#[test]
fn a_log_that_ends_anywhere_is_read_up_to_the_last_whole_frame() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    let mut ends = vec![0];
    for number in 0..5 {
        log.line(1, at(number), &format!("line {number}"));
        log.flush();
        ends.push(std::fs::metadata(file(folder.path())).unwrap().len());
    }
    let whole = std::fs::read(file(folder.path())).unwrap();
    for length in 0..=whole.len() {
        let cut = TempDir::new().unwrap();
        std::fs::write(file(cut.path()), &whole[..length]).unwrap();
        let frames = ends.iter().filter(|end| **end <= length as u64).count() - 1;
        let mut reader = LogReader::open(cut.path()).unwrap();
        assert_eq!(all(&mut reader, 1).len(), frames, "{length} bytes");
        assert!(reader.damage().is_none() && !reader.is_finished());
        // The frame is whole later, when its writer is still alive.
        std::fs::write(file(cut.path()), &whole).unwrap();
        assert_eq!(reader.refresh().unwrap(), frames < 5);
        assert_eq!(all(&mut reader, 1).len(), 5);
    }
}

const KILLED: &str = "HIGHROAD_TEST_LOG";

/// The process that the next test kills; by itself it has nothing to do.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(KILLED) else { return };
    let log = Log::create(Path::new(&folder), LogLimits::default()).unwrap();
    for number in 0.. {
        log.line(1, at(number), &format!("line {number}"));
        if number % 10 == 9 {
            log.flush();
        }
    }
}

#[test]
fn a_writer_that_is_killed_leaves_a_log_that_can_be_read() {
    let folder = TempDir::new().unwrap();
    let mut writer = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed"])
        .env(KILLED, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut reader = loop {
        match LogReader::open(folder.path()) {
            Ok(reader) => break reader,
            Err(_) => std::thread::yield_now(),
        }
    };
    while reader.steps().first().is_none_or(|step| step.lines < 1_000) {
        runtime.block_on(reader.grown(&SystemClock)).unwrap();
    }
    writer.kill().unwrap();
    assert!(!writer.wait().unwrap().success());
    reader.refresh().unwrap();
    assert!(reader.damage().is_none() && !reader.is_finished());
    let lines = all(&mut reader, 1);
    assert!(lines.len() >= 1_000 && lines.len().is_multiple_of(10));
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("{number} line {number}"));
    }
}

#[test]
fn damage_costs_the_frame_that_it_is_in() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    let mut ends = Vec::new();
    for number in 0..3 {
        log.line(1, at(number), &format!("line {number} {}", "x".repeat(100)));
        log.flush();
        ends.push(std::fs::metadata(file(folder.path())).unwrap().len());
    }
    let spoil = |at: u64| {
        let file = OpenOptions::new().read(true).write(true).open(file(folder.path())).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
    };
    spoil(ends[1] - 10);
    let mut reader = open(&folder);
    let seen = all(&mut reader, 1);
    assert!(seen[0].starts_with("0 line 0") && seen[2].starts_with("2 line 2"), "{seen:?}");
    assert_eq!(seen[1], "1+1 108 this part of the log is damaged");
    let search = Search { text: "line".to_owned(), ..Search::default() };
    assert_eq!(found(&mut reader, &search), [(1, 0), (1, 2)]);

    spoil(ends[0] + 20);
    let mut reader = open(&folder);
    assert_eq!(all(&mut reader, 1).len(), 1);
    let damage = reader.damage().unwrap().to_string();
    assert!(damage.ends_with("the head's checksum is wrong"), "{damage}");
}

#[test]
fn long_lines_are_cut_and_told_to_be() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    log.line(1, at(0), "before");
    log.line(1, at(0), &"x".repeat(LONGEST_LINE));
    log.line(1, at(0), &"y".repeat(3 * LONGEST_LINE));
    log.line(1, at(0), "after");
    log.finish(at(1));
    let mut lengths = Vec::new();
    let mut visit = |item: Item<'_>| {
        if let Item::Line(line) = item {
            lengths.push((line.text.len(), line.cut_from));
        }
        Continue(())
    };
    open(&folder).read(1, 0..9, &mut visit).unwrap();
    let longer = 3 * LONGEST_LINE as u64;
    assert_eq!(lengths, [(6, None), (LONGEST_LINE, None), (LONGEST_LINE, Some(longer)), (5, None)]);
}

#[test]
fn a_full_log_keeps_the_ends_of_its_steps_and_tells_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let limits = LogLimits { raw: 1 << 20, ..LogLimits::default() };
    let log = Log::create(folder.path(), limits).unwrap();
    let line = |number: u64| format!("{number:0>99}");
    for number in 0..50_000 {
        log.line(1, at(0), &line(number));
    }
    log.line(2, at(1), "the step after it");
    let first = log.end_step(1);
    log.end_step(2);
    let summary = log.finish(at(2));
    assert_eq!(first.lines + first.lines_lost, 50_000);
    assert_eq!(first.bytes_lost, first.lines_lost * 100);
    assert!(first.bytes <= (1 << 20) + (256 << 10), "{first:?}");
    assert_eq!(summary.stored.lines, first.lines + 1);

    let mut reader = open(&folder);
    let seen = all(&mut reader, 1);
    assert_eq!(seen.len() as u64, first.lines + 1);
    let gap = seen.iter().position(|item| item.ends_with("the log is full")).unwrap();
    let expected = format!("{gap}+{} {} the log is full", first.lines_lost, first.bytes_lost);
    assert_eq!(seen[gap], expected);
    for (number, item) in (0..).zip(&seen[..gap]) {
        assert_eq!(*item, format!("{number} {}", line(number)));
    }
    for (number, item) in (gap as u64 + first.lines_lost..).zip(&seen[gap + 1..]) {
        assert_eq!(*item, format!("{number} {}", line(number)));
    }
    assert_eq!(tail(&mut reader, 1, 2), [49_998, 49_999].map(|n| format!("{n} {}", line(n))));
    assert_eq!(all(&mut reader, 2), ["0 the step after it"]);
}

#[test]
fn what_a_full_disk_refused_is_a_gap() {
    let folder = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: a small file system can be mounted by root only");
        return;
    };
    let log = Log::create(folder.path(), LogLimits::default()).unwrap();
    log.line(1, at(0), "before");
    log.flush();
    let filler = folder.path().join("filler");
    let error = std::fs::write(&filler, vec![b'x'; 1 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    // Hardly to be compressed, so that it does not fit into what is left of a page.
    let noise = |salt: u64| -> String {
        let mut state = salt;
        let digit = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (state >> 60) as u8)
        };
        (0..20_000).map(digit).collect()
    };
    log.line(1, at(1), &noise(1));
    log.line(1, at(1), &noise(2));
    log.flush();
    std::fs::remove_file(&filler).unwrap();
    log.line(1, at(2), "after");
    let stored = log.end_step(1);
    assert_eq!((stored.lines, stored.lines_lost), (2, 2));
    let summary = log.finish(at(3));
    assert!(summary.trouble.unwrap().contains("No space left"), "the trouble is told");
    let mut reader = open(&folder);
    let seen = all(&mut reader, 1);
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!((&*seen[0], &*seen[2]), ("0 before", "3 after"));
    assert!(seen[1].starts_with("1+2 "), "{}", seen[1]);
    drop((reader, log, disk));
}

#[test]
fn a_text_is_found_whatever_its_case() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    log.line(1, at(0), "Error: one\nall well\nerror error");
    log.line(2, at(0), "no ERROR here\n\u{c4}RGER \u{1f600}");
    log.flush();
    log.line(1, at(0), "the last error");
    log.finish(at(1));
    let mut reader = open(&folder);
    let search =
        |text: &str, ignore_case, step| Search { text: text.to_owned(), ignore_case, step };
    let mut found = |text, ignore_case, step| found(&mut reader, &search(text, ignore_case, step));
    assert_eq!(found("error", false, None), [(1, 2), (1, 3)]);
    assert_eq!(found("error", true, None), [(1, 0), (1, 2), (2, 0), (1, 3)]);
    assert_eq!(found("error", true, Some(2)), [(2, 0)]);
    assert_eq!(found("\u{e4}rger", true, None), [(2, 1)]);
    assert_eq!(found("\u{e4}rger", false, None), []);
    assert_eq!(found("one\nall", false, None), []);
    assert_eq!(found("", true, None), []);
}

#[test]
fn a_million_lines_are_no_event() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    for number in 0..1_000_000 {
        log.line(
            1,
            at(number / 1000),
            &format!("{number:>8} {}", "the quick brown fox ".repeat(4)),
        );
    }
    log.finish(at(1_000_001));
    let mut reader = open(&folder);
    assert_eq!(reader.steps()[0].lines, 1_000_000);
    let last = tail(&mut reader, 1, 1);
    assert!(last[0].starts_with("999999   999999 the quick"), "{last:?}");
    let search = Search { text: "  654321 THE".to_owned(), ignore_case: true, step: None };
    assert_eq!(found(&mut reader, &search), [(1, 654_321)]);
}

#[test]
fn items_are_objects_of_one_line() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    log.line(4, at(0), "say \"hi\"\u{0}\u{1b}[0m");
    log.finish(at(1));
    let mut json = Vec::new();
    let mut visit = |item: Item<'_>| {
        json.push(serde_json::to_string(&item).unwrap());
        Continue(())
    };
    open(&folder).read(4, 0..1, &mut visit).unwrap();
    let gap = jobs::log::Gap { step: 4, number: 1, lines: 2, bytes: 3, why: "full" };
    json.push(serde_json::to_string(&Item::Gap(gap)).unwrap());
    assert_eq!(
        json,
        [
            r#"{"step":4,"line":0,"at":"2025-06-15T15:06:40Z","text":"say \"hi\"\u0000\u001b[0m"}"#,
            r#"{"step":4,"line":1,"gap":{"lines":2,"bytes":3,"why":"full"}}"#,
        ]
    );
}

/// `zstd -dc` prints a log: what is ours hides in frames that it skips.
#[test]
fn a_log_is_a_file_of_zstandard() {
    let folder = TempDir::new().unwrap();
    let log = create(&folder);
    log.line(1, at(0), "one\ntwo");
    log.flush();
    log.line(2, at(0), "three");
    log.finish(at(1));
    let stored = std::fs::File::open(file(folder.path())).unwrap();
    assert_eq!(zstd::decode_all(stored).unwrap(), b"one\ntwo\nthree\n");
}

#[test]
fn there_is_one_log_in_a_folder() {
    let folder = TempDir::new().unwrap();
    let missing = LogReader::open(folder.path()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot open the log "), "{missing}");
    assert!(missing.ends_with("No such file or directory (os error 2)"), "{missing}");
    let log = create(&folder);
    let second = Log::create(folder.path(), LogLimits::default()).unwrap_err().to_string();
    assert!(second.starts_with("cannot create the log "), "{second}");
    log.finish(at(0));
    log.line(1, at(1), "too late");
    assert_eq!(log.end_step(1).lines_lost, 1);
    assert!(open(&folder).steps().is_empty());
}

/// A file system of some pages, for as long as this lives.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path) -> Option<Self> {
        let flags = rustix::mount::MountFlags::empty();
        let options = c"size=64k";
        rustix::mount::mount("tmpfs", folder, "tmpfs", flags, options).ok().map(|()| Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0, rustix::mount::UnmountFlags::DETACH);
    }
}
