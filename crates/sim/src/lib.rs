//! A simulated world with its own clock, scenario scripts, crash tests.
