//! What is written down about a decision, and what can be made of it later.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::{json, said};
use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, configuration, directory, list, post_from, select};
use crate::lab::slapd::Slapd;

/// A site whose decisions go to a file.
struct Site {
    _slapd: Slapd,
    broker: Broker,
    good: String,
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Site {
    fn start() -> Self {
        let slapd = Slapd::start(&directory());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.log");
        let good = format!(
            "{}\n[audit]\nfile = \"{}\"\n",
            configuration(&slapd, Reach::Plain, 1),
            file.display()
        );
        Self {
            broker: Broker::start(&good),
            _slapd: slapd,
            good,
            _folder: folder,
            file,
        }
    }

    async fn post(&self, form: &str) {
        post_from(self.broker.address, None, form).await;
    }

    /// The lines of the file, once there are that many.
    fn lines(&self, count: usize) -> Vec<serde_json::Value> {
        let text = wait_for("lines in the audit file", || {
            let text = fs::read_to_string(&self.file).unwrap_or_default();
            (text.lines().count() >= count).then_some(text)
        });
        assert_eq!(text.lines().count(), count, "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Runs a command that reads the file.
    fn read(&self, arguments: &[&str]) -> Output {
        let file = self.file.display().to_string();
        self.broker.run(&[arguments, &["--file", &file]].concat())
    }
}

fn id(line: &serde_json::Value) -> &str {
    line["decision"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_alone_explains_its_decision() {
    let site = Site::start();
    site.post(&list("dave", "dave-secret", "")).await;
    site.post(&select("xfce", "dave", "")).await;
    site.post(&list("dave", "wrong-password", "")).await;
    let lines = site.lines(3);
    let status = json(&site.broker, &["status"]);
    for line in &lines {
        assert_eq!(line["configuration"], status["configuration"]);
        assert_eq!(line["client"], "127.0.0.1");
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    }
    let staff = lines[0]["person"]["groups"].as_array().unwrap();
    let staff = staff.iter().find(|group| group["name"] == "staff").unwrap();
    assert_eq!(staff["dn"], "cn=staff,ou=groups,dc=example,dc=org");
    assert_eq!(staff["via"], serde_json::json!(["helpdesk", "it"]));
    assert!(!fs::read_to_string(&site.file).unwrap().contains("secret"));
    assert!(
        !site.broker.log().contains("\"task\":\"list\""),
        "the log has them not twice"
    );

    let explained = said(&site.read(&["audit", id(&lines[0])]));
    for part in [
        "list granted",
        "office, terminal",
        "The configuration is the same as then",
        "the rules say the same now",
        "staff ← it ← helpdesk",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let refused = said(&site.read(&["audit", id(&lines[1])]));
    assert!(
        refused.contains("is not offered") && refused.contains("the rules say the same now"),
        "{refused}"
    );
    let wrong = said(&site.read(&["audit", id(&lines[2])]));
    assert!(
        wrong.contains("wrong password") && wrong.contains("The configuration is the same as then"),
        "{wrong}"
    );

    // The people of then, the rules of now.
    site.broker.write_configuration(
        &site
            .good
            .replace("profiles = [\"office\", \"terminal\"]", "profiles = [\"office\"]"),
    );
    let changed = said(&site.read(&["audit", id(&lines[0])]));
    assert!(
        changed.contains("The configuration has changed since"),
        "{changed}"
    );
    assert!(changed.contains("the rules say something ELSE now"), "{changed}");
    // Who was never proven has no groups to ask the rules with; the answer has the same form.
    let wrong = said(&site.read(&["audit", id(&lines[2])]));
    assert!(wrong.contains("The configuration has changed since"), "{wrong}");
    let wrong = said(&site.read(&["audit", id(&lines[2]), "--format", "json"]));
    let wrong: serde_json::Value = serde_json::from_str(&wrong).unwrap();
    assert_eq!(wrong["record"], lines[2]);
    assert_eq!(wrong["comparison"]["configuration_changed"], true);
    assert_eq!(wrong["explanation"], serde_json::Value::Null);
    let again = said(&site.read(&["explain", "--decision", id(&lines[0]), "--format", "json"]));
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["user"], "dave");
    assert_eq!(again["offers"], serde_json::json!(["office"]));
    assert_eq!(again["recorded"]["configuration_changed"], true);
    assert_eq!(again["recorded"]["same_answer"], false);
    let what_if = said(&site.read(&[
        "explain",
        "--decision",
        id(&lines[0]),
        "--remove-group",
        "it",
        "--format",
        "json",
    ]));
    let what_if: serde_json::Value = serde_json::from_str(&what_if).unwrap();
    assert_eq!(what_if["offers"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_found_by_user_and_time_and_damage_is_said() {
    let site = Site::start();
    site.post(&list("alice", "alice-secret", "")).await;
    site.post(&list("bob", "bob-secret", "")).await;
    site.post(&list("mallory", "x", "")).await;
    said(&site.broker.ask(&["reload"]));
    let lines = site.lines(4);
    assert_eq!(lines[3]["task"], "reload");
    let mut text = fs::read_to_string(&site.file).unwrap();
    text += "{\"decision\":\"torn\n\0\nx2godirector: listening\n";
    fs::write(&site.file, &text).unwrap();

    let all = site.read(&["audit"]);
    assert_eq!(said(&all).lines().count(), 4);
    let left_out = String::from_utf8_lossy(&all.stderr);
    assert!(
        left_out.contains("1 damaged") && left_out.contains("2 lines that are no decisions"),
        "{left_out}"
    );
    let alice = said(&site.read(&["audit", "--user", "ALICE", "--format", "json"]));
    assert_eq!(alice.lines().count(), 1);
    let alice: serde_json::Value = serde_json::from_str(&alice).unwrap();
    assert_eq!(alice, lines[0]);
    assert!(said(&site.read(&["audit", "--user", "mallory"])).contains("unknown user"));
    assert_eq!(said(&site.read(&["audit", "--since", "1h"])).lines().count(), 4);
    assert_eq!(
        said(&site.read(&["audit", "--since", "2999-01-01T00:00:00Z"])),
        ""
    );

    // As `journalctl -o cat` gives it.
    let mut child = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(["audit", "-", "--user", "bob"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let journal: String = text
        .lines()
        .map(|line| format!(" INFO audit: {line}\n"))
        .collect();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), journal.as_bytes()).unwrap();
    assert!(said(&child.wait_with_output().unwrap()).contains("ldap:bob"));

    // What an admin did about somebody is about them.
    said(&site.broker.ask(&["tickets", "revoke", "ldap:Bob"]));
    wait_for("both lines about bob", || {
        let bob = said(&site.read(&["audit", "--user", "bob"]));
        (bob.contains(" list ") && bob.contains(" revoke tickets ")).then_some(())
    });

    let both = site.read(&["audit", id(&lines[0]), "--user", "alice"]);
    assert_eq!(both.status.code(), Some(64));
    let missing = site.read(&["audit", "ZZZZZZZZZZ"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("has no decision ZZZZZZZZZZ"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_has_a_line_at_each_door() {
    let site = Site::start();
    let send = async |request: &str| {
        let client = HttpsClient::connect(site.broker.address, Trust::Anybody, None).await;
        let mut client = client.unwrap();
        client.send(request.as_bytes()).await.unwrap();
        client.receive().await.unwrap().status
    };
    let post = |path: &str, form: &str| {
        let length = form.len();
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{form}")
    };
    assert_eq!(
        send(&post("/plain/", "task=listsessions&user=a&user=b")).await,
        200
    );
    assert_eq!(send(&post("/json/", "task=dance&user=a")).await, 401);
    assert_eq!(send("GET /uccs/x//api/5/ HTTP/1.1\r\nHost: x\r\n\r\n").await, 401);
    assert_eq!(send(&post("/authorized-keys", "user=alice")).await, 403);
    let lines = site.lines(4);
    for (line, [door, task, cause]) in lines.iter().zip([
        [
            "plain",
            "list",
            "bad request: list: field `user` stands there twice",
        ],
        [
            "json",
            "unknown",
            "bad request: request: the task is not one of this front end",
        ],
        [
            "uccs",
            "list",
            "bad request: list: field `Authorization` is missing or empty",
        ],
        [
            "host",
            "host keys",
            "bad request: field `Authorization` is missing or empty",
        ],
    ]) {
        assert_eq!(
            (&line["door"], &line["task"]),
            (&door.into(), &task.into()),
            "{line}"
        );
        assert_eq!(
            (&line["outcome"], &line["cause"]),
            (&"refused".into(), &cause.into())
        );
        assert_eq!(id(line).len(), 10, "{line}");
    }
    let shown = said(&site.read(&["audit"]));
    assert_eq!(shown.matches("(bad request: ").count(), 4, "{shown}");
}

/// Names that would turn a line around, end it or hide in it, in whatever an admin looks at.
#[tokio::test(flavor = "multi_thread")]
async fn no_name_shows_an_admin_something_else_than_it_is() {
    let site = Site::start();
    let deceives = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{200b}' | '\u{202e}' | '\u{2028}' | '\u{2066}')
    };
    for name in [
        "al%E2%80%AEice",
        "bob%E2%80%A8root",
        "c%E2%80%8Barol",
        "d%E2%81%A6ave",
    ] {
        site.post(&list(name, "wrong", "")).await;
    }
    let lines = site.lines(4);
    assert_eq!(lines[0]["typed"], "al\u{202e}ice");
    // It is an admin's own word, and is looked at by others.
    said(
        &site
            .broker
            .ask(&["tickets", "revoke", "er\u{202e}in\n{\"decision\":\"0\"}"]),
    );
    site.lines(5);
    let hostile = "x\u{202e}y\u{200b}";
    let mut shown = vec![
        fs::read_to_string(&site.file).unwrap(),
        site.broker.log(),
        said(&site.read(&["audit"])),
        said(&site.read(&["audit", "--format", "json"])),
        said(&site.read(&["audit", id(&lines[0])])),
    ];
    for format in ["text", "json"] {
        for command in [
            &["throttle"][..],
            &["tickets", "list"],
            &["status"],
            &["sessions"],
            &["explain", "alice", "--running", "--add-group", hostile],
            &["log-level"],
            &["drain"],
            &["hosts"],
            &["reload"],
        ] {
            let text = said(&site.broker.ask(&[command, &["--format", format]].concat()));
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(&text)
                    .unwrap_or_else(|_| panic!("{command:?}: {text}"));
            }
            shown.push(text);
        }
    }
    let refused = site.broker.ask(&["explain", hostile, "--running"]);
    shown.push(String::from_utf8(refused.stderr).unwrap());
    for text in &shown {
        assert!(!text.contains(deceives), "{}", text.escape_debug());
    }
    assert!(
        shown.iter().any(|text| text.contains("al\u{fffd}ice")),
        "{shown:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_may_be_rotated_under_the_daemon() {
    let mut site = Site::start();
    site.post(&list("alice", "alice-secret", "")).await;
    site.lines(1);
    let rotated = site.file.with_extension("log.1");
    fs::rename(&site.file, &rotated).unwrap();
    site.post(&list("bob", "bob-secret", "")).await;
    assert_eq!(site.lines(1)[0]["account"], "ldap:bob");
    site.broker.process().signal("HUP");
    let reload = &site.lines(2)[1];
    assert_eq!(
        (&reload["task"], &reload["door"]),
        (&"reload".into(), &"signal".into())
    );
    assert_eq!(fs::read_to_string(&rotated).unwrap().lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_decisions_before_the_end_are_written() {
    let mut site = Site::start();
    for _ in 0..20 {
        site.post(&list("alice", "alice-secret", "")).await;
    }
    site.broker.process().signal("TERM");
    assert!(site.broker.process().wait().success());
    assert_eq!(fs::read_to_string(&site.file).unwrap().lines().count(), 20);
}
