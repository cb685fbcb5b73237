//! Debian's x2gobroker, asked in a Python process beside the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::data;

/// Somebody who asks for profiles.
#[derive(Debug, Clone, Serialize)]
pub struct Ask {
    pub user: String,
    pub groups: Vec<String>,
    pub client: String,
}

/// A site, and who asks it.
#[derive(Debug, Serialize)]
pub struct Site<'a> {
    pub profiles: &'a str,
    pub settings: &'a str,
    pub asks: &'a [Ask],
    /// Whether the keys are wanted, too.
    pub keys: bool,
}

/// Profile ids, and for each what X2Go Client reads.
pub type Offered = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Answers(Vec<Offered>),
    Failed(String),
}

/// The process; it ends with this.
pub struct X2goBroker {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl X2goBroker {
    pub fn start() -> Self {
        let mut child = Command::new("/usr/bin/python3")
            .arg("-W")
            .arg("ignore")
            .arg(data("x2gobroker_answers.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs /usr/bin/python3");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                if line.is_err() || send.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines }
    }

    /// What each of those who ask is offered.
    ///
    /// # Errors
    /// What x2gobroker failed over.
    pub fn offers(&mut self, site: &Site<'_>) -> Result<Vec<Offered>, String> {
        let mut line = serde_json::to_string(site).unwrap();
        line.push('\n');
        self.input.write_all(line.as_bytes()).unwrap();
        let line = self.lines.recv_timeout(Duration::from_secs(60)).expect(
            "this test needs x2gobroker and PyQt5 (Debian: python3-x2gobroker, python3-pyqt5) for /usr/bin/python3",
        );
        match serde_json::from_str(&line).unwrap() {
            Reply::Answers(answers) => Ok(answers),
            Reply::Failed(why) => Err(why),
        }
    }
}

impl Drop for X2goBroker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
