//! How much a run may become: it is stored whole with every decision.

use model::pipeline::{Progress, Tree, Values};

use super::Turn;

/// The most jobs of a run, with the cells of matrices and the jobs of called workflows.
const MOST_JOBS: usize = 9_000;

/// What outputs, inputs of called workflows, values of matrices and names of groups may take
/// together, in bytes.
const MOST_KEPT: usize = 1 << 20;

/// The longest name of a job, in bytes.
const LONGEST_NAME: usize = 200;

/// The longest reason, in bytes.
const LONGEST_REASON: usize = 500;

impl Turn {
    /// Whether so many jobs more find room.
    pub(super) fn check_number(&self, more: usize) -> Result<(), String> {
        let jobs = self.next.jobs.len() + more;
        if jobs > MOST_JOBS {
            return Err(format!("the run would come to {jobs} jobs, and {MOST_JOBS} are the most"));
        }
        Ok(())
    }

    /// Whether values of so many bytes find room beside those that are kept already.
    pub(super) fn check_size(&self, more: usize) -> Result<(), String> {
        if more == 0 {
            return Ok(());
        }
        let kept = self.next.jobs.iter().map(|job| {
            let cell = job.cell.as_ref().map_or(0, |cell| size_of_values(&cell.values));
            let groups: usize = job.seats.iter().map(|seat| seat.group.len()).sum();
            cell + groups
                + match &job.progress {
                    Progress::Over(result) => size_of_outputs(&result.outputs),
                    Progress::Calling(calling) => size_of_values(&calling.inputs),
                    _ => 0,
                }
        });
        let kept: usize = kept.sum();
        if kept + more > MOST_KEPT {
            return Err(format!(
                "they take {more} bytes, and of the {MOST_KEPT} that a run keeps of all its jobs \
                 {kept} are taken"
            ));
        }
        Ok(())
    }
}

pub(super) fn size_of_outputs(outputs: &[(String, String)]) -> usize {
    outputs.iter().map(|(name, value)| name.len() + value.len()).sum()
}

pub(super) fn size_of_values(values: &Values) -> usize {
    values.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(tree: &Tree) -> usize {
    /// What stands around a value.
    const FRAME: usize = 4;
    FRAME
        + match tree {
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => FRAME,
            Tree::String(text) => text.len(),
            Tree::Array(items) => items.iter().map(size_of).sum(),
            Tree::Object(values) => size_of_values(values),
        }
}

/// A name on one line, and not too long to be shown.
pub(super) fn one_line(name: &str) -> String {
    if name.contains(char::is_control) {
        return cut(name.replace(char::is_control, " ").trim(), LONGEST_NAME);
    }
    cut(name.trim(), LONGEST_NAME)
}

/// A reason that is not too long to be kept.
pub(super) fn shorten(why: &str) -> String {
    cut(why, LONGEST_REASON)
}

fn cut(text: &str, most: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most - ELLIPSIS.len());
    format!("{}{ELLIPSIS}", &text[..end])
}
