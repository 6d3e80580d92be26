//! The embedded vault on every store: what each vault promises, who can open it, what can be found
//! at rest, and keys that are replaced while everything goes on.

mod vault {
    mod at_rest;
    mod given;
    mod interrupted;
    mod keys;
    mod limits;
    mod races;
    mod tampering;
    mod uses;

    mod in_memory {
        ports::vault_suite!(async { super::given::in_memory() });
    }

    mod in_sqlite {
        ports::vault_suite!(async { super::given::in_sqlite() });
    }

    mod in_postgres {
        ports::vault_suite!(super::given::in_postgres());
    }
}
