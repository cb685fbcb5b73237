//! `x2godirector import`: turns an x2gobroker site into files for conf.d.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use crate::import::{self, ConfFile, Imported, Source};

/// Largest file that is read, in bytes; thousands of session profiles with icons fit.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where the old site is, and where the new files go.
#[derive(Debug, Args)]
pub struct Import {
    /// x2gobroker-sessionprofiles.conf, and x2gobroker.conf if there is one
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The folder for the new files
    ///
    /// It is made if it does not exist. Nothing in it is ever overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Import {
    /// Writes all files or none, and prints what the admin must know. Succeeds (0) if they were written, also
    /// with things to know, and fails (1) otherwise.
    pub fn run(self) -> ExitCode {
        match self.write() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::complain(&format!("{error:#}"), super::EXIT_FAILURE),
        }
    }

    fn write(self) -> anyhow::Result<()> {
        let sources = self
            .files
            .iter()
            .map(|path| source(path).with_context(|| path.display().to_string()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let imported = match import::import(&sources) {
            Ok(imported) => imported,
            Err(notes) => {
                for note in &notes {
                    eprintln!("{note}");
                }
                bail!("nothing was written");
            }
        };
        write_all_or_none(&self.out, &imported.files).context("nothing was written")?;
        report(&self.out, &imported, &mut io::stdout().lock()).context("the files were written")
    }
}

fn source(path: &Path) -> anyhow::Result<Source> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read)? > FILE_BYTES_MAX {
        bail!("is larger than {FILE_BYTES_MAX} bytes");
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Source {
        name: name.to_string_lossy().into_owned(),
        text,
    })
}

fn report(out: &Path, imported: &Imported, to: &mut impl Write) -> io::Result<()> {
    for note in &imported.notes {
        writeln!(to, "{note}")?;
    }
    if !imported.notes.is_empty() {
        writeln!(to)?;
    }
    for file in &imported.files {
        writeln!(to, "wrote {}", out.join(file.name).display())?;
    }
    writeln!(
        to,
        "Write your LDAP servers into 10-directory.toml, then run: sudo x2godirector check --config {}",
        out.display()
    )?;
    to.flush()
}

/// Writes the files beside their places first and then links each to its name, which fails where something is
/// already; after any failure, what was made is removed again.
fn write_all_or_none(folder: &Path, files: &[ConfFile]) -> anyhow::Result<()> {
    for file in files {
        let path = folder.join(file.name);
        // A link that leads nowhere is in the way as well.
        if path.symlink_metadata().is_ok() {
            bail!("{} exists; name an empty folder", path.display());
        }
    }
    let made_folder = !folder.exists();
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut made = Vec::new();
    let written = write_each(folder, files, &mut made);
    if written.is_err() {
        // What cannot be removed was reported by its name already, or is a hidden file that nothing reads.
        for path in made {
            let _ = fs::remove_file(path);
        }
        if made_folder {
            let _ = fs::remove_dir(folder);
        }
    }
    written
}

fn write_each(folder: &Path, files: &[ConfFile], made: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let hidden = |file: &ConfFile| folder.join(format!(".{}.import", file.name));
    for file in files {
        let path = hidden(file);
        let named = || path.display().to_string();
        let mut open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(named)?;
        made.push(path.clone());
        open.write_all(file.text.as_bytes()).with_context(named)?;
        open.sync_all().with_context(named)?;
    }
    for file in files {
        let path = folder.join(file.name);
        fs::hard_link(hidden(file), &path).with_context(|| path.display().to_string())?;
        made.push(path);
    }
    for file in files {
        let path = hidden(file);
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
