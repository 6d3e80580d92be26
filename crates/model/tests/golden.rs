//! What released versions wrote is read for ever. A golden file is never changed: a new version of
//! a state or a fact adds a file.

use std::collections::BTreeSet;

use model::fact::What;
use model::persisted::Persisted;
use model::pipeline::Group;
use model::rollout::Rollout;

#[test]
fn rollouts_of_version_1_load() {
    let golden = include_str!("golden/rollout-v1.ndjson");
    assert_eq!(golden.lines().count(), 9, "one line for each phase, and a paused one");
    for line in golden.lines() {
        let rollout = Rollout::load(line).unwrap_or_else(|error| panic!("{error:?}: {line}"));
        assert_eq!(Rollout::load(&rollout.save()).unwrap(), rollout);
        // As long as version 1 is the newest, it is also what is written.
        assert_eq!(rollout.save(), line);
    }
}

#[test]
fn concurrency_groups_of_version_1_load() {
    let golden = include_str!("golden/group-v1.ndjson");
    for line in golden.lines() {
        let group = Group::load(line).unwrap_or_else(|error| panic!("{error:?}: {line}"));
        assert_eq!(group.save(), line);
    }
    // Who asks for a group by its name must find the one that an older version began.
    let id = Group::id(&"shop".parse().unwrap(), "DEPLOY");
    assert_eq!(id.to_string(), "grp_0000000000ex380y0g03ybh3kp");
}

#[test]
fn facts_of_schema_1_load() {
    let golden = include_str!("golden/facts-v1.ndjson");
    let mut kinds = BTreeSet::new();
    for line in golden.lines() {
        let (kind, body) = line.split_once(' ').expect("a kind and a body");
        let what = What::read(kind, body).unwrap_or_else(|error| panic!("{error:?}: {line}"));
        assert_eq!(what.body(), body);
        assert!(!what.sentence().is_empty());
        kinds.insert(kind);
    }
    assert_eq!(kinds, What::KINDS.iter().copied().collect(), "one of each kind at least");
}

#[test]
fn states_that_make_no_sense_do_not_load() {
    let good = include_str!("golden/rollout-v1.ndjson").lines().next().unwrap();
    for bad in [
        String::new(),
        "{}".to_owned(),
        good.replacen("v1", "v999", 1),
        good.replace("\"instances\":4", "\"instances\":0"),
        good.replace("\"weight\":10000", "\"weight\":9999"),
        good.replace("rol_", "rel_"),
    ] {
        assert!(Rollout::load(&bad).is_err(), "{bad}");
    }
}
