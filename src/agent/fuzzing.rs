//! What hosts and ssh say, for `crate::fuzzing`.

use std::path::Path;

use super::output::Output;
use super::{Settings, host_key, load_lines, server_lines, session_lines, ssh, task_lines};
use crate::model::{HostAddress, Machine, SessionUser};

/// The answer of the program: stdout up to a zero byte, stderr behind it.
pub fn output(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default().to_vec();
    let (stdout, stderr) = (part(), part());
    Output { stdout, stderr }.body().is_ok()
}

/// The lines of a task that lists something, whichever it was.
pub fn lines(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let sessions = SessionUser::new("alice").map(|user| session_lines::read(&text, &user).sessions);
    let tasks = task_lines::read(&text);
    server_lines::read(&text).is_ok()
        || load_lines::read(&text).is_ok()
        || sessions.is_ok_and(|sessions| !sessions.is_empty())
        || !tasks.is_empty()
}

/// The keys that a host shows to whoever asks.
pub fn host_keys(bytes: &[u8]) -> bool {
    !host_key::keys_in(bytes).is_empty()
}

/// What ssh says when it has no connection.
pub fn trouble(bytes: &[u8]) -> bool {
    let Ok(address) = HostAddress::new("ts01") else {
        return false;
    };
    let machine = Machine::new(&address, 22);
    let settings = Settings::beside(Path::new("/"));
    !ssh::explain(&String::from_utf8_lossy(bytes), &machine, &settings).is_empty()
}
