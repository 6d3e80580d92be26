//! `highroad.yaml` as people write it: a complete example, short forms, and what is said of broken files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::manifest::{self, Manifest, Port, Probe, Reading, Risk, Strategy, Workload};
use model::name::{EnvironmentName, ServiceName};
use model::source::Paint;
use model::yaml;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest")
}

fn read(text: &str) -> Reading {
    manifest::read("highroad.yaml", text.as_bytes())
}

fn rendered(reading: &Reading) -> String {
    let findings =
        reading.findings.iter().map(|finding| finding.render(&reading.source, Paint::Plain));
    findings.collect::<Vec<_>>().join("\n")
}

fn good(text: &str) -> Manifest {
    let reading = read(text);
    assert!(reading.findings.is_empty(), "{}", rendered(&reading));
    reading.manifest.expect("a file without findings is a manifest")
}

fn service(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

#[test]
fn the_complete_example_is_well() {
    let text = std::fs::read_to_string(folder().join("highroad.yaml")).unwrap();
    let manifest = good(&text);
    let names: Vec<_> = manifest.services.keys().map(ServiceName::as_str).collect();
    assert_eq!(names, ["shop", "mailer", "handbook"]);
    let names: Vec<_> = manifest.environments().into_iter().map(EnvironmentName::as_str).collect();
    assert_eq!(names, ["preview", "staging", "production"]);

    let shop = manifest.services.get(&service("shop")).unwrap();
    let production = shop.shared.environments.get(&environment("production")).unwrap();
    assert_eq!(production.instances.unwrap().get(), 6);
    assert_eq!(production.windows.len(), 1, "shared");
    assert_eq!(production.soak.as_hours(), 24, "shared");
    assert_eq!(shop.before(&environment("production")), [&environment("staging")]);
    let Some(Strategy::Canary(canary)) = &production.strategy else { panic!() };
    let steps: Vec<_> =
        canary.steps.iter().map(|step| (step.weight.to_string(), step.hold.as_mins())).collect();
    assert_eq!(steps, [("5 %".to_owned(), 10), ("25 %".to_owned(), 30), ("50 %".to_owned(), 90)]);
    assert_eq!(shop.shared.owner.as_ref().unwrap().as_str(), "@acme/shop");
    assert_eq!(shop.shared.policy.rule(Risk::High).approvals.from.len(), 2);
    assert!(
        matches!(shop.shared.policy.rule(Risk::High).strategy, Strategy::BlueGreen(_)),
        "the row's default"
    );
    let Workload::Command(command) = &shop.run.workload else { panic!() };
    let words = command.filled(|name| (name == "PORT").then(|| "4711".to_owned())).unwrap();
    assert_eq!(words, ["./shop", "--listen", "127.0.0.1:4711"]);

    let mailer = manifest.services.get(&service("mailer")).unwrap();
    assert_eq!(mailer.shared.owner.as_ref().unwrap().as_str(), "team-mail@example.com");
    assert_eq!(mailer.run.port.value, Port::None);
    assert!(matches!(mailer.run.health().probe, Probe::Alive(_)));
    assert_eq!(mailer.run.stop.grace.as_secs(), 120);
}

#[test]
fn three_lines_are_a_manifest() {
    let manifest = good("service: shop\nowner: team-shop\nrun: ./shop\n");
    let shop = manifest.services.get(&service("shop")).unwrap();
    assert_eq!(manifest.environments(), [&environment("production")]);
    assert_eq!(shop.run.instances.get(), 1);
    assert_eq!(shop.run.port.value, Port::Auto);
    assert!(matches!(shop.run.health().probe, Probe::Tcp(_)));
    insta::assert_debug_snapshot!(shop.shared.policy);
}

#[test]
fn short_forms_say_the_same_as_long_ones() {
    let same = |short: &str, long: &str| {
        let run = |run: &str| {
            let manifest = good(&format!("service: a\nowner: b\n{run}"));
            // Places differ, values must not.
            let mut text = format!("{manifest:?}");
            while let Some(at) = text.find("Span {") {
                let end = at + text[at..].find('}').unwrap();
                text.replace_range(at..=end, "_");
            }
            text
        };
        assert_eq!(run(short), run(long));
    };
    same("run: ./a -b", "run: {command: [./a, -b]}");
    same("run: [./a, -b]", "run: {command: ./a -b}");
    same("run: {static: dist/}", "run: {static: {folder: dist}}");
    same("run: {image: x/y}", "run: {image: {name: x/y}}");
    same("run: {command: a, health: /up}", "run: {command: a, health: {http: /up}}");
    same("run: {command: a, health: tcp}", "run: {command: a, health: {tcp: true, interval: 10s}}");
    same("run: {command: a, stop: 5s}", "run: {command: a, stop: {grace: 5s, signal: TERM}}");
    let environment = |rest: &str| format!("run: a\nenvironments: {{x: {rest}}}");
    let same_in = |short: &str, long: &str| same(&environment(short), &environment(long));
    same_in("", "{}");
    same_in("{strategy: canary}", "{strategy: {canary: {}}}");
    same_in(
        "{strategy: {canary: [1%, 9%]}}",
        "{strategy: {canary: {steps: [{weight: 1%}, {weight: 9 %, hold: 10m}]}}}",
    );
    same_in("{approvals: 2}", "{approvals: {count: 2}}");
    same_in("{verify: /x}", "{verify: [{http: /x, timeout: 30s}]}");
    same_in(
        "{windows: {days: mon}}",
        "{windows: [{days: [mon], from: 00:00, to: 24:00, zone: UTC}]}",
    );
    same("run: a\nnotify: [x@y.z]", "run: a\nnotify: [{to: x@y.z}]");
}

#[test]
fn without_after_an_environment_follows_the_one_above() {
    let manifest = good(
        "service: a\nowner: b\nrun: c\nenvironments: {one: , two: , three: {after: []}, four: {after: [one, two]}}\n",
    );
    let a = manifest.services.get(&service("a")).unwrap();
    let before = |name: &str| -> Vec<String> {
        a.before(&environment(name)).into_iter().map(ToString::to_string).collect()
    };
    assert!(before("one").is_empty());
    assert_eq!(before("two"), ["one"]);
    assert!(before("three").is_empty());
    assert_eq!(before("four"), ["one", "two"]);
}

#[test]
fn a_secret_in_the_file_is_not_shown_again() {
    let reading =
        read("service: a\nowner: b\nrun: {command: c, env: {API_TOKEN: 'hunter2hunter2'}}\n");
    assert!(reading.manifest.is_some(), "a warning only");
    let text = rendered(&reading);
    assert!(text.contains("secret-in-file") && !text.contains("hunter2"), "{text}");
}

#[test]
fn broken_files() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("broken"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let reading = manifest::read("highroad.yaml", &std::fs::read(&file).unwrap());
        assert!(reading.manifest.is_none(), "{}", file.display());
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        insta::assert_snapshot!(name, rendered(&reading));
    }
}

