//! Executes planned jobs: steps, actions, logs; on the host or in containers.

pub mod action;
mod builtin;
pub mod command;
mod container;
mod context;
pub mod event;
mod glob;
pub mod host;
pub mod log;
pub mod mask;
pub mod output;
pub mod process;
pub mod remote;
pub mod secrets;
mod shell;
mod tool;
pub mod workbench;
pub mod worker;
