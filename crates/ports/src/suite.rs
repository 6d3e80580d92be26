//! The conformance suites: what every adapter of a port must do, whatever is behind it.
