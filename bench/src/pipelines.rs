//! `highroad run` beside other task runners that are on this machine, and beside the bare shell.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::decision::{Input, Process as _};
use engine::pipeline::Pipeline;
use model::id::RunId;
use model::intent::Intent;
use model::pipeline::{Request, Run};
use ports::clock::{Clock, SystemClock};
use workflow::{sheet, syntax};

use crate::{Done, median, seconds};

const ROUNDS: usize = 7;

pub(crate) fn measure(binary: &Path) -> Done {
    println!("pipelines (median of {ROUNDS}; whole processes, their start included)");
    let lab = Lab::new(binary)?;
    lab.row(
        "one trivial step, cold",
        &workflow(&job("one", &[], &["true"])),
        "under 0.060",
        &[
            ("bash", "true"),
            ("make", "one:\n\t@true\n"),
            ("ninja", "rule r\n command = true\nbuild one: r\n"),
        ],
    )?;
    steps(&lab)?;
    let jobs = each(100, |n| job(&format!("j{n}"), &[], &["true"]));
    let make = each(100, |n| format!("j{n}:\n\t@bash -ec true\n"));
    let make = format!("all: {}\n{make}", each(100, |n| format!("j{n} ")));
    let ninja = each(100, |n| format!("build j{n}: r\n"));
    let ninja = format!("rule r\n command = bash -ec true\n{ninja}");
    let peers = [("make", make.as_str()), ("ninja", ninja.as_str())];
    lab.row("100 jobs of one step", &workflow(&jobs), "under 1.0", &peers)?;
    let chain = each(20, |n| match n {
        0 => job("j0", &[], &["true"]),
        _ => job(&format!("j{n}"), &[&format!("j{}", n - 1)], &["true"]),
    });
    let make = each(20, |n| match n {
        0 => "j0:\n\t@bash -ec true\n".to_owned(),
        _ => format!("j{n}: j{}\n\t@bash -ec true\n", n - 1),
    });
    let make = format!("all: j19\n{make}");
    lab.row("a chain of 20 jobs", &workflow(&chain), "under 0.3", &[("make", make.as_str())])?;
    cached(&lab)?;
    lines(&lab)?;
    planning();
    println!();
    Ok(())
}

/// A repository of one commit, and a folder for Highroad's data.
struct Lab {
    binary: PathBuf,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(binary: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let lab = Self { binary: fs::canonicalize(binary)?, folder };
        fs::create_dir_all(lab.repository().join(".github/workflows"))?;
        for words in ["init -q -b main", "commit -q --allow-empty -m begin"] {
            let git = Command::new("git")
                .args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"])
                .args(words.split(' '))
                .current_dir(lab.repository())
                .status()?;
            assert!(git.success(), "git {words}");
        }
        Ok(lab)
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn put(&self, workflow: &str) -> Done {
        Ok(fs::write(self.repository().join(".github/workflows/bench.yml"), workflow)?)
    }

    fn highroad(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["run", "--data"]).arg(self.folder.path().join("data"));
        command.current_dir(self.repository()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Seconds of one run, the median of several.
    fn time(&self) -> Result<f64, Box<dyn std::error::Error>> {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let (status, took) = seconds(|| self.highroad().status());
            if !status?.success() {
                return Err("a measured run failed".into());
            }
            times.push(took);
        }
        Ok(median(times))
    }

    /// What highroad takes, and beside it what the peers take that are here.
    fn row(&self, what: &str, workflow: &str, wanted: &str, peers: &[(&str, &str)]) -> Done {
        self.put(workflow)?;
        println!("  {:>8.3} s  {what} (wanted: {wanted})", self.time()?);
        for (peer, input) in peers {
            match self.peer(peer, input) {
                Some(took) => println!("  {took:>8.3} s    {peer}"),
                None => println!("           -    {peer} is not here"),
            }
        }
        if let Some(took) = self.peer("act", "") {
            println!("  {took:>8.3} s    act");
        }
        Ok(())
    }

    fn peer(&self, name: &str, input: &str) -> Option<f64> {
        let folder = self.repository();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let mut command = Command::new(name);
            command.current_dir(&folder).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            match name {
                "bash" => command.args(["-ec", input]),
                "make" => {
                    fs::write(folder.join("Makefile"), input).ok()?;
                    command.arg("-j2")
                }
                "ninja" => {
                    fs::write(folder.join("build.ninja"), input).ok()?;
                    command.arg("-j2")
                }
                _ => command.args(["push", "-P", "ubuntu-latest=-self-hosted"]),
            };
            let (status, took) = seconds(|| command.status());
            if !status.ok()?.success() {
                return None;
            }
            times.push(took);
        }
        Some(median(times))
    }
}

/// What a step costs over the shell that it starts.
fn steps(lab: &Lab) -> Done {
    lab.put(&workflow(&job("one", &[], &["true"])))?;
    let one = lab.time()?;
    lab.put(&workflow(&job("many", &[], &["true"; 101])))?;
    let many = lab.time()?;
    let script = lab.folder.path().join("step.sh");
    fs::write(&script, "true\n")?;
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        let (status, took) = seconds(|| {
            (0..100).all(|_| {
                let bash = Command::new("bash").arg("-e").arg(&script).status();
                bash.is_ok_and(|status| status.success())
            })
        });
        assert!(status, "bash runs");
        bare.push(took);
    }
    let (own, bare) = ((many - one) * 10.0, median(bare) * 10.0);
    let over = own - bare;
    println!(
        "  {own:>8.2} ms a step of 100 in one job, {bare:.2} in the bare shell: {over:.2} over (wanted: 3)"
    );
    Ok(())
}

