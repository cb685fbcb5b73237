//! A line on the terminal that shows how far it is.

use std::io::{self, IsTerminal, Write as _};

const BAR_CHARS: usize = 30;

/// The line. Nothing is shown where standard error is no terminal; it is wiped when this is dropped.
pub(super) struct Progress {
    of_all: Option<usize>,
    terminal: bool,
}

impl Progress {
    /// Nothing is done yet. `of_all` gives about how much there is to do; it is only asked if somebody watches.
    pub(super) async fn start(of_all: impl Future<Output = Option<usize>>) -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            of_all: if terminal { of_all.await } else { None },
            terminal,
        }
    }

    /// That many are done.
    pub(super) fn show(&mut self, done: usize) {
        if self.terminal {
            // Nobody misses what a terminal that is gone does not show.
            let _ = write!(io::stderr(), "\r{}\u{1b}[K", line(done, self.of_all));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(done: usize, of_all: Option<usize>) -> String {
    match of_all {
        Some(of_all) if done <= of_all => {
            let full = done * BAR_CHARS / of_all.max(1);
            let bar = "#".repeat(full) + &"-".repeat(BAR_CHARS - full);
            format!("[{bar}] {done} of about {of_all} users")
        }
        _ => format!("{done} users"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_that_was_wrong_is_dropped() {
        assert_eq!(
            line(10, Some(20)),
            format!("[{}{}] 10 of about 20 users", "#".repeat(15), "-".repeat(15))
        );
        assert_eq!(
            line(20, Some(20)),
            format!("[{}] 20 of about 20 users", "#".repeat(30))
        );
        assert_eq!(line(21, Some(20)), "21 users");
        assert_eq!(line(3, None), "3 users");
        assert!(line(0, Some(0)).contains("0 of about 0"));
    }
}
