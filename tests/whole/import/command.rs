//! The command on a small site: the files, the notes, and that nothing is overwritten.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::data;

const FILES: [&str; 5] = [
    "00-server.toml",
    "10-directory.toml",
    "20-farms.toml",
    "30-profiles.toml",
    "40-rules.toml",
];

fn import(files: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .arg("import")
        .args(files.iter().map(|name| data("site").join(name)))
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const BOTH: [&str; 2] = ["x2gobroker-sessionprofiles.conf", "x2gobroker.conf"];

#[test]
fn a_small_site_becomes_the_expected_files_and_notes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/conf.d");
    let output = import(&BOTH, &out);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(&out), FILES);
    for name in FILES {
        let expected = fs::read_to_string(data("expected").join(name)).unwrap_or_default();
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), expected, "{name}");
    }
    let told = String::from_utf8(output.stdout).unwrap();
    let notes = told.split("\n\n").next().unwrap();
    let expected = fs::read_to_string(data("expected/notes.txt")).unwrap_or_default();
    assert_eq!(notes, expected.trim_end(), "{notes}");
    let check = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(["check", "--config"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn what_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("40-rules.toml");
    fs::write(&rules, "# mine\n").unwrap();
    let output = import(&BOTH, folder.path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("40-rules.toml exists"), "{said}");
    assert_eq!(names(folder.path()), ["40-rules.toml"]);
    assert_eq!(fs::read_to_string(rules).unwrap(), "# mine\n");
}

#[test]
fn nothing_is_left_behind_by_an_import_that_fails_half_way() {
    let folder = tempfile::tempdir().unwrap();
    // In the way of the last file that is written.
    fs::create_dir(folder.path().join(".40-rules.toml.import")).unwrap();
    assert_eq!(import(&BOTH, folder.path()).status.code(), Some(1));
    assert_eq!(names(folder.path()), [".40-rules.toml.import"]);
}

#[test]
fn a_site_without_profiles_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("conf.d");
    let output = import(&BOTH[1..], &out);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("x2gobroker.conf: no session profiles"), "{said}");
    assert!(!out.exists());
}