/// Each finding with what tells it from others.
fn told(text: &str) -> BTreeSet<(&'static str, String)> {
    let findings = read(text).findings.into_iter();
    let told: Vec<_> = findings.map(|finding| (finding.code, finding.message)).collect();
    told.into_iter().collect()
}

/// The broken files that are mappings, so that a key can be added.
fn broken_mappings() -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(folder().join("broken")).unwrap();
    let mappings: Vec<_> = files
        .map(|entry| entry.unwrap().path())
        .filter_map(|file| Some((file.clone(), std::fs::read_to_string(&file).ok()?)))
        .filter(|(_, text)| {
            let document = yaml::read("f.yaml", text.as_bytes(), &yaml::Options::default());
            document.root.is_some_and(|root| root.as_mapping().is_some())
        })
        .collect();
    assert!(mappings.len() > 10);
    mappings
}

#[test]
fn one_more_broken_key_hides_nothing() {
    for (file, text) in broken_mappings() {
        let before = told(&text);
        for broken in [
            "zzz: 1",
            "links: {runbook: nowhere}",
            "description: []",
            "owner: [nobody]",
            "notify: [{to: nobody}]",
            "policy: {low: {strategy: canry}}",
        ] {
            let after = told(&format!("{text}{broken}\n"));
            let hidden: Vec<_> = before
                .difference(&after)
                .filter(|(code, _)| *code != "no-owner" || !broken.starts_with("owner"))
                .collect();
            assert!(hidden.is_empty(), "{}, {broken}: {hidden:?}", file.display());
        }
    }
}

#[test]
fn an_unknown_key_anywhere_hides_nothing_elsewhere() {
    let key = |line: &str| {
        line.trim_start().split_once(':').is_some_and(|(key, _)| {
            !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
    };
    for (file, text) in broken_mappings() {
        let before = told(&text);
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| key(line)) {
            let indent = line.len() - line.trim_start().len();
            let added = format!("{}zzz: 1", &line[..indent]);
            let mut lines = lines.clone();
            lines.insert(at, &added);
            let hidden: Vec<_> = before.difference(&told(&lines.join("\n"))).cloned().collect();
            // What is said of a broken run and its port waits until it is mended, and an
            // environment more leaves another one above.
            let waits = |code| matches!(code, "no-port" | "fixed-port" | "shared-port" | "cycle");
            assert!(
                hidden.iter().all(|(code, _)| waits(*code)),
                "{}, line {}: {hidden:?}",
                file.display(),
                at + 1,
            );
        }
    }
}

#[test]
fn many_warnings_do_not_hide_an_error() {
    let settings = |many: usize| {
        (0..many).fold(String::new(), |text, n| text + &format!("    TOKEN_{n}: hunter2hunter2\n"))
    };
    for many in [99, 100, 101, 200] {
        let text = format!(
            "service: a\nowner: b\nrun:\n  command: c\n  env:\n{}zzz: 1\nenvironments: {{x: {{after: y}}}}\n",
            settings(many)
        );
        let reading = read(&text);
        assert!(reading.manifest.is_none());
        let errors = reading.findings.iter().filter(|finding| finding.is_error());
        assert_eq!(errors.count(), 2, "{many}");
        assert_eq!(reading.findings.len(), 101, "{many}");
    }
}

#[test]
fn containers_share_a_port_and_programs_do_not() {
    let codes = |till: &str, shop: &str| {
        let text = format!(
            "owner: a\nservices:\n  till: {{run: {{{till}, port: 80}}}}\n  shop: {{run: {{{shop}, port: 80}}}}\n"
        );
        read(&text).findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("command: a", "command: b"), ["shared-port"]);
    assert!(codes("image: a", "image: b").is_empty());
    assert!(codes("image: a", "command: b").is_empty());
}

#[test]
fn the_schema() {
    let schema = manifest::schema();
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema).unwrap());
}

#[test]
fn a_secret_is_hidden_in_the_excerpts_of_other_findings_too() {
    let text = "service: shop\nowner: a\nrun: {command: ./a, prot: 1, \
                env: {API_TOKEN: ghp_aaaaaaaaaabbbbbbbbbbccccccccccdddddd}}\n";
    let shown = rendered(&read(text));
    assert!(shown.contains("`prot`") && shown.contains("secret-in-file"), "{shown}");
    assert!(!shown.contains("ghp_"), "{shown}");
}
