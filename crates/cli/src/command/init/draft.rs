//! The text of the `highroad.yaml` that `highroad init` writes.

use crate::repository::Survey;

pub(super) fn text(survey: &Survey) -> String {
    format!("services: {}\n", survey.services.len())
}
