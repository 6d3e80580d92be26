//! The store in PostgreSQL against a real server: what every store promises, and what is asked of
//! this one alone.

mod postgres {
    mod given;
    mod lifetime;
    mod refusals;
    mod sharing;

    mod suite {
        ports::store_suite!(super::given::fresh());
    }
}
