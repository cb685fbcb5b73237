//! Which program this is. The number stands in Cargo.toml; debian/rules holds debian/changelog to it.

use std::sync::LazyLock;

/// The number of the version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from, where whoever built it said so. It comes from the environment of the
/// build, not from the folder of the source, so that a package built from an archive has it too.
pub const COMMIT: Option<&str> = match option_env!("X2GODIRECTOR_COMMIT") {
    Some(commit) if !commit.is_empty() => Some(commit),
    _ => None,
};

static DESCRIPTION: LazyLock<String> = LazyLock::new(|| describe(VERSION, COMMIT));

/// The version for people, with its commit if it is known: `1.2.3 (0f1e2d3c4b5a)`.
pub fn version() -> &'static str {
    &DESCRIPTION
}

fn describe(version: &str, commit: Option<&str>) -> String {
    commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_named_where_it_is_known() {
        assert_eq!(describe("1.2.3", None), "1.2.3");
        assert_eq!(describe("1.2.3", Some("0f1e2d3c4b5a")), "1.2.3 (0f1e2d3c4b5a)");
    }
}
