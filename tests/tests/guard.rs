//! The house rules that no compiler holds: who may depend on whom, who owns what, what the tree looks like,
//! and that the contract only grows. Each rule names the offender and what to do.

mod guard {
    mod documents;
    mod layers;
    mod owns_alone;
    mod packages;
    mod proto_additive;
    mod rpcs;
    mod sources;
    mod tree;
}
