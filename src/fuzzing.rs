//! Every parser of bytes from outside, as functions that take any bytes and must return: whether the bytes
//! are what the parser is for. `fuzz/` hands them to libFuzzer, and the property tests here run them all. Not in a
//! program that is shipped.

use crate::audit::{Found, Reader};
use crate::wire::host_keys::{self, HostKeysRequest};

pub use crate::admin::fuzzing::{reply as admin_reply, request as admin_request};
pub use crate::agent::fuzzing::{
    host_keys as agent_host_keys, lines as agent_lines, output as agent_output, trouble as agent_trouble,
};
pub use crate::config::fuzzing::document as conf_d_document;
pub use crate::directory::fuzzing::{
    bind_text as directory_bind_text, domain_value as directory_domain_value, message as directory_message,
    password_policy as directory_password_policy, sync_value as directory_sync_value,
};
pub use crate::hooks::fuzzing::{asked as hook_asked, told as hook_told, verdict as hook_verdict};
pub use crate::http::fuzzing::{forwarded_for, joined_credentials, proxy_header, uccs_path};
pub use crate::pam_worker::fuzzing::{reply as pam_worker_reply, request as pam_worker_request};
pub use crate::ssh::fuzzing::{reply as ssh_reply, request as ssh_request};

/// The body of a request of X2Go Client.
pub fn plain_request(bytes: &[u8]) -> bool {
    crate::wire::plain::decode(bytes).is_ok()
}

/// The body of a request of Python X2Go.
pub fn json_request(bytes: &[u8]) -> bool {
    crate::wire::json::decode(bytes).is_ok()
}

/// The public key that Python X2Go brings along.
pub fn public_key(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| crate::model::PublicKey::parse(text).is_ok())
}

/// The credentials of a request of a UCCS client.
pub fn uccs_request(bytes: &[u8]) -> bool {
    crate::wire::uccs::decode([bytes].into_iter()).is_ok()
}

/// What an X2Go host asks that wants the keys of an account: the value of its `Authorization` up to a line feed, its body
/// behind it. What is taken reads back.
pub fn host_keys_request(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (header, body) = (part(), part());
    let Ok(request) = HostKeysRequest::decode([header].into_iter(), body) else {
        return false;
    };
    let header = request.authorization();
    let again = HostKeysRequest::decode(
        [header.expose().as_bytes()].into_iter(),
        request.body().as_bytes(),
    );
    assert!(again.is_ok_and(|again| again.user == request.user));
    true
}

/// What it is answered. What is taken reads back.
pub fn host_keys_answer(bytes: &[u8]) -> bool {
    let Ok(keys) = host_keys::decode(bytes) else {
        return false;
    };
    assert!(host_keys::decode(&host_keys::encode(&keys)).is_ok_and(|again| again == keys));
    true
}

/// Where sshd says that the client is.
pub fn ssh_connection(bytes: &[u8]) -> bool {
    crate::wire::ssh::client_address(&String::from_utf8_lossy(bytes)).is_some()
}

/// The words behind the name of the program that X2Go Client runs over SSH, one on each line.
pub fn ssh_words(bytes: &[u8]) -> bool {
    let words: Vec<String> = String::from_utf8_lossy(bytes)
        .split('\n')
        .map(str::to_owned)
        .collect();
    crate::wire::ssh::decode(&words).is_ok()
}

/// What X2Go Client asks sshd to run, as a forced command is told.
pub fn ssh_command(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    crate::wire::ssh::Command::read(&text).is_some()
}

