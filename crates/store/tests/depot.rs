//! The embedded depot: what every depot promises, and what only a folder can suffer.

mod depot {
    mod carry;
    mod damage;
    mod disk;
    mod given;
    mod kills;
    mod large;
    mod opening;
    mod processes;

    mod suite {
        ports::depot_suite!(async { super::given::Fresh::new() });
    }
}
