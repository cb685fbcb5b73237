//! A screen that nobody looks at: Xvfb with a window manager, a keyboard (xdotool) and a camera (ImageMagick).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{patiently, wait_for};
use super::process_group::ProcessGroup;

/// Where screenshots and logs that outlive a test go.
const ARTEFACTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../test-artefacts");
/// Milliseconds between two typed characters; Qt drops some that come faster.
const TYPING_DELAY_MS: &str = "30";

/// A running X server. Windows need a manager to be activated, so there is one.
pub struct Display {
    name: String,
    _manager: ProcessGroup,
    _server: ProcessGroup,
}

/// A window on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    id: String,
    /// What its title bar says.
    pub title: String,
}

impl Display {
    /// Starts an X server on a free display number.
    pub fn start() -> Self {
        let mut server = ProcessGroup::start(
            Command::new("Xvfb")
                .args([
                    "-displayfd",
                    "1",
                    "-screen",
                    "0",
                    "1280x900x24",
                    "-nolisten",
                    "tcp",
                    // Not begun anew when the last client goes: a question of this test's that comes and goes before
                    // the window manager is there would throw that out (Xserver(1)).
                    "-noreset",
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut number = String::new();
        BufReader::new(server.stdout()).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb found no display number");
        let name = format!(":{}", number.trim());
        let manager = ProcessGroup::start(
            Command::new("openbox")
                .arg("--sm-disable")
                .env("DISPLAY", &name)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let this = Self {
            name,
            _manager: manager,
            _server: server,
        };
        wait_for("openbox manages the display", || {
            // Only with a window manager does this property exist.
            this.xdotool(&["get_num_desktops"])
                .filter(|answer| answer.trim().parse::<u32>().is_ok_and(|count| count > 0))
        });
        this
    }

    /// What `DISPLAY` must be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The windows that can be seen and have a title.
    pub fn windows(&self) -> Vec<Window> {
        self.xdotool(&["search", "--onlyvisible", "--name", "."])
            .unwrap_or_default()
            .lines()
            .filter_map(|id| {
                // A window may close between the two questions.
                let title = self.xdotool(&["getwindowname", id])?.trim_end().to_owned();
                Some(Window {
                    id: id.to_owned(),
                    title,
                })
            })
            .collect()
    }

    /// The first window whose title satisfies `wanted`, as soon as it is there; `None` after the limit.
    pub fn window(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Option<Window> {
        patiently(limit, || {
            self.windows().into_iter().find(|window| wanted(&window.title))
        })
    }

    /// Gives the keyboard to the window.
    pub fn activate(&self, window: &Window) {
        self.xdotool(&["windowactivate", "--sync", &window.id])
            .unwrap_or_else(|| panic!("{window:?} cannot be activated"));
    }

    /// Types into the active window.
    pub fn type_text(&self, text: &str) {
        self.xdotool(&["type", "--delay", TYPING_DELAY_MS, "--", text])
            .expect("xdotool types");
    }

    /// Presses a key by its X name, such as `Return`.
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", key]).expect("xdotool presses a key");
    }

    /// Takes a picture of the whole screen and keeps it as `NAME.png` among the test artefacts.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let file = artefact(&format!("{name}.png"));
        let taken = Command::new("import")
            .args(["-window", "root"])
            .arg(&file)
            .env("DISPLAY", &self.name)
            .status()
            .expect("ImageMagick is installed");
        assert!(taken.success(), "import {}", file.display());
        file
    }

    /// What xdotool printed; `None` if it failed or did not come back.
    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let done = Command::new("timeout")
            .args(["20", "xdotool"])
            .args(arguments)
            .env("DISPLAY", &self.name)
            .stderr(Stdio::null())
            .output()
            .expect("timeout starts");
        done.status
            .success()
            .then(|| String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

/// A file among the test artefacts, whose folder is made if need be.
pub fn artefact(name: &str) -> PathBuf {
    fs::create_dir_all(ARTEFACTS).unwrap();
    PathBuf::from(ARTEFACTS).join(name)
}
