//! `diff` where users are not, or not only, those of a directory.

use std::fs;
use std::path::Path;

use super::{Site, change, command, text};
use crate::lab::pam::ThrowAwayUser;

const PROFILES: &str = "
[farm.main.hosts.ts01]
[profile_defaults]
farm = \"main\"
[profile.xfce]
name = \"XFCE\"
[profile.office]
name = \"Office of ${user}\"
";

/// Folders OLD and NEW beside a list of users.
struct Pair(tempfile::TempDir);

impl Pair {
    fn new(old: &str, new: &str, list: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("old", old), ("new", new)] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("conf.toml"), text).unwrap();
        }
        fs::write(folder.path().join("list"), list).unwrap();
        Self(folder)
    }

    /// The exit code, what it says, and the JSON if there is any.
    fn diff(&self, arguments: &[&str]) -> (Option<i32>, String, serde_json::Value) {
        json_of(self.0.path(), arguments)
    }
}

fn json_of(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, serde_json::Value) {
    let arguments = [&["old", "new", "--format", "json"], arguments].concat();
    let output = command(folder, &arguments).output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), text(&output.stderr), json)
}

fn rules(group: &str, profile: &str) -> String {
    format!("[rule.them]\ngroups = [\"{group}\"]\nprofiles = [\"{profile}\"]\n")
}

#[test]
fn users_of_this_host_are_compared_by_a_list() {
    let user = ThrowAwayUser::new("any");
    let host = format!("[directory]\nsource = \"nss\"\n{PROFILES}");
    let pair = Pair::new(
        &(host.clone() + &rules(&user.group, "xfce")),
        &(host + &rules(&user.group, "office")),
        &format!("{}\n", user.name),
    );
    let (code, said, json) = pair.diff(&["--users", "list"]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert_eq!(json["users"], 1);
    assert_eq!(change(&json, "office", "gained").1, [&user.name]);
    assert_eq!(change(&json, "xfce", "lost").1, [&user.name]);

    for arguments in [&["--all"][..], &[]] {
        let (code, said, _) = pair.diff(arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("nothing lists all of them"), "{said}");
        assert!(said.contains("--users FILE"), "{said}");
    }

    fs::write(pair.0.path().join("list"), "root\nno-such-user\n").unwrap();
    let (code, _, json) = pair.diff(&["--users", "list"]);
    assert_eq!(code, Some(2));
    let why: Vec<_> = json["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["why"])
        .collect();
    assert_eq!(
        why,
        [
            "its uid is 0, and min_uid is 1000",
            "this host has no user of that name"
        ]
    );
}

#[test]
fn names_that_nobody_proves_are_taken_from_the_list() {
    let by_name = |profile| {
        format!(
            "[authentication]\nmethods = [\"none\"]\n{PROFILES}[rule.them]\nusers = [\"alice\"]\n\
             clients = [\"10.0.0.0/8\"]\nprofiles = [\"{profile}\"]\n"
        )
    };
    let pair = Pair::new(&by_name("xfce"), &by_name("office"), "Alice\nbob\n");
    let (code, said, json) = pair.diff(&["--users", "list"]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert_eq!(json["users"], 2);
    assert_eq!(change(&json, "office", "gained").1, ["alice"]);
    let (code, said, _) = pair.diff(&["--all"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("NEW takes every name"), "{said}");
}

#[test]
fn whom_the_directory_does_not_have_is_looked_for_on_this_host() {
    let user = ThrowAwayUser::new("any");
    let site = Site::start(4, "");
    let chain = "[authentication]\nmethods = [\"ldap\", \"pam\"]\n";
    let groups = |profile| {
        format!(
            "[rule.them]\ngroups = [\"students\", \"{}\"]\nprofiles = [\"{profile}\"]\n",
            user.group
        )
    };
    site.configure("old", &groups("xfce"));
    site.configure("new", &format!("{}{chain}", groups("office")));
    let list = format!("u0000\n{}\n", user.name);
    fs::write(site.folder.path().join("list"), list).unwrap();
    let (code, said, json) = json_of(site.folder.path(), &["--users", "list"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("OLD's users are those of the directory, NEW's those of the directory and this host"),
        "{said}"
    );
    assert_eq!(change(&json, "office", "gained").1, ["u0000", &user.name]);

    let (code, said, json) = json_of(site.folder.path(), &["--all"]);
    assert_eq!((code, &json["users"]), (Some(1), &4.into()), "{said}");
    assert!(
        said.contains("those of this host are not listed by anything"),
        "{said}"
    );
}
