//! Turns an x2gobroker site into files for `conf.d`: texts in, texts and notes out.
//!
//! ```text
//! texts -> ini (Python's ConfigParser) -> settings, profiles (hosts, acl, values) -> conf_d -> texts
//! ```
//! Every line of the old files ends up in the new ones or in a [`Note`]. The meaning of the old keys is that of
//! x2gobroker 0.0.4.3; a test runs its decisions beside those of the imported rules. Nothing here reads or
//! writes files, and nothing here knows how `conf.d` is read.

#![forbid(unsafe_code)]

mod acl;
mod conf_d;
mod file;
mod hosts;
mod ini;
mod network;
mod note;
mod profiles;
mod received;
mod sent;
mod settings;
mod toml_text;
mod typed;
mod unique;

use self::file::File;
use self::ini::Ini;
use self::note::Notes;
use self::settings::Settings;

pub use note::Note;

/// A file of an x2gobroker site.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, as notes and comments show it.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// A file for `conf.d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfFile {
    /// Its name within the folder.
    pub name: &'static str,
    /// What it holds.
    pub text: String,
}

/// What became of a site.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The files, in the order in which they are read.
    pub files: Vec<ConfFile>,
    /// What differs or could not be carried over, in order of file and line.
    pub notes: Vec<Note>,
}

/// Translates a site: its session profiles (`x2gobroker-sessionprofiles.conf`) and, if given, its settings
/// (`x2gobroker.conf`). Which is which shows from their sections. The same sources give the same result.
///
/// # Errors
/// What stands in the way: lines that x2gobroker itself cannot read, and files that are missing or too many.
pub fn import(sources: &[Source]) -> Result<Imported, Vec<Note>> {
    let mut refusals = Vec::new();
    let mut settings: Option<File> = None;
    let mut profiles: Option<File> = None;
    for source in sources {
        let ini = match Ini::parse(&source.text) {
            Ok(ini) => ini,
            Err(faults) => {
                let notes = faults.into_iter();
                refusals.extend(notes.map(|(line, message)| Note::new(&source.name, line, message)));
                continue;
            }
        };
        let slot = if settings::are_in(&ini) {
            &mut settings
        } else {
            &mut profiles
        };
        match slot {
            Some(other) => refusals.push(Note::on_file(
                &source.name,
                format!(
                    "is of the same kind as {}; import one site at a time",
                    other.name()
                ),
            )),
            None => *slot = Some(File::new(&source.name, ini)),
        }
    }
    if let Some(file) = &profiles {
        refusals.extend(profiles::refusals(file));
    } else if refusals.is_empty() {
        let message = "no session profiles were given; name x2gobroker-sessionprofiles.conf too";
        let name = sources.first().map_or("", |source| source.name.as_str());
        refusals.push(Note::on_file(name, message.to_owned()));
    }
    let Some(file) = profiles.filter(|_| refusals.is_empty()) else {
        refusals.sort();
        return Err(refusals);
    };
    let mut notes = Notes::default();
    let settings = match &settings {
        Some(file) => settings::read(file, &mut notes),
        None => Settings::default(),
    };
    let site = profiles::read(&file, &settings, &mut notes);
    Ok(Imported {
        files: conf_d::write(&file, &settings, &site),
        notes: notes.into_sorted(),
    })
}

#[cfg(test)]
mod tests;
