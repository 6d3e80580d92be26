//! What a step prints: every line logged, masked and obeyed, whatever it is.

#[path = "process/bench.rs"]
mod bench;

use std::ops::ControlFlow::Continue;
use std::time::Duration;

use bench::Bench;
use jobs::command::Command;
use jobs::log::{Item, LONGEST_LINE, LogReader};
use jobs::process::{Exit, Stop};
use model::pipeline::{Annotation, Level};
use ports::clock::SystemClock;

/// Runs a script that knows a value as `$V`, without that it stands in the script.
fn run_with(bench: &Bench, value: &str, script: &str) -> Vec<Command> {
    let mut program = bench.sh(script);
    program.env.push(("V".into(), value.into()));
    bench.run_step(1, &program, None, &Stop::new().unwrap(), &mut |_| {}).commands
}

#[test]
fn lines_are_kept_as_they_are_printed() {
    let bench = Bench::new();
    bench.run(
        r"printf 'one\r\n\n  two\t\n10%%\r50%%\r100%%\n\033[31mred\033[0m\r\r\nnul\0nul\nlast'",
    );
    assert_eq!(
        bench.lines(1),
        ["one", "", "  two\t", "10%\r50%\r100%", "\u{1b}[31mred\u{1b}[0m\r", "nul\0nul", "last"]
    );
}

#[test]
fn bytes_that_are_no_text_are_kept_and_replaced_when_they_are_shown() {
    let bench = Bench::new();
    bench.run(r"printf 'a\377b\n\303\nc\n'");
    bench.log.flush();
    let (mut bytes, mut shown) = (Vec::new(), Vec::new());
    let mut visit = |item: Item<'_>| {
        if let Item::Line(line) = item {
            bytes.push(line.text.to_vec());
        }
        shown.push(serde_json::to_value(item).unwrap()["text"].as_str().unwrap().to_owned());
        Continue(())
    };
    LogReader::open(bench.path()).unwrap().read(1, 0..9, &mut visit).unwrap();
    assert_eq!(bytes, [&b"a\xffb"[..], b"\xc3", b"c"]);
    assert_eq!(shown, ["a\u{fffd}b", "\u{fffd}", "c"]);
}

#[test]
fn commands_are_told_in_order_and_shown_as_people_read_them() {
    let bench = Bench::new();
    let outcome = bench.run(
        "echo one
         echo '::group::Build'
         echo ' ::set-output name=a::1'
         echo ' :: no command'
         echo '##[warning file=a.c;line=3]look'
         echo '::endgroup::'
         echo '::unknown::x'
         echo '::echo::loud'
         echo two",
    );
    let look = Annotation {
        level: Level::Warning,
        message: "look".to_owned(),
        title: None,
        file: Some("a.c".to_owned()),
        line: Some(3),
        end_line: None,
        column: None,
        end_column: None,
    };
    assert_eq!(
        outcome.commands,
        [
            Command::Group("Build".to_owned()),
            Command::SetOutput { name: "a".to_owned(), value: "1".to_owned() },
            Command::Annotation(look),
            Command::EndGroup,
            Command::Wrong("echo is 'on' or 'off', not 'loud'".to_owned()),
        ]
    );
    assert_eq!(
        bench.lines(1),
        [
            "one",
            "##[group]Build",
            " :: no command",
            "##[warning]look",
            "##[endgroup]",
            "::unknown::x",
            "##[error]echo is 'on' or 'off', not 'loud'",
            "two"
        ]
    );
}

#[test]
fn stopped_commands_are_output() {
    let bench = Bench::new();
    let script = "echo ::stop-commands::w0rd; echo ::group::x; echo ::w0rd::; echo ::endgroup::";
    let told = [Command::StopCommands, Command::ResumeCommands, Command::EndGroup];
    assert_eq!(bench.run(script).commands, told);
    let expected = ["::stop-commands::w0rd", "::group::x", "::w0rd::", "##[endgroup]"];
    assert_eq!(bench.lines(1), expected);
}

#[test]
fn a_secret_is_masked_from_the_line_on_that_tells_it() {
    let bench = Bench::new();
    let script = "echo $V; echo ::add-mask::$V; echo $V; echo ::error::$V is wrong
        echo ::stop-commands::x; echo ::set-output name=a::$V; printf %s $V | base64";
    let commands = run_with(&bench, "hunter2-hunter2", script);
    let expected = [
        "hunter2-hunter2",
        "***",
        "##[error]*** is wrong",
        "::stop-commands::x",
        "::set-output name=a::***",
        "***",
    ];
    assert_eq!(bench.lines(1), expected);
    assert_eq!(commands[0], Command::AddMask("hunter2-hunter2".to_owned()));
    let Command::Annotation(annotation) = &commands[1] else { panic!("{commands:?}") };
    assert_eq!(annotation.message, "*** is wrong");
}

