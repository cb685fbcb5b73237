//! The lines of `availabletasks`: the name of a task each.

use std::collections::BTreeSet;

/// The tasks that the agent says it has. Lines that are no single word of letters, digits and `_` are left out.
pub(super) fn read(body: &str) -> BTreeSet<String> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let tasks = body.lines().map(str::trim);
    tasks
        .filter(|task| !task.is_empty() && task.bytes().all(known))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tasks() {
        let tasks = read("addauthkey\nlistsessions\n\nrm -rf\nfindbusyservers_by_sessionstats\n");
        let tasks: Vec<_> = tasks.iter().map(String::as_str).collect();
        assert_eq!(
            tasks,
            ["addauthkey", "findbusyservers_by_sessionstats", "listsessions"]
        );
    }
}
