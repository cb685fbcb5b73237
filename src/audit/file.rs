//! The file for decisions, and the thread that writes to it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::log::to_log;

/// Most lines that wait to be written; those beyond are lost. At a hundred decisions a second, the disk may
/// stand still for ten.
const QUEUE_MAX: usize = 1024;
/// Most lines in one write.
const BATCH_MAX: usize = 128;
/// How often lines are written again because the file was removed under them.
const REMOVALS_MAX: usize = 3;
/// Its group may read it, so that a site can let somebody read decisions who may do nothing else.
const FILE_MODE: u32 = 0o640;

/// The file cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("[audit] file: cannot write {path}: {source}; its folder must be there, belong to the user that the broker runs as, and be in ReadWritePaths= of its unit", path = path.display())]
pub struct FileError {
    path: PathBuf,
    source: io::Error,
}

/// A file that is open for lines at its end.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    file: File,
    /// Whether its last line has no end, because a write failed half way.
    torn: bool,
}

impl AuditFile {
    /// Opens the file, or makes it. Blocks.
    ///
    /// # Errors
    /// Says which file cannot be written.
    pub fn open(path: PathBuf) -> Result<Self, FileError> {
        match open(&path) {
            Ok(file) => Ok(Self {
                path,
                file,
                torn: false,
            }),
            Err(source) => Err(FileError { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds whole lines. A file that was moved away or removed since is made again under its name.
    fn append(&mut self, lines: &[String]) -> io::Result<()> {
        for _ in 0..REMOVALS_MAX {
            if !self.is_in_place() {
                self.file = open(&self.path)?;
                self.torn = false;
            }
            self.write(lines)?;
            if !self.is_removed() {
                return Ok(());
            }
        }
        Err(io::Error::other("it is removed as often as it is made"))
    }

    fn write(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum::<usize>() + 1);
        if self.torn {
            text.push('\n');
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let written = self.file.write_all(text.as_bytes());
        self.torn = written.is_err();
        written
    }

    /// Whether the open file has no name any more: what was written to it last is gone with it.
    fn is_removed(&self) -> bool {
        self.file.metadata().is_ok_and(|open| open.nlink() == 0)
    }

    /// Whether the name still leads to the open file.
    fn is_in_place(&self) -> bool {
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(open)) => id(named) == id(open),
            _ => false,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).mode(FILE_MODE);
    match options.clone().create_new(true).open(path) {
        // The mask that the unit sets leaves the group nothing.
        Ok(file) => file
            .set_permissions(Permissions::from_mode(FILE_MODE))
            .map(|()| file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.create(true).open(path),
        Err(error) => Err(error),
    }
}

/// What the thread is told.
enum Job {
    Line(String),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// Hands lines to the thread that writes them. The thread ends when this is dropped and everything is written.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    jobs: SyncSender<Job>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. `lost` counts the lines for which there was no room.
    pub fn start(file: AuditFile, lost: Arc<AtomicU64>) -> Self {
        let (jobs, received) = sync_channel(QUEUE_MAX);
        let path = file.path.clone();
        let counted = Arc::clone(&lost);
        let started = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(file, &received, &counted));
        if let Err(error) = started {
            tracing::error!(%error, "decisions cannot be written: no thread for them");
        }
        Self { path, jobs, lost }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands over a line. Returns at once.
    pub fn write(&self, line: String) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.jobs.try_send(Job::Line(line))
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything so far is written, at most that long.
    pub async fn flush(&self, limit: Duration) {
        let (done, written) = oneshot::channel();
        let asked = self.jobs.try_send(Job::Flush(done)).is_ok();
        if !asked || timeout(limit, written).await.is_err() {
            tracing::warn!(file = %self.path.display(), "not all decisions were written");
        }
    }
}

/// Writes what comes, as much at a time as waits, until nothing can come any more.
fn write_all(mut file: AuditFile, jobs: &Receiver<Job>, lost: &AtomicU64) {
    let mut failing = false;
    let mut said = lost.load(Ordering::Relaxed);
    while let Ok(first) = jobs.recv() {
        let mut lines = Vec::new();
        let mut flushed = Vec::new();
        for job in std::iter::once(first).chain(jobs.try_iter()).take(BATCH_MAX) {
            match job {
                Job::Line(line) => lines.push(line),
                Job::Flush(done) => flushed.push(done),
            }
        }
        let written = if lines.is_empty() {
            Ok(())
        } else {
            file.append(&lines)
        };
        if let Err(error) = &written {
            if !failing {
                let path = file.path.display();
                tracing::error!(file = %path, %error, "decisions cannot be written there; they go to the log");
            }
            lines.iter().for_each(|line| to_log(line));
        }
        failing = written.is_err();
        let now_lost = lost.load(Ordering::Relaxed);
        if now_lost > said {
            let path = file.path.display();
            tracing::error!(file = %path, lines = now_lost - said, "decisions were lost: the disk is too slow");
            said = now_lost;
        }
        for done in flushed {
            // Who waited too long waits no more.
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(path: &Path) -> (Writer, Arc<AtomicU64>) {
        let lost = Arc::new(AtomicU64::new(0));
        let file = AuditFile::open(path.to_owned()).unwrap();
        (Writer::start(file, Arc::clone(&lost)), lost)
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_made_again_and_no_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
        let (writer, lost) = writer(&path);
        for number in 0..300 {
            if number == 100 {
                writer.flush(PATIENCE).await;
                fs::rename(&path, &moved).unwrap();
            }
            if number == 200 {
                writer.flush(PATIENCE).await;
                fs::remove_file(&path).unwrap();
            }
            writer.write(format!("line {number}"));
        }
        writer.flush(PATIENCE).await;
        let lines = |path: &Path| {
            fs::read_to_string(path)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let numbers = |from: usize, to: usize| (from..to).map(|n| format!("line {n}")).collect::<Vec<_>>();
        assert_eq!(lines(&moved), numbers(0, 100));
        assert_eq!(lines(&path), numbers(200, 300));
        assert_eq!(lost.load(Ordering::Relaxed), 0);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, FILE_MODE & 0o755);
    }

    #[tokio::test]
    async fn a_disk_that_stands_still_costs_lines_and_no_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        // A pipe that nobody reads: it takes 64 KiB, and then writing to it waits.
        let _reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let (writer, lost) = writer(&path);
        let long = "x".repeat(1000);
        for _ in 0..QUEUE_MAX * 3 {
            writer.write(long.clone());
        }
        assert!(lost.load(Ordering::Relaxed) >= QUEUE_MAX as u64, "{lost:?}");
    }

    #[test]
    fn a_line_after_a_torn_one_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut file = AuditFile::open(path.clone()).unwrap();
        file.file.write_all(b"{\"half").unwrap();
        file.torn = true;
        file.append(&["whole".to_owned()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"half\nwhole\n");
    }

    #[test]
    fn lines_that_went_with_a_removed_file_are_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut file = AuditFile::open(path.clone()).unwrap();
        fs::remove_file(&path).unwrap();
        // As if it had been removed behind the look whether it is there.
        let lines = ["line".to_owned()];
        file.write(&lines).unwrap();
        assert!(file.is_removed());
        file.append(&lines).unwrap();
        assert!(!file.is_removed());
        assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
    }

    /// Renamed, copied and truncated while lines come: each line is in one of the files, whole, and in order. Truncating
    /// loses what came behind the copy, which is the nature of it.
    #[tokio::test]
    async fn rotation_under_load_loses_no_line_but_where_a_file_is_truncated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let (writer, lost) = writer(&path);
        let numbers = |text: &str| -> Vec<usize> {
            text.lines()
                .map(|line| line.strip_prefix("line ").unwrap().parse().unwrap())
                .collect()
        };
        let mut written = 0;
        let mut seen = Vec::new();
        for rotation in 0..30 {
            for _ in 0..200 {
                writer.write(format!("line {written}"));
                written += 1;
            }
            // Lines are on their way.
            let moved = folder.path().join(format!("audit.log.{rotation}"));
            fs::rename(&path, &moved).unwrap();
            writer.flush(PATIENCE).await;
            seen.extend(numbers(&fs::read_to_string(&moved).unwrap()));
            if !path.exists() {
                writer.write(format!("line {written}"));
                written += 1;
                writer.flush(PATIENCE).await;
            }
        }
        seen.extend(numbers(&fs::read_to_string(&path).unwrap()));
        assert_eq!(seen, (0..written).collect::<Vec<_>>());
        assert_eq!(lost.load(Ordering::Relaxed), 0);

        for _ in 0..30 {
            for _ in 0..200 {
                writer.write(format!("line {written}"));
                written += 1;
            }
            OpenOptions::new()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(0)
                .unwrap();
            writer.flush(PATIENCE).await;
        }
        writer.write(format!("line {written}"));
        writer.flush(PATIENCE).await;
        let after = numbers(&fs::read_to_string(&path).unwrap());
        assert!(after.is_sorted() && after.last() == Some(&written), "{after:?}");
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = AuditFile::open("/no/such/folder/audit.log".into()).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/audit.log"), "{error}");
    }
}