#[test]
fn a_secret_that_comes_in_two_pieces_is_masked() {
    let bench = Bench::new();
    bench.masks.add("hunter2");
    let go = bench.fifo("go");
    let writer = std::thread::spawn(move || std::fs::write(go, "\n").unwrap());
    bench.run("printf 'it is hun'; read line < $F/go; echo 'ter2!'");
    writer.join().unwrap();
    assert_eq!(bench.lines(1), ["it is ***!"]);
}

/// Also where its lines are too short to be masked one by one.
#[test]
fn a_secret_of_several_lines_is_masked_as_a_whole() {
    let bench = Bench::new();
    let secret = "a1\nb2\nc3\nd4";
    bench.masks.add(secret);
    run_with(&bench, secret, "echo \"<$V>\"; echo a1; echo b2; echo \"$V\"; printf 'a1\nb2\n'");
    assert_eq!(bench.lines(1), ["<***>", "a1", "b2", "***", "a1", "b2"]);
}

#[test]
fn a_long_line_is_cut_and_what_follows_is_not() {
    let bench = Bench::new();
    bench.run(
        "echo before
         head -c 1000000 /dev/zero | tr '\\0' a; echo
         head -c 50000000 /dev/zero | tr '\\0' b; echo end
         head -c 1200000 /dev/zero | tr '\\0' c; echo
         echo after",
    );
    let lines = bench.lines(1);
    assert_eq!((&*lines[0], &*lines[4]), ("before", "after"));
    assert_eq!(lines[1], "a".repeat(1_000_000));
    assert_eq!(lines[2], format!("bbbbbbbbb… {LONGEST_LINE} of 50000003"));
    assert_eq!(lines[3], format!("ccccccccc… {LONGEST_LINE} of 1200000"));
}

/// The cut falls into the secret, and into a character.
#[test]
fn no_piece_of_a_secret_or_of_a_character_stands_at_a_cut() {
    let bench = Bench::new();
    bench.masks.add("hunter2");
    let room = LONGEST_LINE - 4;
    bench.run(&format!("head -c {room} /dev/zero | tr '\\0' x; echo hunter2-hunter2-hunter2"));
    let room = LONGEST_LINE - 1;
    bench.run(&format!("head -c {room} /dev/zero | tr '\\0' y; echo '\u{20ac}\u{20ac}'"));
    bench.log.flush();
    let mut ends = Vec::new();
    let mut visit = |item: Item<'_>| {
        if let Item::Line(line) = item {
            ends.push(String::from_utf8(line.text[line.text.len() - 5..].to_vec()).unwrap());
        }
        Continue(())
    };
    LogReader::open(bench.path()).unwrap().read(1, 0..9, &mut visit).unwrap();
    assert_eq!(ends, ["x***-", "yyyyy"]);
}

#[test]
fn a_problem_matcher_finds_what_a_tool_reports() {
    let bench = Bench::new();
    let gcc = r#"{"problemMatcher": [{"owner": "gcc", "pattern": [{
        "regexp": "^(.*):(\\d+):(\\d+):\\s+(warning|error):\\s+(.*)$",
        "file": 1, "line": 2, "column": 3, "severity": 4, "message": 5}]}]}"#;
    assert_eq!(bench.matchers.add(gcc).unwrap(), ["gcc"]);
    bench.masks.add("hunter2");
    let script = r"printf 'fine\n\033[1ma.c:3:7: \033[31merror: no hunter2\033[0m\n'
        echo 'b.c:4:x: error: none'";
    let outcome = bench.run(script);
    assert_eq!(outcome.found.len(), 1);
    let found = &outcome.found[0];
    assert_eq!((found.level, &*found.message), (Level::Error, "no ***"));
    let place = (found.file.as_deref(), found.line, found.column);
    assert_eq!(place, (Some("a.c"), Some(3), Some(7)));
    let lines = bench.lines(1);
    assert!(lines[1].starts_with("##[error]\u{1b}[1ma.c:3:7:"), "{lines:?}");
    assert!(bench.matchers.remove("GCC") && !bench.matchers.remove("gcc"));
    assert!(bench.run("echo 'a.c:3:7: error: no'").found.is_empty());
}