/// A hundred caches that are all there.
fn cached(lab: &Lab) -> Done {
    fs::write(lab.repository().join("input"), "the same as ever\n")?;
    let mut steps = String::from("      - uses: actions/checkout@v4\n");
    for n in 0..100 {
        writeln!(steps, "      - uses: actions/cache@v4")?;
        writeln!(steps, "        id: c{n}")?;
        writeln!(
            steps,
            "        with: {{ path: out{n}, key: \"k{n}-${{{{ hashFiles('input') }}}}\" }}"
        )?;
        writeln!(steps, "      - if: steps.c{n}.outputs.cache-hit != 'true'")?;
        writeln!(steps, "        run: cp input out{n}")?;
    }
    lab.put(&workflow(&format!("  all:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")))?;
    let (_, first) = seconds(|| lab.highroad().status());
    println!(
        "  {:>8.3} s  100 tasks, all cached; {first:.3} when none was (wanted: under 0.2)",
        lab.time()?
    );
    Ok(())
}

/// A step that prints a million lines.
fn lines(lab: &Lab) -> Done {
    let text = lab.folder.path().join("lines");
    let line = "0123456789 ".repeat(9);
    let mut lines = String::with_capacity(110 << 20);
    for n in 0..1_000_000 {
        writeln!(lines, "{n:>6} {}", &line[..98])?;
    }
    fs::write(&text, lines)?;
    let copy = lab.folder.path().join("copy");
    let script = format!("cat {} > {}", text.display(), copy.display());
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        let (status, took) = seconds(|| Command::new("bash").args(["-ec", &script]).status());
        assert!(status?.success(), "cat");
        bare.push(took);
    }
    let cat = format!("cat {}", text.display());
    lab.put(&workflow(&job("talk", &[], &[cat.as_str()])))?;
    let done = Arc::new(AtomicBool::new(false));
    let watching = done.clone();
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while !watching.load(Ordering::Relaxed) {
            most = most.max(largest());
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        most
    });
    let own = lab.time()?;
    done.store(true, Ordering::Relaxed);
    let most = watch.join().map_err(|_| "the watch on memory ended")?;
    let bare = median(bare);
    println!(
        "  {own:>8.3} s  a million lines, 105 MB; `cat > file` takes {bare:.3} (wanted: at most {:.3})",
        bare * 1.5 + 1.0
    );
    println!(
        "  {:>8.1} MB  of memory at most for that, in one process (wanted: under 60)",
        f64::from(most) / 1024.0
    );
    Ok(())
}

/// The most memory that any process of highroad has had, in KiB.
fn largest() -> u32 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let most = processes.filter_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let is_ours = status.starts_with("Name:\thighroad\n");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).filter(|_| is_ours)?;
        line.split_whitespace().nth(1)?.parse().ok()
    });
    most.max().unwrap_or_default()
}

/// From the bytes of a file to the first orders.
fn planning() {
    let jobs = each(20, |n| job(&format!("j{n}"), &[], &["cargo build", "cargo test"]));
    let axis = each(16, |n| format!("{n}, "));
    let cells = format!(
        "  cells:\n    runs-on: ubuntu-latest\n    strategy: {{ matrix: {{ a: [{axis}], b: [{axis}] }} }}\n\
         \u{20}   steps: [{{ run: 'echo ${{{{ matrix.a }}}}' }}]\n"
    );
    let text = workflow(&(jobs + &cells));
    let mut times = Vec::new();
    let mut orders = 0;
    for _ in 0..20 {
        let (count, took) = seconds(|| {
            let reading =
                syntax::read("bench.yml", text.as_bytes(), None, &syntax::Options::default());
            let sheet = sheet::sheet(&reading).expect("the workflow is right");
            let now = SystemClock.now();
            let service = "bench".parse().expect("it is a name");
            let id = RunId::new(now, [0; 10]);
            let run = Run::new(id, service, Request::default(), sheet, now);
            let decision = Pipeline::step(&run, Input::Started, now);
            decision.intents.iter().filter(|intent| matches!(intent, Intent::Work(_))).count()
        });
        orders = count;
        times.push(took);
    }
    println!(
        "  {:>8.2} ms to read and plan a workflow of {orders} jobs, 256 of them cells (wanted: under 10)",
        median(times) * 1e3
    );
}

fn workflow(jobs: &str) -> String {
    format!("name: bench\non: push\njobs:\n{jobs}")
}

fn job(key: &str, needs: &[&str], steps: &[&str]) -> String {
    let needs = needs.join(", ");
    let steps: Vec<_> = steps.iter().map(|step| format!("      - run: {step}\n")).collect();
    let steps = steps.concat();
    format!("  {key}:\n    runs-on: ubuntu-latest\n    needs: [{needs}]\n    steps:\n{steps}")
}

fn each(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}
