//! The embedded depot: what every depot promises, and what only a folder can suffer.

mod depot {
    mod given;

    mod suite {
        ports::depot_suite!(async { super::given::Fresh::new() });
    }
}