/// An audit log that is read back, line by line to its end.
pub fn audit_log(bytes: &[u8]) -> bool {
    let lines = Reader::new(bytes).filter(|line| matches!(line, Ok(Found::Decision(..))));
    lines.count() > 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The name of a target in `fuzz/`, its function, and bytes that it takes.
    type Target = (&'static str, fn(&[u8]) -> bool, &'static [u8]);

    const TARGETS: &[Target] = &[
        ("admin_reply", admin_reply, br#"{"version":1,"body":{"refused":"no"}}"#),
        ("admin_request", admin_request, br#"{"version":1,"body":{"log-level":{"filter":"debug"}}}"#),
        (
            "agent_lines",
            agent_lines,
            b"4711|alice-51-1700000000_stDXFCE_dp24|51|ts01|S|2026-03-02T09:00:00|c|10.1.2.3|30001|30002|\
              2026-03-02T10:00:00|alice|3600|30003|-1|-1\n",
        ),
        (
            "agent_host_keys",
            agent_host_keys,
            b"# ts01:22\nts01 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n",
        ),
        ("agent_output", agent_output, b"OK\nts01 3\n\0perl: warning: Setting locale failed.\n"),
        ("agent_trouble", agent_trouble, b"Host key verification failed.\r\n"),
        (
            "audit_log",
            audit_log,
            b"{\"decision\":\"0000000011\",\"task\":\"list\",\"outcome\":\"granted\",\"account\":\"ldap:alice\"}\n",
        ),
        (
            "conf_d_document",
            conf_d_document,
            b"[rule.a]\nusers = [\"b\"]\npriority = -1\nset = { fullscreen = true }\n[[expect]]\nat = 1.5\n",
        ),
        (
            "directory_bind_text",
            directory_bind_text,
            b"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1",
        ),
        (
            "directory_domain_value",
            directory_domain_value,
            b"\x01\x02\0\0\0\0\0\x05\x20\0\0\0\x20\x02\0\0",
        ),
        (
            "directory_message",
            directory_message,
            b"\x30\x38\x02\x01\x02\x61\x07\x0a\x01\x31\x04\0\x04\0\xa0\x2a\x30\x28\x04\x19\
              1.3.6.1.4.1.42.2.27.8.5.1\x04\x0b\x30\x09\xa0\x04\x80\x02\x01\0\x81\x01\x01",
        ),
        (
            "directory_password_policy",
            directory_password_policy,
            b"\x30\x09\xa0\x04\x80\x02\x01\0\x81\x01\x01",
        ),
        (
            "directory_sync_value",
            directory_sync_value,
            b"\x30\x15\x0a\x01\x01\x04\x100123456789abcdef",
        ),
        ("forwarded_for", forwarded_for, b"198.51.100.7, [2001:db8::1]:443, 10.0.0.1"),
        ("hook_asked", hook_asked, br#"{"moment":"select","input":"{}\n"}"#),
        ("hook_told", hook_told, br#"{"wrote":"{\"host\":\"ts01\"}"}"#),
        ("hook_verdict", hook_verdict, br#"{"refuse":"no licence left","host":"ts01","notice":"call 42"}"#),
        (
            "host_keys_answer",
            host_keys_answer,
            b"restrict,pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 x2godirector:4T9\nssh-rsa AAAA\n",
        ),
        (
            "host_keys_request",
            host_keys_request,
            b"Bearer 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\nuser=a.b_c@EXAMPLE.ORG",
        ),
        (
            "joined_credentials",
            joined_credentials,
            b"GET /uccs/ HTTP/1.1\r\nAuthorization: Basic \
              YS12ZXJ5LWxvbmctdXNlci1uYW1lLXRoYXQtZXhjZWVkcy10aGUtNTctYnl0ZS1saW5lLWxpbWl0\nQGV4YW1wbGU6Ym9i\n\r\n",
        ),
        (
            "json_request",
            json_request,
            b"task=selectsession&profile-id=office&user=a%20b&pubkey=ssh-rsa+AAAA&authid=00ff",
        ),
        (
            "pam_worker_reply",
            pam_worker_reply,
            b"\x03\0\0\0\x07\0\x01\0\x05alice\x01\0\x02hi",
        ),
        (
            "pam_worker_request",
            pam_worker_request,
            b"\x03\0\x05alice\0\x03old\0\x03new\0\x0b2001:db8::1",
        ),
        (
            "plain_request",
            plain_request,
            b"task=clientevent&user=a%20b&password=p&sid=s&event=ALIVE&server=h&client=&login=a&cmd=&display=&\
              start=&elapsed=0&authid=00ff",
        ),
        (
            "public_key",
            public_key,
            b"no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f bob@127.0.0.1",
        ),
        ("proxy_header", proxy_header, b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8443\r\n"),
        ("uccs_path", uccs_path, b"inifile//api/5/"),
        ("uccs_request", uccs_request, b"Basic Ym9iOmJvYg=="),
        (
            "ssh_command",
            ssh_command,
            b"bash -l -c 'echo \"X2GODATABEGIN:4c87\"; export PATH=\"/usr/local/bin:/usr/bin:/bin\";\
              export TERM=\"dumb\"; /b --user a --task selectsession --sid \"p\"; echo \"X2GODATAEND:4c87\";'",
        ),
        ("ssh_connection", ssh_connection, b"2001:db8::7 40000 10.0.0.1 22"),
        ("ssh_reply", ssh_reply, b"{\"version\":1,\"body\":\"Access granted\\n\"}"),
        (
            "ssh_request",
            ssh_request,
            b"{\"version\":1,\"body\":{\"words\":[\"--task\",\"testcon\"],\"client\":\"192.0.2.7\"}}",
        ),
        (
            "ssh_words",
            ssh_words,
            b"--user\na\n--task\nclientevent\n--sid\ns\n--event\nALIVE\n--server\nh\n--cmd\n--task\n--elapsed\n0",
        ),
    ];

    #[test]
    fn fuzz_has_each_function_as_a_target() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
        let names = || TARGETS.iter().map(|(name, ..)| *name);
        let there = std::fs::read_dir(format!("{folder}/fuzz_targets")).unwrap();
        let there = there.map(|file| file.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<_> = there.collect();
        assert_eq!(there, names().map(|name| format!("{name}.rs")).collect());
        let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
        for name in names() {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name}"
            );
            let target = std::fs::read_to_string(format!("{folder}/fuzz_targets/{name}.rs")).unwrap();
            let called = format!("x2godirector::fuzzing::{name}(bytes)");
            assert!(target.contains(&called), "{target}");
        }
    }

    #[test]
    fn samples_are_taken() {
        for (name, target, sample) in TARGETS {
            assert!(target(sample), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_return(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for (_, target, _) in TARGETS {
                target(&bytes);
            }
        }

        #[test]
        fn damaged_messages_return(
            at in any::<prop::sample::Index>(),
            with in proptest::collection::vec(any::<u8>(), 0..4),
            instead_of in 0..4_usize,
        ) {
            for (_, target, sample) in TARGETS {
                let at = at.index(sample.len());
                let rest = &sample[(at + instead_of).min(sample.len())..];
                target(&[&sample[..at], &with, rest].concat());
            }
        }
    }
}
