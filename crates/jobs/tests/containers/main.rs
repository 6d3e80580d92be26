//! Jobs in containers, with services, and with docker actions: on a real Podman, where there is
//! one.

mod actions;
mod engine;
mod jobs;
mod services;
#[path = "../worker/support.rs"]
#[expect(dead_code, reason = "the rest of it is for the tests of other jobs")]
mod support;
