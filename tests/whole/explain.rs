//! `explain` as an admin runs it, for people who need not exist.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const CONFIGURATION: &str = r#"
[directory.ldap]
urls = ["ldap://localhost"]
base_dn = "dc=example,dc=org"
[farm.students.hosts.ts01]
[profile_defaults]
farm = "students"
[profile.base]
name = "Base"
command = "XFCE"
speed = 2
[profile.day]
name = "${group:team-*}/Day"
extends = "base"
speed = 4
icon_file = "icons/day.png"
[profile.evening]
name = "Evening"
extends = "day"
[profile.department]
name = "Department"
[rule.day]
groups = ["staff"]
hours = "Mon-Fri 07:00-20:00 Europe/Berlin"
profiles = ["day"]
[rule.evening]
all_groups = ["staff", "night-shift"]
hours = ["Mon-Thu 20:00-06:00 Europe/Berlin", "Fri 20:00-24:00 Europe/Berlin"]
profiles = ["evening"]
[rule.department]
attributes = { departmentNumber = ["42", "43"], Title = "prof*" }
profiles = ["department"]
"#;

/// A Monday in Berlin.
const MORNING: &str = "2026-03-02T09:00:00+01:00";
const EVENING: &str = "2026-03-02T21:00:00+01:00";

fn configured() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("icons")).unwrap();
    fs::write(folder.path().join("icons/day.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    fs::write(folder.path().join("conf.toml"), CONFIGURATION).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(["explain", "alice", "--config"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn explained(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[&["--format", "json"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn offers(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let explained = explained(folder, arguments);
    let offers = explained["offers"].as_array().unwrap();
    offers.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn because(explained: &Value, rule: &str) -> String {
    let rules = explained["rules"].as_array().unwrap();
    let rule = rules.iter().find(|told| told["name"] == rule).unwrap();
    rule["because"].to_string()
}

#[test]
fn the_time_is_an_argument() {
    let folder = configured();
    let at = |time| {
        explained(
            folder.path(),
            &["--groups", "staff,night-shift,team-blue", "--at", time],
        )
    };
    let morning = at(MORNING);
    assert_eq!(morning["offers"], serde_json::json!(["day"]));
    assert_eq!(morning["at"], "2026-03-02T08:00:00Z");
    assert!(because(&morning, "day").contains("within Mon-Fri 07:00-20:00 Europe/Berlin (it is Mon 09:00"));
    assert!(because(&morning, "evening").contains("outside its hours"));
    let evening = at(EVENING);
    assert_eq!(evening["offers"], serde_json::json!(["evening"]));
    assert!(because(&evening, "day").contains("it is Mon 21:00 in Europe/Berlin"));
    assert!(
        !run(folder.path(), &["--groups", "staff", "--at", "21:00"])
            .status
            .success()
    );
}

#[test]
fn profiles_inherit_and_name_the_one_group() {
    let folder = configured();
    let explained = explained(
        folder.path(),
        &["--groups", "staff,team-blue", "--at", MORNING, "--profile", "day"],
    );
    let keys = &explained["profiles"][0]["keys"];
    assert_eq!(keys["name"]["value"], "team-blue/Day");
    assert_eq!(keys["command"]["value"], "XFCE");
    assert_eq!(keys["speed"]["value"], 4);
    assert_eq!(keys["icon"]["value"], "iVBORw0KGgo=");
    let two = ["--groups", "staff,team-blue,team-red", "--at", MORNING];
    assert!(offers(folder.path(), &two).is_empty());
    let told = run(folder.path(), &two);
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.contains("NOT OFFERED though granted by day: name: ${group:team-*} stands for 2 groups here"),
        "{told}"
    );
}

#[test]
fn what_if_somebody_were_in_another_group() {
    let folder = configured();
    let staff = ["--groups", "staff,team-blue", "--at", EVENING];
    let with = |more: &[&str]| offers(folder.path(), &[&staff[..], more].concat());
    assert!(with(&[]).is_empty());
    assert_eq!(with(&["--add-group", "night-shift"]), ["evening"]);
    assert_eq!(
        with(&["--add-group", "cn=night-shift,ou=groups,dc=example,dc=org"]),
        ["evening"]
    );
    assert!(with(&["--add-group", "night-shift", "--remove-group", "STAFF"]).is_empty());
    let not_there = run(
        folder.path(),
        &[&staff[..], &["--remove-group", "exams"]].concat(),
    );
    assert!(!not_there.status.success());
    assert!(String::from_utf8_lossy(&not_there.stderr).contains("alice is not in group `exams`"));
}

#[test]
fn attributes_can_be_supposed() {
    let folder = configured();
    let with = |more: &[&str]| explained(folder.path(), &[&["--groups", "other"], more].concat());
    let professor = with(&[
        "--attribute",
        "departmentNumber=7",
        "--attribute",
        "DepartmentNumber=42",
        "--attribute",
        "title=Professor",
    ]);
    assert_eq!(professor["offers"], serde_json::json!(["department"]));
    assert!(because(&professor, "department").contains("departmentNumber is `42`"));
    let nobody = with(&[]);
    assert_eq!(nobody["offers"], serde_json::json!([]));
    assert!(because(&nobody, "department").contains("no attribute Title"));
    let other = with(&["--attribute", "departmentNumber=44", "--attribute", "title=Prof"]);
    assert!(because(&other, "department").contains("departmentNumber is 44, and not 42, 43"));
}

#[test]
fn somebody_may_be_in_no_group() {
    let folder = configured();
    assert_eq!(offers(folder.path(), &["--groups", ""]), [""; 0]);
}

#[test]
fn what_is_no_group_is_a_mistake_in_the_arguments() {
    let folder = configured();
    let long = "x".repeat(300);
    for bad in ["cn=staff,", &long, "a\nb"] {
        for option in ["--groups", "--add-group", "--remove-group"] {
            let output = run(folder.path(), &["--groups", "staff", option, bad]);
            assert_eq!(output.status.code(), Some(64), "{option} {bad}: {output:?}");
        }
    }
}
