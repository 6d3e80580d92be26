//! Concurrency groups among the runs that one push starts.

use std::fs;

use super::Pipeline;

/// Fails as soon as another is in the place at the same time.
const ALONE: &str = r#"
    runs-on: ubuntu-latest
    steps:
      - run: |
          touch "$PLACE/$GITHUB_WORKFLOW"
          for look in $(seq 20); do
            test "$(ls "$PLACE")" = "$GITHUB_WORKFLOW"
            sleep 0.02
          done
          rm "$PLACE/$GITHUB_WORKFLOW"
"#;

#[test]
fn runs_and_jobs_of_several_workflows_enter_a_group_one_after_the_other() {
    let job = format!("jobs:\n  alone:\n    concurrency: {{group: place, queue: max}}{ALONE}");
    let whole = format!("concurrency: {{group: Place, queue: max}}\njobs:\n  alone:{ALONE}");
    let pipeline = Pipeline::with(&[
        (".github/workflows/one.yml", &format!("name: one\non: push\n{job}")),
        (".github/workflows/two.yml", &format!("name: two\non: push\n{job}")),
        (".github/workflows/three.yml", &format!("name: three\non: push\n{whole}")),
    ]);
    let place = pipeline.repository.path.join(".git/place");
    fs::create_dir(&place).unwrap();
    let ran = pipeline.run(&format!("run --env PLACE={}", place.display()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.matches("waits for its turn in the group").count(), 2, "{}", ran.out);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn a_run_that_made_way_has_not_succeeded_and_was_not_interrupted() {
    let text = |name: &str| {
        format!(
            "name: {name}\non: push\nconcurrency: {{group: place, cancel-in-progress: true}}\njobs:\n  \
             a:\n    runs-on: ubuntu-latest\n    steps: [{{run: 'true'}}]\n"
        )
    };
    let pipeline = Pipeline::with(&[
        (".github/workflows/one.yml", &text("one")),
        (".github/workflows/two.yml", &text("two")),
    ]);
    let ran = pipeline.run("run");
    assert!(ran.out.contains("was cancelled"), "{ran:?}");
    assert_eq!(ran.code, Some(1), "{ran:?}");
}
