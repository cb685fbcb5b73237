//! The `x2godirector` program.

fn main() {}
