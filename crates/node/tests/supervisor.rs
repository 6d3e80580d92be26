//! The supervisor and its keepers, with real programs.

mod supervisor {
    //! By what is asked of them.

    mod adoption;
    mod bad;
    mod bench;
    mod health;
    mod limits;
    mod logs;
    mod traffic;
}

/// The program beside each instance: this one, started again.
#[test]
#[ignore = "it is started by the other tests"]
fn keeper() {
    node::keeper::main();
}
