//! The files of `conf.d/` that packages install are the reference of all keys, and a man page is made of them: each key
//! that the reader asks for stands in them, and nothing else does.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::load;
use super::section::ASKED;
use crate::model::session_key;

/// Sections that the installed files have as comments only, so that their keys are asked for.
const MORE: &str = r#"
[notices.message.example]
text = "example"
[rule.example]
everyone = true
profiles = ["xfce"]
set = { fullscreen = true }
"#;

/// Keys that stand elsewhere: a service file in another place than /etc/pam.d, which tests have (docs/pam.md), and what
/// a rule may `set`, which are the keys of profiles.
const UNTOLD: [(&str, &str); 2] = [("authentication", "service_folder"), ("rule", "icon_file")];

/// The first word of a section's name: what belongs together stands in one file.
fn kind(section: &str) -> &str {
    section
        .trim_start_matches('[')
        .split(['.', ']'])
        .next()
        .unwrap_or(section)
}

/// One of the files, as text.
struct File {
    text: String,
}

impl File {
    /// Its lines, commented out or not.
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(|line| line.trim_start_matches(['#', ' ']))
    }

    /// The kinds of its sections.
    fn kinds(&self) -> BTreeSet<&str> {
        let headers = self
            .lines()
            .filter(|line| line.starts_with('[') && !line.contains('='));
        headers.map(kind).collect()
    }

    /// Whether it speaks of the key.
    fn tells(&self, key: &str) -> bool {
        let of_key = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.text.split(|c: char| !of_key(c)).any(|word| word == key)
    }

    /// The keys that it sets, if only as an example.
    fn sets(&self) -> impl Iterator<Item = &str> {
        let of_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        self.lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(key, _)| key)
            .filter(move |key| key.chars().all(of_key))
    }
}

#[test]
fn the_installed_files_have_every_key() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("90-more.toml"), MORE).unwrap();
    let folders = [PathBuf::from("conf.d"), folder.path().to_owned()];
    ASKED.take();
    load(&folders, std::iter::empty()).unwrap();
    let asked = ASKED.take();
    let is_section = |section: &str, key: &str| {
        let whole = format!("{section}.{key}");
        asked.iter().any(|(section, _)| section.starts_with(&whole))
    };
    let known: BTreeSet<(&str, &str)> = asked
        .iter()
        .filter(|(section, key)| !section.is_empty() && !is_section(section, key))
        .map(|(section, key)| (kind(section), *key))
        .collect();
    assert!(known.len() > 80, "{known:?}");
    let files: Vec<File> = fs::read_dir("conf.d")
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .map(|text| File { text })
        .collect();
    let untold: Vec<_> = known
        .iter()
        .filter(|(kind, key)| {
            !files
                .iter()
                .any(|file| file.kinds().contains(kind) && file.tells(key))
        })
        .filter(|known| !UNTOLD.contains(known))
        .collect();
    assert!(
        untold.is_empty(),
        "the reader knows, and conf.d/ does not tell: {untold:?}"
    );
    for file in &files {
        let kinds = file.kinds();
        let of_file: BTreeSet<_> = known
            .iter()
            .filter(|(kind, _)| kinds.contains(kind))
            .map(|(_, key)| *key)
            .collect();
        let unknown: Vec<_> = file
            .sets()
            .filter(|key| !of_file.contains(key) && session_key::find(key).is_none())
            // A table may be written as one value, too.
            .filter(|key| !asked.iter().any(|(_, asked)| asked == key))
            .collect();
        assert!(
            unknown.is_empty(),
            "conf.d/ tells of {kinds:?}, and the reader does not know: {unknown:?}"
        );
    }
}
