//! Lists of lines that grow side by side, too long for memory together: a file without a name takes what is full.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// How much of a list is kept before it goes to the file, in bytes.
const KEPT_BYTES: usize = 4096;

/// The file.
pub(super) struct Spool {
    file: File,
    length: u64,
}

/// One list of lines.
#[derive(Default)]
pub(super) struct Lines {
    kept: String,
    /// Where the latest block begins that went to the file.
    latest: Option<u64>,
    count: usize,
}

/// Bytes of a block before its text: where the block before it begins (or [`NONE`]), and how long the text is.
const HEADER_BYTES: usize = 16;
const NONE: u64 = u64::MAX;

impl Spool {
    /// A file in the folder for temporary files, which is gone with this.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            length: 0,
        })
    }

    /// Adds a line, which holds no line break, to a list.
    ///
    /// # Errors
    /// The file takes no more.
    pub(super) fn push(&mut self, lines: &mut Lines, line: &str) -> io::Result<()> {
        lines.kept.push_str(line);
        lines.kept.push('\n');
        lines.count += 1;
        if lines.kept.len() < KEPT_BYTES {
            return Ok(());
        }
        let text = std::mem::take(&mut lines.kept);
        let mut block = Vec::with_capacity(HEADER_BYTES + text.len());
        block.extend(lines.latest.unwrap_or(NONE).to_le_bytes());
        block.extend((text.len() as u64).to_le_bytes());
        block.extend(text.as_bytes());
        self.file.write_all_at(&block, self.length)?;
        lines.latest = Some(self.length);
        self.length += block.len() as u64;
        Ok(())
    }

    /// Gives the lines of a list, in order, one after the other.
    ///
    /// # Errors
    /// The file cannot be read, or whoever takes a line fails.
    pub(super) fn for_each(
        &self,
        lines: &Lines,
        mut take: impl FnMut(&str) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut blocks = Vec::new();
        let mut next = lines.latest;
        while let Some(at) = next {
            let before = self.number(at)?;
            blocks.push(at);
            next = (before != NONE).then_some(before);
        }
        for at in blocks.into_iter().rev() {
            let length = self.number(at + 8)?;
            let mut text = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            self.file.read_exact_at(&mut text, at + HEADER_BYTES as u64)?;
            String::from_utf8(text)
                .map_err(io::Error::other)?
                .lines()
                .try_for_each(&mut take)?;
        }
        lines.kept.lines().try_for_each(take)
    }

    fn number(&self, at: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

impl Lines {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_list_comes_back_in_order(pushed in prop::collection::vec((0_usize..3, "[a-zé]{0,400}"), 0..200)) {
            let mut spool = Spool::new().unwrap();
            let mut lists: [Lines; 3] = Default::default();
            for (list, line) in &pushed {
                spool.push(&mut lists[*list], line).unwrap();
            }
            for (at, list) in lists.iter().enumerate() {
                let mut back = Vec::new();
                spool.for_each(list, |line| { back.push(line.to_owned()); Ok(()) }).unwrap();
                let expected: Vec<_> = pushed.iter().filter(|(of, _)| *of == at).map(|(_, line)| line.clone()).collect();
                prop_assert_eq!(list.count(), expected.len());
                prop_assert_eq!(back, expected);
                prop_assert!(list.kept.len() < KEPT_BYTES);
            }
        }
    }
}
