//! Log lines with their fields, for systemd's journal, in its own protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::model::plain_line;

/// Names the device and the file of standard error where that is the journal (systemd.exec(5)).
const STREAM_VARIABLE: &str = "JOURNAL_STREAM";
/// Where the journal listens (systemd-journald.service(8)).
const SOCKET: &str = "/run/systemd/journal/socket";
/// Names another socket, for tests and for a journal that is bound elsewhere into a container.
const SOCKET_VARIABLE: &str = "X2GODIRECTOR_JOURNAL_SOCKET";
/// Longest wait for a journal that is busy: whoever logs may be answering a client.
const SEND_TIMEOUT: Duration = Duration::from_millis(50);
/// Longest value, in bytes: a decision fits, and with the other fields the datagram stays below what the kernel
/// takes by default (socket(7), `wmem_default`).
const VALUE_BYTES_MAX: usize = 64 << 10;
/// The field with the text of a line.
const MESSAGE: &str = "message";
/// What the fields of a decision stand in is its text already.
const AUDIT: &str = "audit";

/// The journal's socket.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    lost: Arc<AtomicU64>,
}

/// One entry on its way to the journal.
#[derive(Debug, Default, Clone)]
struct Entry {
    bytes: Vec<u8>,
}

/// The fields of an event or a span as they are found.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Journal {
    /// The journal, if standard error goes there and it listens. `lost` counts what it did not take.
    pub fn of_standard_error(lost: Arc<AtomicU64>) -> Option<Self> {
        let stream = std::env::var(STREAM_VARIABLE).ok()?;
        if !is_file(&stream, &io::stderr()) {
            return None;
        }
        let path = std::env::var_os(SOCKET_VARIABLE).map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
        Self::at(&path, lost).ok()
    }

    /// The journal that listens there.
    fn at(path: &Path, lost: Arc<AtomicU64>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        // What is empty is no entry: journald passes over it.
        socket.send_to(&[], path)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
            lost,
        })
    }

    /// Hands an entry over. By the name of the socket, which a journal that is started anew makes anew.
    fn send(&self, entry: &Entry) {
        if self.socket.send_to(&entry.bytes, &self.path).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether this is the open file that `DEVICE:INODE` names.
fn is_file(stream: &str, open: &impl AsFd) -> bool {
    let metadata = open
        .as_fd()
        .try_clone_to_owned()
        .and_then(|owned| File::from(owned).metadata());
    metadata.is_ok_and(|metadata| stream == format!("{}:{}", metadata.dev(), metadata.ino()))
}

impl Entry {
    /// Adds a field. A value with line breaks goes behind its length, so that it cannot begin another field.
    fn put(&mut self, name: &str, value: &str) {
        let value = &value[..value.floor_char_boundary(VALUE_BYTES_MAX)];
        self.bytes.extend(name.as_bytes());
        if value.contains('\n') {
            self.bytes.push(b'\n');
            self.bytes.extend((value.len() as u64).to_le_bytes());
        } else {
            self.bytes.push(b'=');
        }
        self.bytes.extend(value.as_bytes());
        self.bytes.push(b'\n');
    }

    /// Adds a field by its name in the source.
    fn put_field(&mut self, name: &str, value: &str) {
        // A field of the journal has capitals, digits and `_`, and no `_` first.
        let name: String = name
            .trim_start_matches("r#")
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        self.put(name.trim_start_matches('_'), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field, format!("{value:?}"));
    }
}

impl Fields {
    fn note(&mut self, field: &Field, value: String) {
        if field.name() == MESSAGE {
            self.message = value;
        } else {
            self.others.push((field.name(), value));
        }
    }

    /// The text of the line: as journalctl shows it, which shows no other fields.
    fn text(&self, target: &str) -> String {
        let mut text = self.message.clone();
        if target != AUDIT {
            for (name, value) in &self.others {
                // Writing into a text cannot fail.
                let _ = write!(text, " {name}={value}");
            }
        }
        plain_line(text.trim_start()).into_owned()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut entry = Entry::default();
        entry.put("MESSAGE", &fields.text(metadata.target()));
        entry.put("PRIORITY", priority(*metadata.level()));
        entry.put("SYSLOG_IDENTIFIER", "x2godirector");
        entry.put("TARGET", metadata.target());
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                for (name, value) in &fields.others {
                    entry.put_field(name, value);
                }
            }
        }
        for (name, value) in &fields.others {
            entry.put_field(name, value);
        }
        self.send(&entry);
    }
}

