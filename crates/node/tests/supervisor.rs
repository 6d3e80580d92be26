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
