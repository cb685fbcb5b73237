//! The command lines that the documentation shows: the program takes each of them.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::host::HostArguments;
use super::{Arguments, ssh_frontend};

const HOST_PROGRAM: &str = "x2godirector-host";
const PROGRAMS: [&str; 3] = ["x2godirector", "x2godirector-ssh", HOST_PROGRAM];
/// What stands before the program and runs it.
const RUNNERS: [&str; 3] = ["sudo", "env", "AuthorizedKeysCommand"];
/// Options of these that have their value in the next word.
const WITH_VALUE: [&str; 2] = ["-u", "-g"];

fn pages() -> Vec<PathBuf> {
    let in_docs = fs::read_dir("docs")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    in_docs
        .chain(["README.md", "CHANGELOG.md"].map(PathBuf::from))
        .collect()
}

/// The commands of a line as a shell would run them.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start().trim_start_matches("$ ");
    let words = shlex::split(line).unwrap_or_default();
    words
        .split(|word| ["|", "||", "&&", "&", ";"].contains(&word.as_str()))
        .map(<[String]>::to_vec)
        .collect()
}

/// The words of a command from the program's name on, if it is this program that is run.
fn of_this_program(command: &[String]) -> Option<Vec<String>> {
    let mut words = command.iter().map(String::as_str).peekable();
    while let Some(word) = words.peek() {
        let name = word.rsplit('/').next().unwrap_or_default();
        if PROGRAMS.contains(&name) {
            let until = |word: &&str| !word.starts_with('>') && !word.starts_with('<') && *word != "2>&1";
            return Some(words.take_while(until).map(str::to_owned).collect());
        }
        let passed_over = RUNNERS.contains(word) || word.starts_with('-') || word.contains('=');
        if !passed_over {
            return None;
        }
        if words.next().is_some_and(|word| WITH_VALUE.contains(&word)) {
            words.next();
        }
    }
    None
}

/// How a page writes an alternative or what may be left out (`drain [HOST]`, `generate man|completion`), as one of the
/// lines that it means.
fn as_one_line(text: &str) -> String {
    let text = text.replace(['[', ']', '…'], "");
    let words = text.split(' ').map(|word| word.split('|').next().unwrap_or(word));
    words.collect::<Vec<_>>().join(" ")
}

/// The lines of a page that a reader may type: those of its blocks, and what it sets as code within sentences.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut in_block = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Text(text) if in_block => {
                lines.extend(text.replace("\\\n", " ").lines().map(str::to_owned));
            }
            Event::Code(text) => lines.push(as_one_line(&text)),
            _ => {}
        }
    }
    lines
}

/// What is wrong with a command line; the name of a subcommand alone may leave its arguments to the sentence.
fn fault(words: &[String]) -> Option<String> {
    let taken = if words[0].ends_with(HOST_PROGRAM) {
        HostArguments::try_parse_from(words).map(drop)
    } else {
        Arguments::try_parse_from(ssh_frontend::spelt_out(words.iter().map(Into::into))).map(drop)
    };
    match taken.map_err(|error| error.kind()) {
        Ok(()) | Err(ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => None,
        Err(ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand) if words.len() <= 3 => None,
        Err(ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) if words.len() <= 2 => None,
        Err(kind) => Some(format!("{}: {kind}", words.join(" "))),
    }
}

#[test]
fn every_command_line_of_the_documentation_is_taken() {
    let mut tried = 0;
    let mut faults = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for command in lines(&text).iter().flat_map(|line| commands(line)) {
            let Some(words) = of_this_program(&command) else {
                continue;
            };
            tried += 1;
            faults.extend(fault(&words).map(|fault| format!("{}: {fault}", page.display())));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_line_that_the_program_does_not_take_is_found() {
    let faults: Vec<_> = lines(
        "`x2godirector explian jane` and\n\n```sh\nsudo -u x2godirector x2godirector explain jane --form json | less  # why\n\
         x2godirector drain ts01 > list\nadduser x2godirector --form x\n```\n",
    )
    .iter()
    .flat_map(|line| commands(line))
    .filter_map(|command| fault(&of_this_program(&command)?))
    .collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn pages_are_found() {
    assert!(
        pages()
            .iter()
            .any(|page| page == Path::new("docs/troubleshooting.md"))
    );
}
