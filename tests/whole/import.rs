//! `x2godirector import`: the files it writes, and that they give every user what x2gobroker gave.
//!
//! The second part needs Debian's python3-x2gobroker and python3-pyqt5 for /usr/bin/python3.

mod command;
mod keys;
mod rules;
mod x2gobroker;

use std::path::PathBuf;

use x2godirector::config::{self, Configuration};
use x2godirector::entitlement::Policy;
use x2godirector::import::{self, Source};

/// A file of this test.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/whole/import")
        .join(name)
}

/// The import of these two files, written to a folder and read back as the configuration of the program.
fn imported(profiles: &str, settings: &str) -> Configuration {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let sources = [
        source("profiles.conf", profiles),
        source("settings.conf", settings),
    ];
    let imported = import::import(&sources).unwrap_or_else(|notes| panic!("{notes:?}\n{profiles}"));
    let folder = tempfile::tempdir().unwrap();
    for file in &imported.files {
        std::fs::write(folder.path().join(file.name), &file.text).unwrap();
    }
    config::load(&[folder.path().to_owned()], std::iter::empty()).unwrap_or_else(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}\nfrom\n{profiles}", problems.join("\n"))
    })
}

fn policy(configuration: Configuration) -> Policy {
    configuration.policy
}
