//! README.md, CHANGELOG.md and docs/: what they link to is there, and so is what they promise.

mod messages;
mod page;
mod promises;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::page::Page;

/// The pages of the root; all others are in `docs`.
const AT_THE_ROOT: [&str; 2] = ["README.md", "CHANGELOG.md"];

/// The files below a folder, but for what a build makes.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

fn pages() -> Vec<Page> {
    let in_docs = files_below(Path::new("docs"));
    let pages = in_docs
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .chain(AT_THE_ROOT.map(PathBuf::from))
        .map(|path| Page::read(&path))
        .collect()
}

/// What is wrong with a link of a page; links to other places of the net are not looked at.
fn fault(page: &Page, link: &str, pages: &[Page]) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        page.path().to_owned()
    } else {
        page.path().parent().unwrap().join(file)
    };
    let Ok(target) = target.canonicalize() else {
        return Some(format!("{}: {link}: no such file", page.path().display()));
    };
    if anchor.is_empty() {
        return None;
    }
    let same = |other: &&Page| other.path().canonicalize().unwrap() == target;
    let is_there = pages
        .iter()
        .find(same)
        .is_some_and(|other| other.anchors().iter().any(|name| name == anchor));
    (!is_there).then(|| format!("{}: {link}: no such heading", page.path().display()))
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut followed = 0;
    let mut faults = Vec::new();
    for page in &pages {
        let links = page.links();
        followed += links.len();
        faults.extend(links.iter().filter_map(|link| fault(page, link, &pages)));
    }
    assert_none(&faults);
    assert!(followed > 100, "{followed}");
}

#[test]
fn a_dead_link_is_found() {
    let text =
        "# A page\n[a](other.md) [b](#a-page) [c](#nowhere) ![d](none.png) [e](https://example.org/x)\n";
    let page = Page::new(Path::new("README.md"), text);
    let faults: Vec<_> = page
        .links()
        .iter()
        .filter_map(|link| fault(&page, link, std::slice::from_ref(&page)))
        .collect();
    assert_eq!(
        faults,
        [
            "README.md: other.md: no such file",
            "README.md: #nowhere: no such heading",
            "README.md: none.png: no such file",
        ]
    );
}

/// A page that the list beside it does not have is one that nobody finds; one that it has twice is two entries for
/// somebody to keep.
#[test]
fn each_folder_lists_its_pages_once() {
    for folder in ["docs", "docs/decisions"] {
        let list = Page::read(&Path::new(folder).join("README.md"));
        let links = list.links();
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "README.md" {
                let times = links.iter().filter(|link| **link == name).count();
                assert_eq!(times, 1, "{folder}/README.md lists {name} {times} times");
            }
        }
    }
}

/// Help texts, comments in conf.d and messages send people to pages; these must be there, too.
#[test]
fn every_page_that_something_else_names_is_there() {
    let mut named = BTreeSet::new();
    for folder in ["src", "conf.d", "examples", "demo", "scripts", "pam.d", "debian"] {
        if !Path::new(folder).exists() {
            continue;
        }
        for file in files_below(Path::new(folder)) {
            let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
            for after in text.split("docs/").skip(1) {
                let word = after.split(|c: char| !(c.is_ascii_alphanumeric() || "-_/.".contains(c)));
                let word = word.into_iter().next().unwrap_or_default().trim_end_matches('.');
                if word.ends_with(".md") {
                    named.insert((format!("docs/{word}"), file.clone()));
                }
            }
        }
    }
    let faults: Vec<_> = named
        .iter()
        .filter(|(page, _)| !Path::new(page).exists())
        .map(|(page, by)| format!("{}: {page}: no such page", by.display()))
        .collect();
    assert_none(&faults);
    assert!(named.len() > 20, "{named:?}");
}
