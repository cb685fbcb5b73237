//! What the program says that it is: the number of Cargo.toml, and the commit if the build was told.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_version_is_that_of_the_package_and_names_the_commit_of_the_build() {
    // The tests are built with the program, in the same environment.
    let commit = option_env!("X2GODIRECTOR_COMMIT").filter(|commit| !commit.is_empty());
    let behind = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
    let expected = format!("x2godirector {}{behind}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            said.replace("x2godirector-serve", "x2godirector"),
            expected,
            "{arguments:?}"
        );
    }
}

#[test]
fn every_place_that_names_the_version_names_that_of_the_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let version = env!("CARGO_PKG_VERSION");
    let changes = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(newest.split([' ', ',']).next() == Some(version), "{newest}");
    let packaged = fs::read_to_string(root.join("debian/changelog")).unwrap();
    let newest = packaged.split(['(', ')']).nth(1).unwrap();
    assert!(newest.split(['+', '~']).next() == Some(version), "{newest}");
}
