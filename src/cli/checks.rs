//! How checks are printed, by `doctor` and `agent-test`.

use std::io::{self, Write};

use crate::model::{Check, Outcome, visible};

/// Writes checks, with each line of an advice indented, so that lines for conf.d can be told and copied.
pub(super) fn print(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    for Check {
        what,
        outcome,
        advice,
    } in checks
    {
        let mark = match outcome {
            Outcome::Good => '✓',
            Outcome::Doubtful => '!',
            Outcome::Bad => '✗',
        };
        writeln!(out, "  {mark} {}", visible(what))?;
        for (at, line) in advice.iter().flat_map(|advice| advice.lines()).enumerate() {
            let arrow = if at == 0 { '→' } else { ' ' };
            writeln!(out, "    {arrow} {}", visible(line))?;
        }
    }
    Ok(())
}
