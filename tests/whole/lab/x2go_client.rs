//! The real X2Go Client at a display, used as a person uses it: keys only, and eyes on its windows and its log.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::display::{Display, Window, artefact};
use super::process::patiently;
use super::process_group::ProcessGroup;
use super::x2go_host::Account;

/// The client is ended after this many seconds whatever happens.
const LIFETIME_S: &str = "180";
/// Longest wait for anything the client does.
const LIMIT: Duration = Duration::from_secs(75);

/// A running client.
pub struct X2goClient<'d> {
    display: &'d Display,
    process: ProcessGroup,
    home: TempDir,
    name: String,
}

impl<'d> X2goClient<'d> {
    /// Starts the client for the broker at `url`, which shows a certificate signed by or equal to `trusted` (PEM).
    /// It runs as
    /// `account`, so that whatever it leaves behind ends with that account. Its log is kept among the test
    /// artefacts as `NAME.log`; replies stand in it, so use it with throw-away passwords and keys only.
    pub fn start(display: &'d Display, account: &Account, url: &str, trusted: &str, name: &str) -> Self {
        Self::start_with(display, account, url, trusted, name, &[])
    }

    /// The same, with further arguments.
    pub fn start_with(
        display: &'d Display,
        account: &Account,
        url: &str,
        trusted: &str,
        name: &str,
        arguments: &[&str],
    ) -> Self {
        Self::start_in(display, account, url, trusted, name, arguments, &[])
    }