/// The level in syslog's words (RFC 5424 section 6.2.1).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// The fields of a datagram, read as the protocol says.
    fn read(mut bytes: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let line = str::from_utf8(&bytes[..end]).unwrap();
            bytes = &bytes[end + 1..];
            if let Some((name, value)) = line.split_once('=') {
                fields.push((name.to_owned(), value.to_owned()));
            } else {
                let (length, rest) = bytes.split_at(8);
                let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
                let value = str::from_utf8(&rest[..length]).unwrap().to_owned();
                assert_eq!(rest[length], b'\n');
                fields.push((line.to_owned(), value));
                bytes = &rest[length + 1..];
            }
        }
        fields
    }

    fn journal() -> (tempfile::TempDir, UnixDatagram, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(&path, Arc::default()).unwrap();
        (folder, listener, journal)
    }

    fn next(listener: &UnixDatagram) -> Vec<(String, String)> {
        let mut bytes = vec![0; 1 << 18];
        loop {
            let length = listener.recv(&mut bytes).unwrap();
            if length > 0 {
                return read(&bytes[..length]);
            }
        }
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_of_the_request_that_it_is_about() {
        let (_folder, listener, journal) = journal();
        let subscriber = tracing_subscriber::registry().with(journal);
        tracing::subscriber::with_default(subscriber, || {
            let request = tracing::error_span!("request", decision_id = "4T9", user = tracing::field::Empty);
            request.in_scope(|| {
                request.record("user", "ldap:alice");
                tracing::warn!(file.name = "a\nPRIORITY=0", "no\nmore: {}", "\u{1b}[2K");
            });
        });
        let fields = next(&listener);
        let field = |name: &str| {
            let mut values = fields.iter().filter(|(found, _)| found == name);
            let value = values.next().unwrap_or_else(|| panic!("{name}: {fields:?}"));
            assert!(values.next().is_none(), "{name} twice: {fields:?}");
            value.1.as_str()
        };
        assert_eq!(field("MESSAGE"), "no\\nmore: \\u{1b}[2K file.name=a\\nPRIORITY=0");
        assert_eq!(field("PRIORITY"), "4");
        assert_eq!(field("DECISION_ID"), "4T9");
        assert_eq!(field("USER"), "ldap:alice");
        assert_eq!(field("FILE_NAME"), "a\nPRIORITY=0");
    }

    #[test]
    fn a_journal_that_takes_nothing_costs_lines() {
        let (folder, listener, journal) = journal();
        drop(listener);
        std::fs::remove_file(folder.path().join("socket")).unwrap();
        journal.send(&Entry::default());
        assert_eq!(journal.lost.load(Ordering::Relaxed), 1);
        let anew = UnixDatagram::bind(folder.path().join("socket")).unwrap();
        let mut entry = Entry::default();
        entry.put("MESSAGE", "back");
        journal.send(&entry);
        assert_eq!(next(&anew), [("MESSAGE".to_owned(), "back".to_owned())]);
    }

    #[test]
    fn standard_error_is_the_journal_only_if_it_is_that_file() {
        let file = tempfile::tempfile().unwrap();
        let metadata = file.metadata().unwrap();
        assert!(is_file(&format!("{}:{}", metadata.dev(), metadata.ino()), &file));
        assert!(!is_file(
            &format!("{}:{}", metadata.dev(), metadata.ino() + 1),
            &file
        ));
        assert!(!is_file("", &file));
    }

    proptest! {
        #[test]
        fn any_value_is_one_field(value in any::<String>(), other in "[\\PC\n=]{0,20}") {
            let mut entry = Entry::default();
            entry.put("FIRST", &value);
            entry.put("SECOND", &other);
            prop_assert_eq!(
                read(&entry.bytes),
                [("FIRST".to_owned(), value), ("SECOND".to_owned(), other)]
            );
        }
    }
}
