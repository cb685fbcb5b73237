use proptest::prelude::*;

use super::*;

/// One element, with its length in the long form: some servers send that where the short one would do.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, content].concat()
}

fn response(kind: u8, body: &[Vec<u8>]) -> Vec<u8> {
    element(
        tag::SEQUENCE,
        &[element(tag::INTEGER, &[7]), element(kind, &body.concat())].concat(),
    )
}

fn outcome(code: u8, text: &[u8]) -> Vec<Vec<u8>> {
    vec![
        element(tag::ENUMERATED, &[code]),
        element(tag::OCTETS, b""),
        element(tag::OCTETS, text),
    ]
}

fn staff() -> Vec<u8> {
    let values = element(tag::SET, &element(tag::OCTETS, b"st\xffaff"));
    let attribute = element(tag::SEQUENCE, &[element(tag::OCTETS, b"cn"), values].concat());
    response(
        kind::SEARCH_ENTRY,
        &[
            element(tag::OCTETS, b"cn=staff"),
            element(tag::SEQUENCE, &attribute),
        ],
    )
}

#[test]
fn answers_of_a_server_pass() {
    let bytes = response(kind::BIND_RESPONSE, &outcome(49, b"no"));
    let expected = Answer::Bind(Outcome { code: 49, text: "no" });
    assert_eq!(
        message(&bytes).unwrap(),
        Message {
            id: 7,
            answer: expected,
            controls: Vec::new(),
            state: None
        }
    );
    let bytes = staff();
    let Answer::Entry(entry) = message(&bytes).unwrap().answer else {
        panic!("no entry")
    };
    assert_eq!(entry.dn, "cn=staff");
    assert_eq!(entry.values().collect::<Vec<_>>(), [("cn", &b"st\xffaff"[..])]);
    assert_eq!(message_length(&staff()), Ok(Some(staff().len())));
}

#[test]
fn what_would_stop_the_process_does_not_pass() {
    assert!(message(&response(kind::BIND_RESPONSE, &outcome(49, b"\xff"))).is_err());
    assert!(message(&response(kind::BIND_RESPONSE, &outcome(49, b"")[..2])).is_err());
    assert!(message(&response(kind::SEARCH_DONE, &[])).is_err());
    assert!(message_length(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).is_err());
    assert!(message_length(&[0x30, 0x80]).is_err());
    assert!(message_length(b"HTTP/1.1 400").is_err());
    let deep = (0..10_000).fold(Vec::new(), |inside, _| element(tag::SEQUENCE, &inside));
    assert!(message(&response(kind::SEARCH_ENTRY, &[deep])).is_err());
}

#[test]
fn a_paged_results_control_has_a_size_and_a_cookie() {
    let with = |value: &[u8]| {
        let control = [
            element(tag::OCTETS, PAGED_RESULTS.as_bytes()),
            element(tag::OCTETS, value),
        ]
        .concat();
        let parts = [
            element(tag::INTEGER, &[7]),
            element(kind::SEARCH_DONE, &outcome(0, b"").concat()),
            element(kind::CONTROLS, &element(tag::SEQUENCE, &control)),
        ];
        element(tag::SEQUENCE, &parts.concat())
    };
    let good = [element(tag::INTEGER, &[0]), element(tag::OCTETS, b"cookie")].concat();
    assert!(message(&with(&element(tag::SEQUENCE, &good))).is_ok());
    assert!(message(&with(b"")).is_err());
    assert!(message(&with(&element(tag::SEQUENCE, b""))).is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = message_length(&bytes);
        let _ = message(&bytes);
    }

    #[test]
    fn whatever_passes_is_safe_for_lber_and_ldap3(at in 0_usize..64, byte: u8, cut in 0_usize..64) {
        for mut bytes in [
            staff(),
            response(kind::SEARCH_DONE, &outcome(0, b"done")),
            response(kind::SEARCH_REFERENCE, &[element(tag::OCTETS, b"ldap://a")]),
        ] {
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut.min(bytes.len()) / 8);
            let Ok(Message { answer, .. }) = message(&bytes) else { continue };
            prop_assert_eq!(message_length(&bytes), Ok(Some(bytes.len())));
            let (rest, whole) = lber::parse::parse_tag(&bytes).unwrap();
            prop_assert!(rest.is_empty());
            let operation = whole.expect_constructed().unwrap().swap_remove(1);
            match answer {
                Answer::Entry(_) => {
                    let entry = ldap3::ResultEntry::new(operation);
                    ldap3::SearchEntry::construct(entry);
                }
                Answer::Reference => drop(ldap3::parse_refs(operation)),
                _ => drop(ldap3::LdapResult::from(lber::structures::Tag::StructureTag(operation))),
            }
        }
    }
}
