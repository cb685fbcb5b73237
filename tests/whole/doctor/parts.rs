//! The parts beside the directory: PAM and its worker, this host's users, the broker's certificate.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{examined, examined_with, says};
use crate::lab::authority::{Authority, Issued};
use crate::lab::broker::keep_secret;
use crate::lab::pam::{PamWorker, ThrowAwayUser};
use crate::lab::site::{self, Reach};
use crate::lab::slapd::Slapd;

const PATIENCE: Duration = Duration::from_secs(30);
const SERVICE: &str = "@include common\naccount required pam_unix.so\n";
const NO_HOST: u16 = 9;
const PROFILES: &str = "
[farm.main.hosts.ts01]
[profile.desk]
name = \"Desk\"
farm = \"main\"
[rule.desk]
everyone = true
clients = [\"10.0.0.0/8\"]
profiles = [\"desk\"]
";

/// A worker whose service has a file to include.
fn worker() -> PamWorker {
    let worker = PamWorker::start(SERVICE, PATIENCE, "");
    fs::write(worker.path("pam.d/common"), "auth required pam_unix.so\n").unwrap();
    worker
}

/// `[authentication]` for that worker.
fn by(worker: &PamWorker, methods: &str) -> String {
    format!(
        "[authentication]\nmethods = {methods}\n[authentication.pam]\nsocket = \"{}\"\nservice_folder = \"{}\"\n",
        worker.path("pam.sock").display(),
        worker.path("pam.d").display()
    )
}

fn of_host(worker: &PamWorker) -> String {
    format!(
        "[directory]\nsource = \"nss\"\n{}{PROFILES}",
        by(worker, "[\"pam\"]")
    )
}

#[test]
fn users_of_this_host_stand_on_the_service_and_the_worker() {
    let user = ThrowAwayUser::new("any");
    let mut worker = worker();
    let configuration = of_host(&worker);
    let (works, text) = examined(&configuration);
    assert!(works, "{text}");
    says(
        &text,
        &[
            "PAM on this host\n  ✓ the PAM service x2godirector is there, with all that it includes\n  \
             ✓ the PAM worker answers at ",
            "A login could work.\n",
        ],
    );

    let (code, text) = examined_with(&configuration, &["--user", &user.name]);
    assert_eq!(code, Some(0), "{text}");
    says(
        &text,
        &[
            &format!("  ✓ users are found, such as {}\n", user.name),
            &format!("  ✓ groups are found: {} is in 2\n", user.name),
        ],
    );
    for (name, lines) in [
        (
            "no-such-user",
            ["  ✗ this host has no user called no-such-user\n", "getent passwd"],
        ),
        (
            "root",
            [
                "  ✗ the uid of root is 0, which is below min_uid\n\n",
                "The broker's certificate\n",
            ],
        ),
        (
            "daemon",
            [
                "  ✗ the uid of daemon is 1, which is below min_uid\n",
                "\n      [directory.nss]\n      min_uid = 1\n",
            ],
        ),
    ] {
        let (code, text) = examined_with(&configuration, &["--user", name]);
        assert_eq!(code, Some(1), "{text}");
        says(&text, &lines);
        says(&text, &["No login can work.\n"]);
    }

    let common = worker.path("pam.d/common");
    fs::remove_file(&common).unwrap();
    let (works, text) = examined(&configuration);
    assert!(!works, "{text}");
    says(&text, &["x2godirector includes common, which cannot be read: "]);
    fs::write(&common, "").unwrap();

    let service = worker.path("pam.d/x2godirector");
    fs::rename(&service, worker.path("kept")).unwrap();
    let (works, text) = examined(&configuration);
    assert!(!works, "{text}");
    let install = format!("    → install -m 0644 pam.d/x2godirector {}\n", service.display());
    says(&text, &["  ✗ the PAM service ", &install]);
    fs::rename(worker.path("kept"), &service).unwrap();

    worker.kill();
    let (works, text) = examined(&configuration);
    assert!(!works, "{text}");
    says(
        &text,
        &[
            "  ✗ the PAM worker does not answer: ",
            "    → start `x2godirector pam-worker`",
        ],
    );
}

#[test]
fn a_chain_shows_both_and_needs_one_that_a_login_reaches() {
    let user = ThrowAwayUser::new("any");
    let mut slapd = Slapd::start(&site::directory());
    let mut worker = worker();
    let directory = site::configuration(&slapd, Reach::Plain, NO_HOST);
    let chain = directory.clone() + &by(&worker, "[\"ldap\", \"pam\"]");
    let code = |configuration: &str, name: &str| examined_with(configuration, &["--user", name]);
    for (name, line) in [
        ("alice", "  ✓ users are found, such as alice\n"),
        (&user.name, "so that this host is asked\n"),
        (
            &user.name,
            &format!("  ✓ users are found, such as {}\n", user.name),
        ),
    ] {
        let (code, text) = code(&chain, name);
        assert_eq!(code, Some(0), "{name}: {text}");
        says(&text, &["ldap://", "PAM on this host\n", line]);
    }
    let (nobody, text) = code(&chain, "no-such-user");
    assert_eq!(nobody, Some(1), "{text}");
    // A name that the directory has in another form is not looked for on this host.
    let filtered = chain.replace("schema = ", "user_filter = \"(objectClass=nothing)\"\nschema = ");
    let (code_of_filtered, text) = code(&filtered, "alice");
    assert_eq!(code_of_filtered, Some(1), "{text}");

    slapd.kill();
    let (cut, text) = code(&chain, &user.name);
    assert_eq!(cut, Some(1), "{text}");
    let fallback = chain.replace("methods = ", "fallback_when_unreachable = true\nmethods = ");
    let (falls_back, text) = code(&fallback, &user.name);
    assert_eq!(falls_back, Some(0), "{text}");
    worker.kill();
    assert_eq!(code(&fallback, &user.name).0, Some(1));

    let slapd = Slapd::start(&site::directory());
    let directory = site::configuration(&slapd, Reach::Plain, NO_HOST);
    let chain = directory.clone() + &by(&worker, "[\"ldap\", \"pam\"]");
    assert!(examined(&chain).0);
    let by_pam = directory + &by(&worker, "[\"pam\"]");
    let (works, text) = examined(&by_pam);
    assert!(!works, "{text}");
    worker.start_again();
    let (works, text) = examined(&by_pam);
    assert!(works, "{text}");
}

#[test]
fn where_nobody_is_checked_it_is_said() {
    let (works, text) = examined(&format!("[authentication]\nmethods = [\"none\"]\n{PROFILES}"));
    assert!(works, "{text}");
    says(
        &text,
        &[
            "  ✓ nobody is checked (methods = [\"none\"])",
            "A login could work.\n",
        ],
    );
}

#[test]
fn the_certificate_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("certificate test authority");
    let ending_in = |days: u64, late: bool| {
        let change = Duration::from_secs(days * 24 * 60 * 60);
        authority.issue_with(&["localhost"], |params| {
            let now = SystemTime::now();
            params.not_after = if late { now - change } else { now + change }.into();
        })
    };
    let with = |issued: &Issued| {
        let (certificate, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
        fs::write(&certificate, &issued.certificate).unwrap();
        fs::write(&key, &issued.key).unwrap();
        keep_secret(&key);
        examined_with(
            &format!(
                "[server]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n[authentication]\nmethods = [\"none\"]\n{PROFILES}",
                certificate.display(),
                key.display()
            ),
            &[],
        )
    };
    for (issued, line) in [
        (ending_in(100, false), "  ✓ it is good for 99 more days\n"),
        (
            ending_in(3, false),
            "  ! it is good for 2 more days\n    → renew it, then `x2godirector reload`\n",
        ),
        (ending_in(3, true), "  ! it ended on "),
    ] {
        let (code, text) = with(&issued);
        assert_eq!(code, Some(0), "{text}");
        says(
            &text,
            &[
                "The broker's certificate\n  ✓ ",
                "key.pem belong together\n",
                line,
            ],
        );
    }
    let other = Issued {
        key: ending_in(100, false).key,
        ..ending_in(100, false)
    };
    let (code, text) = with(&other);
    assert_eq!(code, Some(78), "{text}");
    says(
        &text,
        &["50-test.toml:2:", "does not belong to the first certificate"],
    );

    // One file of a self-signed pair is worse than none.
    let state = format!(
        "[server]\nstate = \"sqlite://{}/state.db\"\n",
        folder.path().display()
    );
    let own = format!("{state}[authentication]\nmethods = [\"none\"]\n{PROFILES}");
    let (works, text) = examined(&own);
    assert!(works, "{text}");
    says(
        &text,
        &["  ✓ none is configured: the first start makes a self-signed one in "],
    );
    fs::write(folder.path().join("self-signed-key.pem"), "").unwrap();
    let (works, text) = examined(&own);
    assert!(!works, "{text}");
    says(
        &text,
        &["  ✗ of the self-signed pair only ", "No login can work.\n"],
    );
}
