//! Man pages and shell completion, as a package makes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn program(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1772442000")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output
}

fn generated(what: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    program(&["generate", what, &folder.path().join("out").display().to_string()]);
    folder
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.path().join("out"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// The subcommands that `--help` lists.
fn subcommands() -> Vec<String> {
    let help = String::from_utf8(program(&["--help"]).stdout).unwrap();
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = rest.split_once("\n\n").unwrap();
    let words = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    words
        .filter(|word| !word.is_empty() && *word != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_subcommand_has_a_page_without_faults() {
    let folder = generated("man");
    let files = files(&folder);
    let names: Vec<_> = files.iter().map(|file| name(file)).collect();
    let commands = subcommands();
    assert!(commands.len() > 10, "{commands:?}");
    for command in &commands {
        assert!(
            names.contains(&format!("x2godirector-{command}.1").as_str()),
            "{command}: {names:?}"
        );
    }
    for page in [
        "x2godirector.1",
        "x2godirector-tickets-revoke.1",
        "x2godirector-conf.d.5",
        "x2godirector-host.1",
        "x2godirector-host-agent.1",
        "x2godirector-host-authorized-keys.1",
    ] {
        assert!(names.contains(&page), "{page}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("generate")), "{names:?}");
    for file in &files {
        let man = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(file)
            .env("MANWIDTH", "120")
            .env("MANPAGER", "cat")
            .output()
            .unwrap();
        assert!(man.status.success() && man.stderr.is_empty(), "{man:?}");
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(file)
            .output()
            .unwrap();
        assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    }
    let page = files
        .iter()
        .find(|file| name(file) == "x2godirector-conf.d.5")
        .unwrap();
    let shown = Command::new("man")
        .args(["-E", "UTF-8", "-l"])
        .arg(page)
        .env("MANWIDTH", "140")
        .env("MANPAGER", "cat")
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("2026-03-02"), "{shown}");
    for line in fs::read_to_string("conf.d/00-server.toml").unwrap().lines() {
        assert!(shown.contains(line), "{line}");
    }
}

#[test]
fn bash_completes_subcommands_and_options() {
    let folder = generated("completion");
    let files = files(&folder);
    let names: Vec<_> = files.iter().map(|file| name(file)).collect();
    let expected = [
        "_x2godirector",
        "_x2godirector-host",
        "x2godirector-host.bash",
        "x2godirector-host.fish",
        "x2godirector.bash",
        "x2godirector.fish",
    ];
    assert_eq!(names, expected);
    let [_, _, _, _, bash, _] = files.as_slice() else {
        panic!("{names:?}");
    };
    let completed = |words: &str| {
        let script = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _x2godirector x2godirector \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\"",
            bash.display()
        );
        let output = Command::new("bash")
            .args(["--norc", "-euc", &script])
            .output()
            .unwrap();
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed("x2godirector rel"), "reload");
    assert_eq!(completed("x2godirector explain --runn"), "--running");
    assert_eq!(completed("x2godirector status --format j"), "json");
}

#[test]
fn zsh_and_fish_complete_too() {
    let folder = generated("completion");
    let files = files(&folder);
    let out = folder.path().join("out").display().to_string();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command
            .args(arguments)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && errors.is_empty(),
            "{program} {arguments:?}: {errors}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let path = |wanted: &str| {
        let file = files.iter().find(|file| name(file) == wanted).unwrap();
        file.display().to_string()
    };
    let (zsh, fish) = (path("_x2godirector"), path("x2godirector.fish"));
    run("zsh", &["-n", &zsh]);
    run("fish", &["--no-execute", &fish]);
    // As a package installs it: a function in a folder that compinit(zshcompsys) looks through.
    let registered = format!(
        "fpath=({out} $fpath); autoload -U compinit; compinit -u -D; autoload +X _x2godirector; \
         print $_comps[x2godirector]"
    );
    assert_eq!(run("zsh", &["-f", "-c", &registered]), "_x2godirector\n");
    let completed = |words: &str| {
        let script = format!("source '{fish}'; complete --do-complete '{words}'");
        let text = run("fish", &["--no-config", "-c", &script]);
        let words = text
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        words.collect::<Vec<_>>()
    };
    assert_eq!(completed("x2godirector rel"), ["reload"]);
    assert!(completed("x2godirector explain --runn").contains(&"--running".to_owned()));
    assert!(completed("x2godirector status --format j").contains(&"json".to_owned()));
    let all = completed("x2godirector ");
    for command in subcommands() {
        assert!(all.contains(&command), "{command}: {all:?}");
    }
    let text = fs::read_to_string(&zsh).unwrap();
    for command in subcommands() {
        assert!(text.contains(&command), "{command} is not in {zsh}");
    }
}
