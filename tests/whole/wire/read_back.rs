//! Profiles, as the client's own INI reader gives them back: nothing in them acts, and nothing is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use x2godirector::model::ProfileId;
use x2godirector::model::session_key::{KEYS, Value};
use x2godirector::wire::OfferedProfile;

use super::{WORDS_THAT_ACT, list, profile, text, word_in, written};

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// The part of a list that holds the profiles, cut out as the client does it.
fn profiles_of(body: &str) -> String {
    let lines = body.replace("<br>", "\n");
    let (_, after) = lines.split_once("START_USER_SESSIONS\n").unwrap();
    let (profiles, _) = after.split_once("END_USER_SESSIONS\n").unwrap();
    profiles.to_owned()
}

/// What the client's INI reader makes of these texts, each read from its own file by one process.
fn read_by_qsettings(texts: &[String]) -> Vec<Sections> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..texts.len())
        .map(|n| folder.path().join(format!("{n}.ini")))
        .collect();
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(file, text).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/wire/read_profiles.py");
    let output = Command::new("/usr/bin/python3")
        .arg(script)
        .args(&files)
        .output()
        .expect("this test needs /usr/bin/python3 with PyQt5 (Debian: python3-pyqt5)");
    assert!(
        output.status.success(),
        "this test needs PyQt5 (Debian: python3-pyqt5); python3 said: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the client should see.
fn meant(profiles: &[OfferedProfile]) -> Sections {
    let seen = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
    };
    let keys_of = |profile: &OfferedProfile| {
        let keys = profile.keys.iter();
        keys.map(|(key, value)| ((*key).to_owned(), seen(value)))
            .collect()
    };
    profiles
        .iter()
        .map(|profile| (profile.id.to_string(), keys_of(profile)))
        .collect()
}

/// Writes each list, checks that nothing in it acts, and that the client's reader gives back what was meant.
fn assert_read_back(lists: Vec<Vec<OfferedProfile>>) {
    let mut sent = Vec::new();
    let mut expected = Vec::new();
    for profiles in lists {
        expected.push(meant(&profiles));
        let (_, body) = written(&list(None, profiles));
        let ini = profiles_of(&body);
        assert_eq!(word_in(&ini), None, "in {ini}");
        let around = body.replacen(&ini, "", 1);
        assert_eq!(
            around,
            written(&list(None, Vec::new())).1,
            "nothing stands outside the markers"
        );
        sent.push(ini);
    }
    for ((read, meant), ini) in read_by_qsettings(&sent).iter().zip(&expected).zip(&sent) {
        assert_eq!(read, meant, "written as {ini}");
    }
}

/// Every key that a profile may be sent with.
fn every_key() -> Vec<&'static str> {
    let broker_sets = ["host", "running", "sshport", "status", "suspended", "user"];
    KEYS.iter().map(|key| key.name).chain(broker_sets).collect()
}

#[test]
fn no_word_acts_from_any_key_and_none_is_lost() {
    let lists = WORDS_THAT_ACT
        .iter()
        .flat_map(|word| {
            let doubled = format!("{word}{word}");
            // A word with another one inside must not come together when the inner one is broken.
            let nested = format!("{}{word}{}", &word[..3], &word[3..]);
            let hidden = format!("x\n{word}\nf");
            [(*word).to_owned(), doubled, nested, hidden]
        })
        .map(|value| {
            vec![profile(
                "p",
                every_key().into_iter().map(|key| (key, text(&value))),
            )]
        })
        .collect();
    assert_read_back(lists);
}

#[test]
fn no_key_and_no_profile_id_spells_a_word() {
    for key in every_key() {
        assert_eq!(word_in(key), None);
        assert!(key.bytes().all(|byte| byte.is_ascii_lowercase()), "{key}");
    }
    let ids = [
        "START_USER_SESSIONS",
        "END_USER_SESSIONS",
        "xSUSPEND",
        "TERMINATE.TERMINATE",
        "-----BEGIN",
    ];
    assert_read_back(vec![
        ids.iter().map(|id| profile(id, [("name", text("n"))])).collect(),
    ]);
}

/// Pieces that are made for trouble: words and parts of words, what the INI reader takes for syntax, and any
/// character.
fn piece() -> impl Strategy<Value = String> {
    let part_of_word = (prop::sample::select(WORDS_THAT_ACT), any::<prop::sample::Index>())
        .prop_map(|(word, at)| word.split_at(at.index(word.len())))
        .prop_flat_map(|(head, tail)| prop::sample::select(vec![head.to_owned(), tail.to_owned()]));
    let syntax = prop::sample::select(vec![
        "\"",
        "\\",
        "\\x",
        "\\n",
        ",",
        ";",
        "=",
        "%",
        "%41",
        "@",
        "@@",
        "@Invalid()",
        "@Variant(",
        ")",
        "#",
        "[",
        "]",
        "[x]\n",
        "\n",
        "\r\n",
        "\0",
        " ",
        "  ",
        "\t",
        "a",
        "F",
        "0",
        "ü",
        "日",
        "😀",
        "\u{feff}",
        "\u{fffd}",
    ]);
    prop_oneof![
        2 => prop::sample::select(WORDS_THAT_ACT).prop_map(str::to_owned),
        3 => part_of_word,
        3 => syntax.prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::collection::vec(piece(), 0..10).prop_map(|pieces| Value::Text(pieces.concat())),
        1 => any::<bool>().prop_map(Value::Flag),
        1 => any::<i64>().prop_map(Value::Number),
    ]
}

fn id() -> impl Strategy<Value = ProfileId> {
    let words = prop::sample::select(vec![
        "SUSPEND",
        "TERMINATE",
        "START_USER_SESSIONS",
        "END_",
        "-----BEGIN",
    ]);
    let plain = prop::string::string_regex("[A-Za-z0-9._-]{1,20}").unwrap();
    prop_oneof![1 => words.prop_map(str::to_owned), 3 => plain]
        .prop_filter_map("means something to the client", |id| ProfileId::new(&id).ok())
}

fn profiles() -> impl Strategy<Value = Vec<OfferedProfile>> {
    let keys = prop::collection::btree_map(prop::sample::select(every_key()), value(), 1..6);
    prop::collection::btree_map(id(), keys, 1..5).prop_map(|profiles| {
        let offered = profiles.into_iter();
        offered.map(|(id, keys)| OfferedProfile { id, keys }).collect()
    })
}

proptest! {
    // One case is many lists, as each costs a start of Python.
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_profile_holds_is_what_the_client_reads(lists in prop::collection::vec(profiles(), 150)) {
        assert_read_back(lists);
    }
}