    /// The same, with further variables in its environment.
    pub fn start_in(
        display: &'d Display,
        account: &Account,
        url: &str,
        trusted: &str,
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let home = TempDir::with_prefix("x2goclient-").unwrap();
        let trusted_file = home.path().join("trusted.pem");
        fs::write(&trusted_file, trusted).unwrap();
        let runtime = home.path().join("run");
        DirBuilder::new().mode(0o700).create(&runtime).unwrap();
        for folder in [home.path(), &runtime] {
            chown(folder, Some(account.uid), Some(account.gid)).unwrap();
        }
        let log = File::create(artefact(&format!("{name}.log"))).unwrap();
        let process = ProcessGroup::start(
            Command::new("timeout")
                .args(["--kill-after=5", LIFETIME_S, "x2goclient"])
                // Without the last of them a child of the client outlives it.
                .args([
                    "--debug",
                    "--no-menu",
                    "--add-to-known-hosts",
                    "--bypass-cleanup-helper",
                ])
                .args(arguments)
                .arg(format!("--broker-url={url}"))
                .arg(format!("--broker-cacertfile={}", trusted_file.display()))
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .env("HOME", home.path())
                .env("TMPDIR", &runtime)
                .env("XDG_RUNTIME_DIR", &runtime)
                .env("USER", &account.name)
                .env("LANG", "C.UTF-8")
                .env("DISPLAY", display.name())
                // The X server is asked over its socket by another user than its own.
                .env("QT_X11_NO_MITSHM", "1")
                .envs(environment.iter().copied())
                .current_dir(home.path())
                .uid(account.uid)
                .gid(account.gid)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        let client = Self {
            display,
            process,
            home,
            name: name.to_owned(),
        };
        client.wait_for_window("the login form", |title| title == "X2Go Client");
        client
    }

    /// Types name and password into the login form, which has the keyboard when the client starts.
    pub fn log_in(&self, user: &str, password: &str) {
        self.take_keyboard();
        self.display.type_text(user);
        self.display.press("Tab");
        self.display.type_text(password);
        self.display.press("Return");
    }

    /// Types the password again after a failed login; the form keeps the name.
    pub fn retry(&self, password: &str) {
        self.take_keyboard();
        self.display.type_text(password);
        self.display.press("Return");
    }

    /// Waits until the client read a list of profiles; gives their ids, sorted. What it counted itself must
    /// be what the reply in its log holds.
    pub fn profiles(&self) -> Vec<String> {
        let counted = self.wait_for_log("a list of profiles", "Reading ", " sessions from config file.");
        let reply = self.wait_for_log(
            "the reply with the profiles",
            "Inifile content: ",
            "END_USER_SESSIONS",
        );
        let mut ids: Vec<String> = reply
            .split("\\n")
            .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']').map(ToOwned::to_owned))
            .collect();
        ids.sort();
        assert_eq!(counted, ids.len().to_string(), "{reply}");
        ids
    }

    /// Chooses a profile by its name, typed where the client asks for a session.
    pub fn choose(&self, profile: &str) {
        self.take_keyboard();
        self.display.type_text(profile);
        self.display.press("Return");
    }

    /// Waits for the dialog with the sessions that can be resumed, and resumes the first one.
    pub fn resume(&self) {
        self.press_of_sessions("resume", 1);
    }

    /// Waits for the same dialog, and suspends the first session, which runs somewhere else.
    pub fn suspend(&self) {
        self.press_of_sessions("suspend", 2);
    }

    /// Presses a button of the dialog with the sessions, so many steps from the list, and keeps pictures of it.
    fn press_of_sessions(&self, what: &str, steps: usize) {
        let sessions = self.wait_for_log("the sessions to resume", "Session data: ", "\n");
        let dialog = self.wait_for_window("the dialog with the sessions", |title| title == "X2Go Client");
        self.settle();
        self.display.screenshot(&format!("{}-sessions", self.name));
        assert!(!sessions.is_empty());
        self.display.activate(&dialog);
        for _ in 0..steps {
            self.display.press("Tab");
        }
        self.display.screenshot(&format!("{}-{what}", self.name));
        self.display.press("space");
    }

    /// Waits until a window of a session is on the screen; gives the X2Go session id.
    pub fn session(&self) -> String {
        let id = self.wait_for_log("a session", "Searching proxy window: X2GO-", "\"");
        self.wait_for_log("the session's window", "Proxy window found: ", "\"");
        id
    }

    /// Waits for the box with which the client refuses a login, keeps a picture of it and closes it.
    pub fn dismiss_login_failed(&self) {
        let error = self.wait_for_window("the box that says the login failed", |title| title == "Error");
        self.settle();
        self.display.screenshot(&format!("{}-login-failed", self.name));
        self.display.activate(&error);
        self.display.press("Return");
    }

    /// Waits for the box with which the client says that there is no server for a profile, keeps a picture of it and
    /// goes back to the profiles.
    pub fn dismiss_no_server(&self) {
        let error = self.wait_for_window("the box that says there is no server", |title| {
            title.starts_with("Cannot connect")
        });
        self.settle();
        self.display.screenshot(&format!("{}-no-server", self.name));
        self.display.activate(&error);
        self.display.press("Return");
        // Back to the profiles, from the form for the password of that one: over its two buttons.
        self.take_keyboard();
        for key in ["Tab", "Tab", "space"] {
            self.display.press(key);
        }
    }

    /// Waits for a window whose title satisfies `wanted`.
    pub fn wait_for_window(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Window {
        self.display
            .window(LIMIT, wanted)
            .unwrap_or_else(|| self.give_up(what))
    }

    /// All that the client logged so far.
    pub fn log(&self) -> String {
        let log = fs::read(artefact(&format!("{}.log", self.name))).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn take_keyboard(&self) {
        let window = self.wait_for_window("the client's window", |title| title == "X2Go Client");
        self.settle();
        self.display.activate(&window);
    }

    /// Waits until the client sleeps and goes on sleeping: keys that come earlier may be lost.
    fn settle(&self) {
        const CALM_LOOKS: u32 = 40;
        let mut before = None;
        let mut calm = 0;
        patiently(LIMIT, || {
            let now = cpu_time(self.process.id());
            calm = if now.is_some() && now == before {
                calm + 1
            } else {
                0
            };
            before = now;
            (calm >= CALM_LOOKS).then_some(())
        });
    }

    /// Waits for the last `before…after` in the log; gives what stands between.
    fn wait_for_log(&self, what: &str, before: &str, after: &str) -> String {
        patiently(LIMIT, || {
            let log = self.log();
            let (_, rest) = log.rsplit_once(before)?;
            let (found, _) = rest.split_once(after)?;
            Some(found.to_owned())
        })
        .unwrap_or_else(|| self.give_up(what))
    }

    fn give_up(&self, what: &str) -> ! {
        self.display.screenshot(&format!("{}-given-up", self.name));
        let log = self.log();
        let mut end: Vec<&str> = log.lines().rev().take(30).collect();
        end.reverse();
        panic!(
            "waited in vain for {what}; windows: {:?}; home: {}; end of the client's log:\n{}",
            self.display.windows(),
            self.home.path().display(),
            end.join("\n")
        );
    }
}

/// Processor time used by the first thread of the one child of `timeout`, while it sleeps; `None` while it runs. It has
/// the windows; those of SSH connections never rest.
fn cpu_time(timeout: u32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{timeout}/task/{timeout}/children")).ok()?;
    let client = children.split(' ').next()?;
    let stat = fs::read_to_string(format!("/proc/{client}/task/{client}/stat")).ok()?;
    // Counted behind the program's name, which may hold anything: state first, user and system time 12th and 13th.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let [state, user, system] = [0, 11, 12].map(|at| fields.get(at).copied());
    (state? == "S").then(|| format!("{}+{}", user.unwrap_or_default(), system.unwrap_or_default()))
}
