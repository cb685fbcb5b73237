//! `x2godirector generate`: man pages and shell completion, made from what the program itself knows, for packages.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

use super::{EXIT_FAILURE, complain};
use crate::model::{Now, VERSION};

const PROGRAM: &str = "x2godirector";
/// The man page of the configuration, in section 5.
const CONFIGURATION_PAGE: &str = "x2godirector-conf.d";
/// The shells that are completed for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];
/// The moment that stands for now where a package shall come out the same each time
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
const DATE_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// What to write
    #[arg(value_enum)]
    what: What,
    /// Where to; made if it is not there
    folder: PathBuf,
    /// The commented files that the page of the configuration is made of
    #[arg(long, value_name = "DIR", default_value = "conf.d")]
    conf_d: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// A page for each program, one for each subcommand, and one for the configuration
    Man,
    /// Completion for bash, zsh and fish
    Completion,
}

impl Generate {
    /// Writes the files for the command lines of these programs.
    pub(super) fn run(self, programs: impl IntoIterator<Item = Command>) -> ExitCode {
        let mut programs = programs
            .into_iter()
            .map(|program| program.disable_help_subcommand(true));
        let written = fs::create_dir_all(&self.folder).and_then(|()| match self.what {
            What::Man => man(programs, &self.folder, &self.conf_d),
            What::Completion => programs.try_for_each(|program| completion(program, &self.folder)),
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format_args!("{}: {error}", self.folder.display()), EXIT_FAILURE),
        }
    }
}

fn completion(mut program: Command, folder: &Path) -> io::Result<()> {
    let name = program.get_name().to_owned();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut program, &name, folder)?;
    }
    Ok(())
}

fn man(programs: impl Iterator<Item = Command>, folder: &Path, conf_d: &Path) -> io::Result<()> {
    let date = date();
    for mut program in programs {
        program.build();
        pages(&program, &date, folder)?;
    }
    let file = folder.join(format!("{CONFIGURATION_PAGE}.5"));
    fs::write(file, configuration_page(conf_d, &date)?)
}

/// A page for the command, and one for each of its subcommands.
fn pages(command: &Command, date: &str, folder: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages(subcommand, date, folder)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    let generated = page
        .lines()
        .find(|line| line.starts_with(".TH "))
        .unwrap_or_default();
    let page = page
        .replace(generated, &title(name, 1, date))
        // An empty line is one already.
        .replace(".br\n\n.br\n", ".sp\n");
    fs::write(folder.join(format!("{name}.1")), page)
}

/// The title line of a page (man(7), `.TH`).
fn title(name: &str, section: u8, date: &str) -> String {
    let (name, version) = (escaped(name), VERSION);
    format!(".TH {name} {section} \"{date}\" \"{PROGRAM} {version}\" \"X2Go Director\"")
}

/// The day of the package; nothing where none is given.
fn date() -> String {
    let seconds = std::env::var(DATE_VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok());
    let moment = seconds.map(|seconds: i64| Now::from_unix_ms(seconds.saturating_mul(1000)).to_string());
    let day = moment.as_deref().and_then(|moment| moment.split('T').next());
    day.unwrap_or_default().to_owned()
}

/// The man page of the configuration (man(7)).
fn configuration_page(conf_d: &Path, date: &str) -> io::Result<Vec<u8>> {
    let mut files = fs::read_dir(conf_d)?
        .map(|file| file.map(|file| file.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut page = Vec::new();
    let name = escaped(CONFIGURATION_PAGE);
    writeln!(page, "{}", title(CONFIGURATION_PAGE, 5, date))?;
    writeln!(
        page,
        ".SH NAME\n{name} \\- configuration of the session broker for X2Go"
    )?;
    writeln!(page, ".SH SYNOPSIS\n/etc/x2godirector/conf.d/*.toml")?;
    writeln!(
        page,
        ".SH DESCRIPTION\nEvery key stands in the files below, with its default or an example, and what it means. They \
         are the configuration of a site with a directory; the one that the package installs begins without."
    )?;
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        writeln!(page, ".SH {}\n.nf", escaped(&name))?;
        for line in fs::read_to_string(&file)?.trim_end().lines() {
            writeln!(page, "{}", escaped(line))?;
        }
        writeln!(page, ".fi")?;
    }
    writeln!(
        page,
        ".SH SEE ALSO\n.BR {PROGRAM} (1),\n.BR {PROGRAM}\\-check (1),\n.BR {PROGRAM}\\-explain (1)"
    )?;
    Ok(page)
}

/// The line as text: nothing in it is a request or an escape of roff (groff(7)).
fn escaped(line: &str) -> String {
    let line = line
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga");
    if line.is_empty() || line.starts_with('.') {
        return format!("\\&{line}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_request() {
        assert_eq!(escaped(".so /etc/passwd"), "\\&.so /etc/passwd");
        assert_eq!(escaped("'\\\" -x"), "\\(aq\\e\" \\-x");
        assert_eq!(escaped(""), "\\&");
    }
}
