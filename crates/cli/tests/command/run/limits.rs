//! Limits of what a job may use.

use super::Pipeline;

fn job(script: &str) -> Pipeline {
    Pipeline::new(&format!(
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {script}\n"
    ))
}

#[test]
fn a_job_does_not_get_more_memory_than_it_may_have() {
    let pipeline = job("head -c 300m /dev/zero | tail | wc -c");
    let ran = pipeline.run("run --memory 2GiB");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let pipeline = job("head -c 300m /dev/zero | tail > /dev/null");
    let ran = pipeline.run("run --memory 64MiB");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let is_told = ran.err.is_empty() || ran.err.starts_with("note: --memory holds for each");
    assert!(is_told, "{}", ran.err);
}

#[test]
fn a_job_that_fills_the_disk_is_ended() {
    let pipeline = job("head -c 50m /dev/zero > big; sleep 7433");
    let ran = pipeline.run("run --disk 5MiB");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("take more than the 5 MiB"), "{}", ran.out);
}

#[test]
fn processors_are_limited_or_it_is_told_that_they_are_not() {
    let pipeline = job("'true'");
    let ran = pipeline.run("run --cpus 0.5");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let is_told = ran.err.is_empty() || ran.err.starts_with("note: --cpus does not hold: ");
    assert!(is_told, "{}", ran.err);
    for (line, hint) in [("--memory 2G", "write `2GiB`"), ("--cpus 0", "write `2`, `0.5` or")] {
        let ran = pipeline.run(&format!("run {line}"));
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn too_large_a_matrix_is_told_where_it_is() {
    let numbers = (0..257).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let pipeline = Pipeline::new(&format!(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    strategy:\n      matrix:\n        n: \
         [{numbers}]\n    steps: [{{run: 'true'}}]\n"
    ));
    let ran = pipeline.run("run");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let checked = pipeline.run("check");
    let place = |text: &str| text.lines().find(|line| line.contains("ci.yml:")).map(str::to_owned);
    assert!(place(&ran.out).is_some_and(|place| place.contains("ci.yml:7:")), "{ran:?}");
    assert_eq!(place(&ran.out), place(&checked.out));
}