#[test]
fn a_problem_matcher_may_need_several_lines() {
    let bench = Bench::new();
    let eslint = r#"{"problemMatcher": [{"owner": "eslint", "severity": "warning", "pattern": [
        {"regexp": "^([^\\s].*)$", "file": 1},
        {"regexp": "^\\s+(\\d+):(\\d+)\\s+(error|warning|info)\\s+(.*)\\s\\s+(.*)$",
         "line": 1, "column": 2, "severity": 3, "message": 4, "code": 5, "loop": true}]}]}"#;
    bench.matchers.add(eslint).unwrap();
    let outcome = bench.run(
        "echo a.js
         echo '  1:2  error  Missing semicolon  semi'
         echo '  3:4  warning  Unused  no-unused'
         echo '  5:6  info  Whatever  rule'
         echo
         echo '  7:8  error  Of no file  semi'
         echo b.js
         echo '  9:1  error  Other  semi'",
    );
    let found: Vec<_> = outcome
        .found
        .iter()
        .map(|it| (it.file.as_deref().unwrap(), it.line.unwrap(), &*it.message, it.level))
        .collect();
    assert_eq!(
        found,
        [
            ("a.js", 1, "Missing semicolon", Level::Error),
            ("a.js", 3, "Unused", Level::Warning),
            ("b.js", 9, "Other", Level::Error),
        ]
    );
    assert_eq!(outcome.found[0].title.as_deref(), Some("semi"));
}

#[test]
fn wrong_problem_matchers_say_why() {
    let bench = Bench::new();
    let wrong = |json: &str| bench.matchers.add(json).unwrap_err().to_string();
    let one = |pattern: &str| {
        wrong(&format!(r#"{{"problemMatcher": [{{"owner": "x", "pattern": [{pattern}]}}]}}"#))
    };
    let no_json = wrong("[]x");
    assert!(no_json.starts_with("it holds no problem matchers: "), "{no_json}");
    assert_eq!(one(""), "matcher 'x': `pattern` is missing");
    assert_eq!(
        one(r#"{"regexp": "(a)", "file": 1}"#),
        "matcher 'x': no pattern says which group is the `message`"
    );
    assert_eq!(
        one(r#"{"regexp": "(a)", "message": 2}"#),
        "matcher 'x': `message` is no group of the pattern (a)"
    );
    assert_eq!(
        one(r#"{"regexp": "(a)", "message": 1, "loop": true}"#),
        "matcher 'x': only the last of several patterns may set `loop`"
    );
    assert!(one(r#"{"regexp": "(?=a)", "message": 0}"#).contains("look-around"));
    assert_eq!(bench.matchers.add(r#"{"problemMatcher": []}"#).unwrap(), Vec::<String>::new());
}

#[test]
fn steps_at_the_same_time_log_to_their_own() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for step in 1..=4 {
            let bench = &bench;
            scope.spawn(move || {
                let script = format!("seq 1 20000 | sed 's/^/{step}: /'");
                let program = bench.sh(&script);
                bench.run_step(step, &program, None, &Stop::new().unwrap(), &mut |_| {})
            });
        }
    });
    for step in 1..=4 {
        let lines = bench.lines(step);
        assert_eq!(lines.len(), 20_000);
        let expected = (1..=20_000).map(|number| format!("{step}: {number}"));
        assert!(lines.into_iter().eq(expected), "step {step}");
    }
}

#[test]
fn lines_are_readable_while_the_step_goes_on() {
    let bench = Bench::new();
    let go = bench.fifo("go");
    let mut reader = LogReader::open(bench.path()).unwrap();
    let follower = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            while reader.steps().is_empty() {
                reader.grown(&SystemClock).await.unwrap();
            }
        });
        // The step waits for this.
        std::fs::write(go, "go\n").unwrap();
        reader.steps()[0].lines
    });
    bench.run("echo one; read line < $F/go; echo two");
    assert_eq!(follower.join().unwrap(), 1);
    assert_eq!(bench.lines(1), ["one", "two"]);
}

#[test]
fn a_step_that_prints_much_is_no_event() {
    let mut bench = Bench::new();
    bench.linger.quiet = Duration::from_millis(10);
    bench.masks.add("the quick brown fox 765432");
    let outcome = bench.run("seq -f 'the quick brown fox %.0f jumps' 1 1000000");
    assert_eq!(outcome.exit(), Exit::Code(0));
    bench.log.flush();
    let mut reader = LogReader::open(bench.path()).unwrap();
    assert_eq!(reader.steps()[0].lines, 1_000_000);
    let mut texts = Vec::new();
    let mut visit = |item: Item<'_>| {
        if let Item::Line(line) = item {
            texts.push(String::from_utf8(line.text.to_vec()).unwrap());
        }
        Continue(())
    };
    reader.read(1, 765_430..765_433, &mut visit).unwrap();
    let expected =
        ["the quick brown fox 765431 jumps", "*** jumps", "the quick brown fox 765433 jumps"];
    assert_eq!(texts, expected);
}
