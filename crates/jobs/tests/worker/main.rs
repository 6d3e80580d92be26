//! The worker, order by order: real shells, real git, real Node.js, a real depot.

mod actions;
mod artifacts;
mod background;
mod breakpoint;
mod caches;
mod checkout;
mod confined;
mod contexts;
mod ending;
mod hash_files;
mod resume;
mod scripts;
mod secrets;
mod setup;
mod steps;
mod support;
