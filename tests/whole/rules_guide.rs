//! docs/rules.md: every example in it is a configuration whose expectations hold, and every answer of the
//! program that it shows is what the program answers.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use x2godirector::config::load;

const GUIDE: &str = "docs/rules.md";
/// What an example does not use of the profiles that all examples share is no mistake.
const SHARED: &str = "no rule gives profile";

/// A fenced block.
pub struct Block {
    pub language: String,
    pub text: String,
}

/// The headings and the blocks below them; what stands above the first heading is the first.
pub fn sections(guide: &str) -> Vec<(String, Vec<Block>)> {
    let mut sections = vec![(String::new(), Vec::new())];
    let mut block: Option<Block> = None;
    for line in guide.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (Some(_), Some(_)) => sections.last_mut().unwrap().1.extend(block.take()),
            (Some(open), None) => {
                open.text.push_str(line);
                open.text.push('\n');
            }
            (None, Some(language)) => {
                block = Some(Block {
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (None, None) => {
                if let Some(heading) = line.strip_prefix("## ") {
                    sections.push((heading.to_owned(), Vec::new()));
                }
            }
        }
    }
    sections
}

#[test]
fn every_example_does_what_it_says() {
    let guide = fs::read_to_string(GUIDE).unwrap();
    let mut sections = sections(&guide).into_iter();
    let (_, shared) = sections.next().unwrap();
    let mut tried = 0;
    for (heading, blocks) in sections {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("00.toml"), &shared[0].text).unwrap();
        let examples: Vec<_> = blocks.iter().filter(|block| block.language == "toml").collect();
        for (at, example) in examples.iter().enumerate() {
            fs::write(folder.path().join(format!("{:02}.toml", at + 1)), &example.text).unwrap();
            assert!(
                example.text.contains("[[expect]]"),
                "{heading}: an example without a test"
            );
        }
        let configuration = load(&[folder.path().to_owned()], std::iter::empty())
            .unwrap_or_else(|problems| panic!("{heading}: {problems:#?}"));
        for warning in &configuration.warnings {
            assert!(warning.to_string().contains(SHARED), "{heading}: {warning}");
        }
        let written: usize = examples
            .iter()
            .map(|example| example.text.matches("[[expect]]").count())
            .sum();
        assert_eq!(configuration.expectations, written, "{heading}");
        tried += written;
        for block in blocks.iter().filter(|block| block.language == "console") {
            let (command, answer) = block.text.split_once('\n').unwrap();
            assert_eq!(answered(command, &folder), answer, "{heading}");
        }
    }
    assert!(tried > 20, "{tried}");
}

/// What the program prints for a command line of the guide.
fn answered(command: &str, folder: &TempDir) -> String {
    let arguments = command.strip_prefix("$ x2godirector ").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(arguments.split(' '))
        .arg("--config")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
