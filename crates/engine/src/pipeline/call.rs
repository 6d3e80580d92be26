//! Called workflows: what goes in, and what comes out.

use model::pipeline::{
    Call, Calling, Conclusion, Input, InputKind, JobResult, JobSheet, Progress, Sheet, Tree, Values,
};
use serde_json::json;

use super::Turn;
use super::contexts::Names;
use super::limits::{size_of_outputs, size_of_values};

impl Turn {
    /// Begins the jobs of a called workflow, unless they have to wait for their turn.
    pub(super) fn call(
        &mut self,
        index: usize,
        job: &JobSheet,
        call: &Call,
        names: &Names,
    ) -> Result<(), String> {
        let called = &call.sheet;
        self.check_number(called.jobs.len())?;
        let mut inputs = Values::new();
        for input in &called.interface.inputs {
            let given = call.with.iter().find(|(name, _)| name.eq_ignore_ascii_case(&input.name));
            inputs.insert(input.name.clone(), value(input, given.map(|(_, tree)| tree), names)?);
        }
        self.check_size(size_of_values(&inputs)).map_err(|why| format!("its inputs: {why}"))?;
        // The called workflow as a whole may be in a group as well, named by what it sees.
        let within = self.names_of_called(inputs.clone());
        let own = job.concurrency.as_ref().map(|concurrency| (concurrency, names));
        let all = called.concurrency.as_ref().map(|concurrency| (concurrency, &within));
        if !self.enters_groups(index, own.into_iter().chain(all))? {
            return Ok(());
        }
        let first = self.next.jobs.len();
        self.next.jobs[index].edit().progress = Progress::Calling(Calling { first, inputs });
        self.unfold(called, Some(index));
        // One without any jobs is over at once.
        self.due.insert(index);
        Ok(())
    }

    /// Ends a call whose jobs are all over.
    pub(super) fn end_call(&mut self, index: usize, called: &Sheet, conclusion: Conclusion) {
        let names = self.names_within(index);
        let outputs = called.interface.outputs.iter().map(|(name, template)| {
            Ok((name.clone(), names.text(&format!("outputs.{name}"), template)?))
        });
        let outputs = outputs.collect::<Result<Vec<_>, String>>().and_then(|outputs| {
            let room = self.check_size(size_of_outputs(&outputs));
            room.map(|()| outputs).map_err(|why| format!("its outputs: {why}"))
        });
        match outputs {
            Ok(outputs) => {
                self.finish(index, JobResult { outputs, ..JobResult::without(conclusion, None) });
            }
            Err(why) => self.fail(index, why),
        }
    }
}

/// An input as the called workflow sees it: of the kind that it says.
fn value(input: &Input, given: Option<&Tree>, names: &Names) -> Result<Tree, String> {
    let place = format!("with.{}", input.name);
    let tree = match given.or(input.default.as_ref()) {
        Some(tree) => tree,
        None if input.required => {
            return Err(format!("the called workflow wants `{place}`, which is not given"));
        }
        None => return Ok(empty(input.kind)),
    };
    match input.kind {
        InputKind::Boolean => Ok(json!(names.truth(&place, Some(tree))?)),
        // As it was written, so that a whole number stays one.
        InputKind::Number => {
            names.number(&place, Some(tree)).and_then(|_| names.json(&place, tree))
        }
        InputKind::String | InputKind::Choice | InputKind::Environment => {
            Ok(json!(names.one_text(&place, tree)?))
        }
    }
}

/// What an input is that nobody gave.
fn empty(kind: InputKind) -> Tree {
    match kind {
        InputKind::Boolean => json!(false),
        InputKind::Number => json!(0),
        InputKind::String | InputKind::Choice | InputKind::Environment => json!(""),
    }
}
