//! docs/changing-rules.md: every command in it answers what it shows, at the site that the page describes.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::lab::slapd::{self, Slapd};
use crate::rules_guide::sections;

const GUIDE: &str = "docs/changing-rules.md";

fn directory() -> Slapd {
    let group = |name: &str, members: &[&str]| {
        let members: Vec<String> = members.iter().map(|name| slapd::person(name)).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        slapd::group_of_names(name, &members)
    };
    let people = slapd::people(&["alice", "bob", "carol", "dave", "erin"]);
    let groups = group("staff", &["alice", "bob"]) + &group("students", &["carol", "dave", "erin"]);
    Slapd::start(&(people + &groups))
}

/// The answer with the moment at which it was given as the page has it.
fn without_moment(answer: &str) -> String {
    let words = answer.split(' ').collect::<Vec<_>>();
    let is_moment = |word: &str| word.ends_with('Z') && word.contains('T') && word.contains(':');
    let words = words
        .iter()
        .map(|word| if is_moment(word) { "NOW" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_command_answers_what_the_page_shows() {
    let guide = fs::read_to_string(GUIDE).unwrap();
    let mut sections = sections(&guide).into_iter();
    let (_, shared) = sections.next().unwrap();
    let directory = directory();
    let mut tried = 0;
    for (heading, blocks) in sections {
        let folder = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("conf.d/00.toml", &shared[0].text);
        for block in blocks.iter().filter(|block| block.language == "toml") {
            write("new.d/90.toml", &block.text);
        }
        for block in blocks.iter().filter(|block| block.language == "console") {
            let (command, answer) = block.text.split_once('\n').unwrap();
            let arguments = command.strip_prefix("$ x2godirector ").unwrap();
            let url = format!("ldap://127.0.0.1:{}", directory.ldap_port());
            let password = folder.path().join("password");
            fs::write(&password, slapd::SERVICE_PASSWORD).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&password, mode).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
                .current_dir(folder.path())
                .args(arguments.split(' '))
                .env("X2GODIRECTOR__DIRECTORY__LDAP__URLS", url)
                .env("X2GODIRECTOR__DIRECTORY__LDAP__BIND_DN", slapd::SERVICE)
                .env("X2GODIRECTOR__DIRECTORY__LDAP__BIND_PASSWORD_FILE", &password)
                .output()
                .unwrap();
            let told = String::from_utf8(output.stdout).unwrap();
            assert_eq!(without_moment(&told), answer, "{heading}: {:?}", output.stderr);
            tried += 1;
        }
    }
    assert_eq!(tried, 2);
}
