//! What X2Go Client asks sshd to run, for a forced command, which is told so in `SSH_ORIGINAL_COMMAND` (sshd(8)).
//!
//! No shell reads it: only what X2Go Client writes is taken, to the letter, and what stands between its quotes is a
//! value with nothing to expand.

use crate::wire::BODY_BYTES_MAX;

/// What is run first of all, at a terminal of its own, to see whether somebody has to answer questions there.
const PROBE: &str = "echo \"LOGIN OK\"";
/// What the client waits for then.
pub const PROBE_ANSWER: &str = "LOGIN OK\n";

/// What stands before the id of the marks, between it and the command, and behind the command, before the id again.
const BEFORE_ID: &str = "bash -l -c 'echo \"X2GODATABEGIN:";
const BEFORE_COMMAND: &str = "\"; export PATH=\"/usr/local/bin:/usr/bin:/bin\";export TERM=\"dumb\"; ";
const AFTER_COMMAND: &str = "; echo \"X2GODATAEND:";
const END: &str = "\";'";
/// Longest id of marks, in bytes. X2Go Client writes a UUID, which has 36.
const ID_BYTES_MAX: usize = 64;

/// A command of X2Go Client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To be answered with [`PROBE_ANSWER`].
    Probe,
    /// A request for the broker.
    Request {
        /// The words behind the name of the program.
        words: Vec<String>,
        /// What the client looks for around the answer.
        marks: Marks,
    },
}

/// What the client looks for around the answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    id: String,
}

impl Marks {
    /// The line before the answer, and the one behind it.
    pub fn lines(&self) -> [String; 2] {
        ["BEGIN", "END"].map(|which| format!("X2GODATA{which}:{}\n", self.id))
    }
}

impl Command {
    /// Reads a command; none if it is none of X2Go Client's to a broker, whatever the broker's program is called.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > BODY_BYTES_MAX || text.chars().any(char::is_control) {
            return None;
        }
        if text == PROBE {
            return Some(Self::Probe);
        }
        let (id, rest) = text.strip_prefix(BEFORE_ID)?.split_once(BEFORE_COMMAND)?;
        let is_id = (1..=ID_BYTES_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let command = rest
            .strip_suffix(END)?
            .strip_suffix(id)?
            .strip_suffix(AFTER_COMMAND)?;
        let mut words = words(command)?.into_iter();
        let program = words.next()?;
        (is_id && !program.is_empty()).then(|| Self::Request {
            words: words.collect(),
            marks: Marks { id: id.to_owned() },
        })
    }
}

/// The words of a line: blanks stand between them, and between double quotes for themselves. None if a quote is open
/// at the end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}
