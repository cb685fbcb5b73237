//! Where recorded decisions are read from.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::audit::{Entry, Found, Reader};

/// The word for the standard input in place of a file.
pub(super) const STANDARD_INPUT: &str = "-";

/// Opens an audit log; `-` is the standard input.
///
/// # Errors
/// Names the file that cannot be read.
pub(super) fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new(STANDARD_INPUT) {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).with_context(|| {
        format!(
            "{}: another file is named with --file; where decisions go to the journal, run: journalctl -u \
             x2godirector -o cat | x2godirector audit -",
            file.display()
        )
    })?;
    Ok(Box::new(BufReader::new(opened)))
}

/// What was no decision.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) damaged: usize,
    pub(super) others: usize,
}

impl Skipped {
    /// Says on standard error what was left out, if anything was.
    pub(super) fn report(self) {
        if self.damaged > 0 {
            eprintln!("x2godirector: left out {} damaged lines", self.damaged);
        }
        if self.others > 0 {
            eprintln!(
                "x2godirector: left out {} lines that are no decisions",
                self.others
            );
        }
    }
}

/// The decisions of a log, one after the other, until `take` has enough.
///
/// # Errors
/// When the log cannot be read, or `take` fails.
pub(super) fn each(
    from: Box<dyn BufRead>,
    mut take: impl FnMut(Entry, &str) -> anyhow::Result<bool>,
) -> anyhow::Result<Skipped> {
    let mut skipped = Skipped::default();
    for found in Reader::new(from) {
        match found? {
            Found::Decision(entry, record) => {
                if !take(*entry, &record)? {
                    break;
                }
            }
            Found::Damaged => skipped.damaged += 1,
            Found::Other => skipped.others += 1,
        }
    }
    Ok(skipped)
}

/// The decision of that id and the record it was read from.
///
/// # Errors
/// There is none, or the log cannot be read.
pub(super) fn find(id: &str, file: &Path) -> anyhow::Result<(Entry, String)> {
    let mut found = None;
    let skipped = each(open(file)?, |entry, record| {
        if entry.decision.eq_ignore_ascii_case(id) {
            found = Some((entry, record.to_owned()));
        }
        Ok(found.is_none())
    })?;
    found.ok_or_else(|| {
        skipped.report();
        let path = file.display();
        anyhow!(
            "{path} has no decision {id}; in older files it is found by: zcat -f {path}* | x2godirector audit {id} \
             --file -"
        )
    })
}
