//! How carefully a change goes out, by its risk.

use crate::shape;

use super::{Approvals, Strategy};

shape! {
    /// How carefully a change goes out, by its risk. Each row can be changed in whole or in part;
    /// what an environment says itself wins.
    pub struct Policy {
        /// A change that hurts nobody if it is wrong.
        low: Rule = "{strategy: rolling, approvals: 0}",
        /// A change that some would notice.
        medium: Rule = "{strategy: canary, approvals: 1}",
        /// A change that many would notice.
        high: Rule = "{strategy: blue-green, approvals: {count: 2, including: [stakeholder]}}",
        /// A change that could end the business, or cannot be taken back.
        critical: Rule = "{strategy: staged, approvals: {count: 2, including: [stakeholder, owner]}}",
    }
}

shape! {
    /// What a risk asks for.
    pub struct Rule {
        /// How a release takes over.
        strategy: Strategy = "rolling",
        /// Who must agree.
        approvals: Approvals = "0",
    }
}

shape! {
    /// How much a change can hurt.
    pub enum Risk {
        /// It hurts nobody if it is wrong.
        Low = "low",
        /// Some would notice.
        Medium = "medium",
        /// Many would notice.
        High = "high",
        /// It could end the business, or cannot be taken back.
        Critical = "critical",
    }
}

impl Policy {
    pub fn rule(&self, risk: Risk) -> &Rule {
        match risk {
            Risk::Low => &self.low,
            Risk::Medium => &self.medium,
            Risk::High => &self.high,
            Risk::Critical => &self.critical,
        }
    }
}
