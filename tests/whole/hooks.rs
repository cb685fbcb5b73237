//! The site's own programs, run by the real worker under a user of its own, and what their answers change.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::lab::broker::{Broker, copy_program};
use crate::lab::process::Process;
use crate::lab::site::{Reach, Site, configuration, directory, select};
use crate::lab::slapd::{self, Slapd};

/// The user and the group `nobody` (base-passwd).
const NOBODY: u32 = 65_534;
const GRANTED: &str = "Access granted";

/// Programs and their worker, in a folder that only root can change.
struct Hooks {
    folder: TempDir,
}

impl Hooks {
    /// Scripts for /bin/sh, by moment.
    fn new(scripts: &[(&str, &str)]) -> Self {
        let folder =
            TempDir::with_prefix_in("x2godirector-hooks-", "/usr/local/lib").expect("folder, as root");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("folder");
        let hooks = Self { folder };
        for (moment, script) in scripts {
            hooks.write(moment, script);
        }
        // The program itself may lie where only root can go.
        copy_program(&hooks.path("x2godirector"));
        let (run, conf_d) = (hooks.path("run"), hooks.path("conf.d"));
        fs::create_dir(&run).expect("folder");
        fs::create_dir(&conf_d).expect("folder");
        std::os::unix::fs::chown(&run, Some(NOBODY), Some(NOBODY)).expect("chown");
        let moments: Vec<&str> = scripts.iter().map(|(moment, _)| *moment).collect();
        fs::write(conf_d.join("60-hooks.toml"), hooks.configuration(&moments, "")).expect("configuration");
        hooks
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that programs can write to.
    fn seen(&self) -> PathBuf {
        self.path("run/seen")
    }

    fn write(&self, moment: &str, script: &str) {
        let file = self.path(moment);
        let seen = self.seen();
        fs::write(&file, format!("#!/bin/sh\nSEEN={}\n{script}\n", seen.display())).expect("script");
        fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("script");
    }

    /// `[hooks]` with these programs; `more` goes into each.
    fn configuration(&self, moments: &[&str], more: &str) -> String {
        let folder = self.folder.path().display();
        let head = format!(
            "[hooks]\nsocket = \"{folder}/run/hooks.sock\"\nuser = \"nobody\"\ndaemon_user = \"root\"\n"
        );
        let each = moments.iter().map(|moment| {
            format!("[hooks.{moment}]\nprogram = \"{folder}/{moment}\"\ntimeout = \"5s\"\n{more}")
        });
        head + &each.collect::<String>()
    }

    fn command(&self, uid: u32) -> Command {
        let mut command = Command::new(self.path("x2godirector"));
        command
            .args(["hook-worker", "--config"])
            .arg(self.path("conf.d"))
            .env("SECRET_OF_THE_WORKER", "x")
            .env("X2GODIRECTOR_LOG", "debug")
            .uid(uid)
            .gid(uid);
        command
    }

    fn worker(&self) -> Process {
        let mut worker = Process::start(self.command(NOBODY), &self.path("log"));
        worker.wait_for_line("hook worker listening on");
        worker
    }

    /// Runs a worker that does not start, and gives its exit code and what it said.
    fn fail(&self, uid: u32) -> (Option<i32>, String) {
        let mut worker = Process::start(self.command(uid), &self.path("failed.log"));
        (worker.wait().code(), worker.log())
    }
}

/// A site whose broker has these lines more.
fn broker_with(more: &str) -> Site {
    let slapd = Slapd::start(&directory());
    let host = TcpListener::bind("127.0.0.1:0").expect("host");
    let port = host.local_addr().expect("host").port();
    let configuration = configuration(&slapd, Reach::Plain, port) + more;
    Site {
        broker: Broker::start(&configuration),
        slapd,
        host: Some(host),
    }
}

#[tokio::test]
async fn each_program_is_asked_at_its_moment_and_never_sees_a_password() {
    let script =
        "cat >> $SEEN; id -un >> $SEEN; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^SEEN= >> $SEEN; exit 0";
    let hooks = Hooks::new(&[("pre_auth", script), ("post_auth", script), ("select", script)]);
    let _worker = hooks.worker();
    let site = broker_with(&hooks.configuration(&["pre_auth", "post_auth", "select"], ""));
    assert!(site.list("alice").await.contains(GRANTED));
    let selected = site.post(&select("office", "alice", "")).await;
    assert!(selected.contains("SERVER:127.0.0.1"), "{selected}");
    let seen = fs::read_to_string(hooks.seen()).expect("seen");
    assert!(!seen.contains("secret") && !seen.contains("SECRET"), "{seen}");
    let asked: Vec<serde_json::Value> = seen
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let moments: Vec<_> = asked
        .iter()
        .map(|asked| asked["hook"].as_str().expect("hook"))
        .collect();
    assert_eq!(
        moments,
        ["pre_auth", "post_auth", "pre_auth", "post_auth", "select"],
        "{seen}"
    );
    assert_eq!(asked[0]["typed"], "alice");
    assert_eq!(asked[1]["user"], "alice");
    assert_eq!(asked[1]["groups"], serde_json::json!(["staff"]));
    assert_eq!(asked[1]["offers"], serde_json::json!(["office", "terminal"]));
    assert_eq!(asked[4]["profile"], "office");
    assert_eq!(
        asked[4]["hosts"],
        serde_json::json!([{ "host": "ts01", "load": 0 }])
    );
    assert_eq!(seen.lines().filter(|line| *line == "nobody").count(), 5, "{seen}");
}

#[tokio::test]
async fn a_refusal_counts_and_its_reason_is_in_the_log_alone() {
    let refuse = r#"grep -q '"typed":"bob"\|"user":"carol"' && echo '{"refuse":"no licence left"}'; exit 0"#;
    let hooks = Hooks::new(&[("pre_auth", refuse), ("post_auth", refuse)]);
    let _worker = hooks.worker();
    let site = broker_with(&hooks.configuration(&["pre_auth", "post_auth"], ""));
    assert!(site.list("alice").await.contains(GRANTED));
    for refused in ["bob", "carol"] {
        let reply = site.list(refused).await;
        assert!(!reply.contains(GRANTED) && !reply.contains("licence"), "{reply}");
    }
    let log = site.broker.log();
    assert!(log.contains("refused by hook pre_auth: no licence left"), "{log}");
    assert!(
        log.contains("refused by hook post_auth: no licence left"),
        "{log}"
    );
    assert_eq!(site.slapd.binds(&slapd::person("bob")), 0);
}

#[tokio::test]
async fn a_program_chooses_among_the_hosts_that_could_be_chosen() {
    let hooks = Hooks::new(&[("select", r#"echo '{"host":"ts02"}'"#)]);
    let _worker = hooks.worker();
    let other = TcpListener::bind("127.0.0.2:0").expect("host");
    let port = other.local_addr().expect("host").port();
    let farm = format!(
        "[farm.other.hosts.ts01]\naddress = \"127.0.0.1\"\nport = {port}\nweight = 1000\n\
         [farm.other.hosts.ts02]\naddress = \"127.0.0.2\"\nport = {port}\n\
         [profile.other]\nname = \"Other\"\nfarm = \"other\"\n\
         [rule.other]\ngroups = [\"staff\"]\nprofiles = [\"other\"]\n"
    );
    let strong = TcpListener::bind(("127.0.0.1", port)).expect("host");
    let site = broker_with(&(hooks.configuration(&["select"], "") + &farm));
    let selected = site.post(&select("other", "alice", "")).await;
    assert!(selected.contains("SERVER:127.0.0.2"), "{selected}");
    // One that is no host of the farm is passed over.
    hooks.write("select", r#"echo '{"host":"ts99"}'"#);
    let selected = site.post(&select("other", "carol", "")).await;
    assert!(selected.contains("SERVER:127.0.0.1"), "{selected}");
    hooks.write("select", r#"echo '{"refuse":"no licence left"}'"#);
    let selected = site.post(&select("other", "carol", "")).await;
    assert!(
        !selected.contains(GRANTED) && !selected.contains("SERVER:"),
        "{selected}"
    );
    drop((other, strong));
}

#[tokio::test]
async fn the_eleventh_select_of_a_minute_is_asked_of_no_program() {
    let hooks = Hooks::new(&[("select", "cat >> $SEEN; echo >> $SEEN; exit 0")]);
    let _worker = hooks.worker();
    let site = broker_with(&hooks.configuration(&["select"], ""));
    // Until one is refused: on a slow machine the first may be a minute old by the eleventh.
    let mut given = 0;
    let refused = loop {
        let selected = site.post(&select("office", "alice", "")).await;
        if !selected.contains("SERVER:127.0.0.1") {
            break selected;
        }
        given += 1;
        assert!(given < 1000);
    };
    assert!(refused.contains("SERVER:No servers available:22"), "{refused}");
    assert!(given >= 10);
    let log = site.broker.log();
    assert!(
        log.contains("too many selects of this account within a minute"),
        "{log}"
    );
    let seen = fs::read_to_string(hooks.seen()).expect("seen");
    assert_eq!(seen.matches("\"hook\":\"select\"").count(), given, "{seen}");
}

#[tokio::test]
async fn a_program_can_tell_something_and_grant_nothing() {
    let tell = r#"echo '{"notice":"Licences: 3 left/12"}'"#;
    let hooks = Hooks::new(&[("post_auth", tell)]);
    let _worker = hooks.worker();
    let site = broker_with(&hooks.configuration(&["post_auth"], ""));
    let listed = site.list("alice").await;
    assert!(
        listed.contains("[notice-site]") && listed.contains("Licences: 3 left"),
        "{listed}"
    );
    // Told or not, and whatever a program says: what is not offered is not selected.
    hooks.write("post_auth", r#"echo '{"grant":"desktop","offers":["office"]}'"#);
    assert!(!site.list("erin").await.contains("[office]"));
    let selected = site.post(&select("office", "erin", "")).await;
    assert!(!selected.contains("SERVER:"), "{selected}");
}

#[tokio::test]
async fn a_program_that_fails_refuses_unless_the_admin_passes_it_over() {
    let hooks = Hooks::new(&[("pre_auth", "echo broken >&2; exit 3")]);
    let refusing = broker_with(&hooks.configuration(&["pre_auth"], ""));
    // No worker yet.
    assert!(!refusing.list("alice").await.contains(GRANTED));
    let _worker = hooks.worker();
    assert!(!refusing.list("alice").await.contains(GRANTED));
    let log = refusing.broker.log();
    assert!(log.contains("hook-worker` running?"), "{log}");
    assert!(log.contains("ended with exit status: 3: broken"), "{log}");
    let ignoring = broker_with(&hooks.configuration(&["pre_auth"], "on_failure = \"ignore\"\n"));
    assert!(ignoring.list("alice").await.contains(GRANTED));
    hooks.write("pre_auth", "sleep 1000");
    assert!(ignoring.list("bob").await.contains(GRANTED));
}

#[tokio::test]
async fn a_user_who_asks_much_holds_up_nobody_else() {
    let slow_for_alice = r#"grep -q '"user":"alice"' && sleep 2; exit 0"#;
    let hooks = Hooks::new(&[("post_auth", slow_for_alice)]);
    let _worker = hooks.worker();
    let settings = hooks.configuration(&["post_auth"], "");
    let site = broker_with(&settings.replacen("[hooks]\n", "[hooks]\nat_once = 2\n", 1));
    let asking: Vec<_> = (0..8).map(|_| site.list("alice")).collect();
    let alice = all_of(asking);
    let bob = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        site.list("bob").await
    };
    let (bob, _) = tokio::join!(bob, alice);
    assert!(bob.contains(GRANTED), "{bob}");
}

/// Waits for all of them at once.
async fn all_of(asking: Vec<impl Future<Output = String>>) {
    let mut asking: Vec<_> = asking.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        asking.retain_mut(|asking| asking.as_mut().poll(context).is_pending());
        if asking.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[test]
fn the_worker_runs_as_nobody_else_and_no_program_that_others_can_change() {
    let hooks = Hooks::new(&[("select", "exit 0")]);
    let (code, said) = hooks.fail(0);
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("hooks run as the user `nobody` and this process runs as `root`"),
        "{said}"
    );
    fs::set_permissions(hooks.path("select"), Permissions::from_mode(0o777)).expect("script");
    let (code, said) = hooks.fail(NOBODY);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("can be changed by others than root"), "{said}");
}

#[tokio::test]
async fn a_restart_of_the_worker_costs_no_login() {
    let hooks = Hooks::new(&[("pre_auth", "echo asked >> $SEEN; sleep 1; exit 0")]);
    let mut worker = hooks.worker();
    let site = broker_with(&hooks.configuration(&["pre_auth"], ""));
    // Stopped while a program runs.
    let stopped = async {
        while !hooks.seen().exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        worker.signal("TERM");
    };
    let (answer, ()) = tokio::join!(site.list("alice"), stopped);
    assert!(answer.contains(GRANTED), "{}", site.broker.log());
    assert!(worker.wait().success());
    // Asked while there is none.
    let started = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        hooks.worker()
    };
    let (answer, _worker) = tokio::join!(site.list("alice"), started);
    assert!(answer.contains(GRANTED), "{}", site.broker.log());
}

#[tokio::test]
async fn a_program_finds_nothing_open_that_the_worker_was_started_with() {
    let hooks = Hooks::new(&[("pre_auth", "ls -l /proc/self/fd > $SEEN")]);
    let secret = hooks.path("secret");
    fs::write(&secret, "x").expect("file");
    let open = inheritable(&secret);
    let _worker = hooks.worker();
    drop(open);
    let site = broker_with(&hooks.configuration(&["pre_auth"], ""));
    assert!(site.list("alice").await.contains(GRANTED));
    let seen = fs::read_to_string(hooks.seen()).expect("seen");
    assert!(!seen.contains("secret") && !seen.contains("socket"), "{seen}");
}

/// A file that programs started from here find open.
fn inheritable(path: &Path) -> fs::File {
    let file = fs::File::open(path).expect("file");
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).expect("fcntl");
    assert!(file.as_raw_fd() > 2);
    file
}
