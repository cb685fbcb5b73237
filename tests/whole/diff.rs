//! `diff` as an admin runs it, against a real directory with more users than fit on a page.

mod guide;
mod sources;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::slapd::{self, Slapd};

/// What OpenLDAP must be told, for all pages together have no more entries than one answer otherwise.
const UNLIMITED: &str = "limits users size.prtotal=unlimited\n";
/// More than two pages of 500.
const USERS: usize = 1_203;
const STUDENTS: usize = 400;

const RULES: &str = r#"
[rule.students]
groups = ["students"]
profiles = ["xfce"]
[rule.staff]
groups = ["staff"]
profiles = ["xfce", "office"]
[rule.exam]
users = ["u1199"]
profiles = ["exam"]
"#;

struct Site {
    folder: TempDir,
    directory: Slapd,
}

impl Site {
    fn start(users: usize, lines: &str) -> Self {
        let names: Vec<String> = (0..users).map(|at| format!("u{at:04}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let members = |some: &[&str]| some.iter().map(|name| slapd::person(name)).collect::<Vec<_>>();
        let students = members(&names[..STUDENTS.min(users / 2)]);
        let staff = members(&names[users - 2..]);
        let group = |name: &str, members: &[String]| {
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            slapd::group_of_names(name, &members)
        };
        let mut ldif = slapd::people(&names);
        ldif += &group("students", &students);
        ldif += &group("staff", &staff);
        Self {
            folder: TempDir::new().unwrap(),
            directory: Slapd::start_with(&ldif, lines),
        }
    }

    /// Writes a configuration with these rules, and whatever else.
    fn configure(&self, name: &str, more: &str) {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("password"), slapd::SERVICE_PASSWORD).unwrap();
        let mut mode = fs::metadata(folder.join("password")).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
        fs::set_permissions(folder.join("password"), mode).unwrap();
        let text = format!(
            "[directory.ldap]
urls = [\"ldap://127.0.0.1:{}\"]
bind_dn = \"{}\"
bind_password_file = \"password\"
base_dn = \"{}\"
search_connections = 1
[farm.main.hosts.ts01]
[profile_defaults]
farm = \"main\"
command = \"XFCE\"
[profile.xfce]
name = \"XFCE\"
[profile.office]
name = \"Office\"
[profile.exam]
name = \"Exam\"
{more}",
            self.directory.ldap_port(),
            slapd::SERVICE,
            slapd::BASE
        );
        fs::write(folder.join("conf.toml"), text).unwrap();
    }

    fn diff(&self, arguments: &[&str]) -> Output {
        command(self.folder.path(), arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.diff(&[arguments, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_x2godirector"));
    command.current_dir(folder).arg("diff").args(arguments);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// One `change` of that `profile` in the JSON, and the names of its users.
fn change<'a>(json: &'a Value, profile: &str, kind: &str) -> (&'a Value, Vec<&'a str>) {
    let changes = json["changes"].as_array().unwrap();
    let mut fitting = changes
        .iter()
        .filter(|change| change["profile"] == profile && change["change"] == kind);
    let change = fitting.next().unwrap_or_else(|| panic!("{json:#}"));
    assert!(fitting.next().is_none(), "{json:#}");
    let users = change["users"].as_array().unwrap();
    (
        change,
        users.iter().map(|user| user["user"].as_str().unwrap()).collect(),
    )
}

#[test]
fn everybody_is_compared_in_every_situation() {
    let site = Site::start(USERS, UNLIMITED);
    site.configure("old", RULES);
    site.configure(
        "new",
        &RULES.replace(
            "[rule.exam]",
            "[rule.lab]\ngroups = [\"students\"]\nclients = [\"10.20.0.0/16\"]\n\
             hours = \"Mon-Fri 07:00-20:00 Europe/Berlin\"\nprofiles = [\"office\"]\n[rule.exam]\ndeny = true",
        ),
    );

    let same = site.diff(&["old", "old"]);
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    assert_eq!(
        text(&same.stdout),
        "Compared 1203 users, each in 1 situation (1 kind of place × 1 kind of time).\nNothing changes for them.\n"
    );

    let output = site.diff(&["old", "new", "--all"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let told = text(&output.stdout);
    let begin = "Compared 1203 users, each in 6 situations (3 kinds of place × 2 kinds of time).\n\
                 2 changes: something changes for 401 users.\n\nGained\n  office: 400 users, from 10.20.0.0/16, within \
                 Mon-Fri 07:00-20:00 Europe/Berlin\n      u";
    assert!(told.starts_with(begin), "{told}");
    assert!(
        told.ends_with("\n\nLost\n  exam: 1 user\n      u1199\n"),
        "{told}"
    );
    for at in 0..STUDENTS {
        assert_eq!(told.matches(&format!("u{at:04}")).count(), 1, "u{at:04}");
    }

    let json = site.json(&["old", "new"]);
    assert_eq!(json["complete"], true);
    assert_eq!(
        (&json["users"], &json["changed_users"]),
        (&1203.into(), &401.into())
    );
    let (office, mut users) = change(&json, "office", "gained");
    assert_eq!(office["count"], 400);
    assert_eq!(
        office["when"],
        serde_json::json!(["from 10.20.0.0/16, within Mon-Fri 07:00-20:00 Europe/Berlin"])
    );
    users.sort_unstable();
    assert_eq!((users.len(), users[0], users[399]), (400, "u0000", "u0399"));
    assert_eq!(change(&json, "exam", "lost").1, ["u1199"]);
}

/// What `diff` writes at a terminal, which script(1) gives it.
fn at_a_terminal(folder: &Path, arguments: &str) -> String {
    let program = env!("CARGO_BIN_EXE_x2godirector");
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{program} diff {arguments} >/dev/null"))
        .arg("/dev/null")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout)
}

#[test]
fn a_bar_shows_how_far_it_is() {
    let site = Site::start(1_003, UNLIMITED);
    site.configure("same", RULES);
    let shown = at_a_terminal(site.folder.path(), "same same");
    let full = "#".repeat(30);
    assert!(
        shown.contains(&format!("[{full}] 1003 of about 1003 users")),
        "{shown:?}"
    );
    assert!(shown.contains(" 8 of about 1003 users"), "{shown:?}");
    assert!(shown.ends_with("\r\u{1b}[K"), "it is gone in the end: {shown:?}");

    fs::write(site.folder.path().join("list"), "u0001\n# nobody\nu0002\n").unwrap();
    let shown = at_a_terminal(site.folder.path(), "same same --users list");
    assert!(
        shown.contains(&format!("[{full}] 2 of about 2 users")),
        "{shown:?}"
    );
    let shown = at_a_terminal(site.folder.path(), "same same --users - </dev/null");
    assert!(!shown.contains("of about"), "{shown:?}");
}

#[test]
fn a_list_of_users_is_enough() {
    let site = Site::start(10, "");
    site.configure("old", RULES);
    site.configure("new", &RULES.replace("[\"xfce\", \"office\"]", "[\"office\"]"));
    fs::write(site.folder.path().join("list"), "# the staff\nU0009\n\n u0001 \n").unwrap();
    let json = site.json(&["old", "new", "--users", "list"]);
    assert_eq!(json["users"], 2);
    assert_eq!(change(&json, "xfce", "lost").1, ["u0009"]);

    let mut child = command(site.folder.path(), &["old", "new", "--users", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"u0001\nu0002").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    fs::write(site.folder.path().join("list"), "u0001\nu0\n").unwrap();
    let output = site.diff(&["old", "new", "--users", "list"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stdout);
    assert!(
        told.contains("NOT COMPARED: 1 user.\n  u0: the directory does not have that name"),
        "{told}"
    );
    assert!(text(&output.stderr).contains("what is printed is not all"));
}

#[test]
fn keys_are_told_as_each_user_gets_them() {
    let site = Site::start(4, "");
    site.configure("old", &format!("{RULES}\nset = {{ command = \"${{attr:sn}}\" }}\n[rule.all]\neveryone = true\nset = {{ export = \"${{home}}/a:1;\", speed = 2 }}\nprofiles = [\"xfce\"]"));
    site.configure("new", &format!("{RULES}\n[rule.all]\neveryone = true\nset = {{ export = \"${{home}}/b:1;\", speed = 4 }}\nprofiles = [\"xfce\"]"));
    let output = site.diff(&["old", "new"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stdout);
    let mut expected = "Compared 4 users, each in 1 situation (1 kind of place × 1 kind of time).\n\
                        2 changes: something changes for 4 users.\n\nChanged\n"
        .to_owned();
    writeln!(
        expected,
        "  xfce: export: \"${{home}}/a:1;\" → \"${{home}}/b:1;\": 4 users"
    )
    .unwrap();
    for at in 0..4 {
        let comma = if at == 3 { "" } else { "," };
        let home = format!("/home/u000{at}");
        writeln!(
            expected,
            "      u000{at} (\"{home}/a:1;\" → \"{home}/b:1;\"){comma}"
        )
        .unwrap();
    }
    expected += "  xfce: speed: 2 → 4: 4 users\n      u0000, u0001, u0002, u0003\n";
    assert_eq!(told, expected);
    let json = site.json(&["old", "new"]);
    let changes = json["changes"].as_array().unwrap();
    assert_eq!(
        (&changes[0]["key"], &changes[0]["old"]),
        (&"export".into(), &"${home}/a:1;".into())
    );
    assert_eq!(
        changes[0]["users"][2],
        serde_json::json!({"user": "u0002", "old": "/home/u0002/a:1;", "new": "/home/u0002/b:1;"})
    );
    assert_eq!((&changes[1]["old"], &changes[1]["new"]), (&2.into(), &4.into()));
    assert_eq!(changes[1]["users"][0], serde_json::json!({"user": "u0000"}));
}

/// What only OLD asks about is read, too, and of two different directories NEW's is.
#[test]
fn the_directory_of_new_counts_for_both() {
    let site = Site::start(4, "");
    let by_sn =
        "[rule.sn]\nattributes = { sn = \"u000[ab]\" }\nprofiles = [\"office\"]".replace("u000[ab]", "u0001");
    site.configure("old", &format!("{RULES}{by_sn}"));
    site.configure("new", RULES);
    let json = site.json(&["old", "new"]);
    assert_eq!(change(&json, "office", "lost").1, ["u0001"]);
    assert_eq!(json["directory_differences"], serde_json::json!([]));

    site.configure("elsewhere", RULES);
    fs::write(
        site.folder.path().join("elsewhere/directory.toml"),
        "[directory.ldap]\ngroup_base = \"ou=none,dc=example,dc=org\"\n",
    )
    .unwrap();
    let output = site.diff(&["elsewhere", "new"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = "OLD has another [directory.ldap] than NEW (group_base); users and groups are read as NEW says, for both";
    assert!(text(&output.stderr).contains(note), "{output:?}");
    assert!(text(&output.stdout).contains("OLD has another [directory.ldap] (group_base)"));
}

#[test]
fn several_folders_make_one_configuration() {
    let site = Site::start(4, "");
    site.configure("old", RULES);
    fs::create_dir(site.folder.path().join("more")).unwrap();
    let more = "[rule.students]\nprofiles = [\"exam\"]\n";
    fs::write(site.folder.path().join("more/90.toml"), more).unwrap();
    let json = site.json(&["old", "old:more"]);
    assert_eq!(change(&json, "exam", "gained").1, ["u0000", "u0001"]);
    assert_eq!(change(&json, "xfce", "lost").1, ["u0000", "u0001"]);
}

#[test]
fn what_is_not_complete_is_trouble() {
    let mut site = Site::start(800, "limits users size.prtotal=700\n");
    site.configure("old", RULES);
    let cut = site.diff(&["old", "old"]);
    assert_eq!(cut.status.code(), Some(2), "{cut:?}");
    assert!(
        text(&cut.stderr).contains("search for all users: code 4"),
        "{cut:?}"
    );
    assert_eq!(text(&cut.stdout), "");

    site.configure("broken", "[rule.students]\ngroups = []\n");
    let broken = site.diff(&["old", "broken"]);
    assert_eq!(broken.status.code(), Some(2), "{broken:?}");
    assert!(text(&broken.stderr).contains("`groups` is empty"), "{broken:?}");
    assert!(text(&broken.stderr).contains("NEW cannot be compared"));
    assert_eq!(site.diff(&["old"]).status.code(), Some(64));
    assert_eq!(
        site.diff(&["old", "old", "--users", "no-file"]).status.code(),
        Some(2)
    );

    // A group that cannot be named could be one that a rule denies: whoever is in it is not compared.
    site.directory.add(&format!(
        "dn: cn=a\\0Ab,{}\nobjectClass: groupOfNames\ncn:: YQpi\nmember: {}\n",
        slapd::GROUPS,
        slapd::person("u0003")
    ));
    fs::write(site.folder.path().join("list"), "u0003\nu0004\n").unwrap();
    let partly = site.diff(&["old", "old", "--users", "list"]);
    assert_eq!(partly.status.code(), Some(2), "{partly:?}");
    assert!(text(&partly.stdout).contains("Compared 1 user,"), "{partly:?}");
    assert!(
        text(&partly.stdout).contains("  u0003: directory unavailable: group search"),
        "{partly:?}"
    );

    site.directory.kill();
    assert_eq!(site.diff(&["old", "old"]).status.code(), Some(2));
}
