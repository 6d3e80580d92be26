//! What is claimed, held against thousands of rollouts with fixed seeds.

mod simulated {
    mod clusters;
    mod figures;
    mod power;
    mod world;
}
