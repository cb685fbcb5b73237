//! Checks every message of a directory server byte by byte before anything else parses it.
//!
//! `ldap3` and `lber` trust the server: they panic on a text that is not UTF-8 or on a missing element, they
//! recurse once per level of nesting, and they wait for as many bytes as a length announces. Here only the
//! messages that our own requests can bring (RFC 4511 section 4) pass, each in its exact shape, so the depth is
//! fixed by the grammar and the size by [`MESSAGE_BYTES_MAX`]. Not for meaning: what a result code says is
//! decided elsewhere.

use super::ber::{Malformed, Reader, length, tag, text, unsigned};
use super::policy;
use super::sync::value::{self, Info, State};

/// Longest message taken, in bytes. The largest that a login needs is one entry with the attributes asked for.
/// Only content synchronisation asks for the members of a group, where this is room for a quarter of a million.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The object identifier of the paged results control (RFC 2696), whose value `ldap3` parses.
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// Most controls of one answer. A server sends those that the request asked for, and few of its own.
const CONTROLS_MAX: usize = 16;

/// Tags of the messages of RFC 4511, as they stand in the first byte of an element.
mod kind {
    pub(super) const CONTROLS: u8 = 0xa0;
    pub(super) const REFERRAL: u8 = 0xa3;
    pub(super) const SASL_CREDENTIALS: u8 = 0x87;
    pub(super) const RESPONSE_NAME: u8 = 0x8a;
    pub(super) const RESPONSE_VALUE: u8 = 0x8b;
    pub(super) const INTERMEDIATE_NAME: u8 = 0x80;
    pub(super) const INTERMEDIATE_VALUE: u8 = 0x81;
    pub(super) const BIND_RESPONSE: u8 = 0x61;
    pub(super) const MODIFY_RESPONSE: u8 = 0x67;
    pub(super) const SEARCH_ENTRY: u8 = 0x64;
    pub(super) const SEARCH_DONE: u8 = 0x65;
    pub(super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(super) const EXTENDED_RESPONSE: u8 = 0x78;
    pub(super) const INTERMEDIATE_RESPONSE: u8 = 0x79;
}

/// A well-formed message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The id of the request it answers; 0 for what the server says unasked.
    pub id: u32,
    /// What it says.
    pub answer: Answer<'a>,
    /// What it says beside that.
    pub controls: Vec<Control<'a>>,
    /// What one of them says became of the entry, where that was asked for (RFC 4533 section 2.3).
    pub state: Option<State<'a>>,
}

/// A control of an answer (RFC 4511 section 4.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control<'a> {
    /// Its object identifier.
    pub kind: &'a str,
    /// Its value. That of a known kind is well-formed.
    pub value: Option<&'a [u8]>,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// The end of a bind.
    Bind(Outcome<'a>),
    /// One entry of a search.
    Entry(Entry<'a>),
    /// A hint that more may be elsewhere.
    Reference,
    /// The end of a search.
    Done(Outcome<'a>),
    /// The end of a change of an entry.
    Modified(Outcome<'a>),
    /// The end of an extended operation, or with id 0 the notice that the server ends the connection.
    Extended(Outcome<'a>),
    /// How far a content synchronisation is.
    Sync(Info<'a>),
}

/// One entry of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Its distinguished name.
    pub dn: &'a str,
    /// Its attributes, checked.
    attributes: Reader<'a>,
}

impl<'a> Entry<'a> {
    /// Its attributes: each name once for each of its values.
    pub fn values(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let mut attributes = self.attributes;
        std::iter::from_fn(move || attribute(&mut attributes).ok()).flat_map(|(name, mut values)| {
            std::iter::from_fn(move || values.take(tag::OCTETS).ok()).map(move |value| (name, value))
        })
    }
}

/// The common part of all results (RFC 4511 section 4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome<'a> {
    /// The result code.
    pub code: u32,
    /// The server's words for the admin.
    pub text: &'a str,
}

/// The length of the message that starts with `head`, header included; `None` while `head` is too short to
/// tell.
///
/// # Errors
/// The bytes cannot start a message, or it would be longer than [`MESSAGE_BYTES_MAX`].
pub(super) fn message_length(head: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(&first) = head.first() else {
        return Ok(None);
    };
    if first != tag::SEQUENCE {
        return Err(Malformed("it does not start like an LDAP message"));
    }
    let Some((length, header)) = length(&head[1..])? else {
        return Ok(None);
    };
    let total = length + header + 1;
    if total > MESSAGE_BYTES_MAX {
        return Err(Malformed("a message is longer than 16 MiB"));
    }
    Ok(Some(total))
}

/// Checks one whole message.
///
/// # Errors
/// It is not exactly one message of a kind that answers a bind, a search, a content synchronisation, a change or an
/// extended operation.
pub(super) fn message(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut outside = Reader(bytes);
    let mut inside = Reader(outside.take(tag::SEQUENCE)?);
    outside.end()?;
    let id = unsigned(inside.take(tag::INTEGER)?)?;
    let (operation, body) = inside.any()?;
    let answer = match operation {
        kind::BIND_RESPONSE => Answer::Bind(result(body, &[kind::SASL_CREDENTIALS])?),
        kind::SEARCH_ENTRY => entry(body).map(Answer::Entry)?,
        kind::SEARCH_DONE => Answer::Done(result(body, &[])?),
        kind::MODIFY_RESPONSE => Answer::Modified(result(body, &[])?),
        kind::SEARCH_REFERENCE => uris(body).map(|()| Answer::Reference)?,
        kind::EXTENDED_RESPONSE => {
            Answer::Extended(result(body, &[kind::RESPONSE_NAME, kind::RESPONSE_VALUE])?)
        }
        kind::INTERMEDIATE_RESPONSE => Answer::Sync(intermediate(body)?),
        _ => return Err(UNASKED),
    };
    let (controls, state) = match inside.peek() {
        Some(kind::CONTROLS) => controls(inside.take(kind::CONTROLS)?)?,
        _ => (Vec::new(), None),
    };
    inside.end()?;
    Ok(Message {
        id,
        answer,
        controls,
        state,
    })
}

/// `LDAPResult` and the primitive elements that may follow it in this kind of response.
fn result<'a>(body: &'a [u8], extras: &[u8]) -> Result<Outcome<'a>, Malformed> {
    let mut body = Reader(body);
    let code = unsigned(body.take(tag::ENUMERATED)?)?;
    text(body.take(tag::OCTETS)?)?;
    let text = text(body.take(tag::OCTETS)?)?;
    if body.peek() == Some(kind::REFERRAL) {
        uris(body.take(kind::REFERRAL)?)?;
    }
    for &extra in extras {
        if body.peek() == Some(extra) {
            let value = body.take(extra)?;
            if extra == kind::RESPONSE_NAME {
                self::text(value)?;
            }
        }
    }
    body.end()?;
    Ok(Outcome { code, text })
}

/// `SearchResultEntry`: a name and attributes with their values.
fn entry(body: &[u8]) -> Result<Entry<'_>, Malformed> {
    let mut body = Reader(body);
    let dn = text(body.take(tag::OCTETS)?)?;
    let attributes = Reader(body.take(tag::SEQUENCE)?);
    body.end()?;
    let mut rest = attributes;
    while rest.peek().is_some() {
        let (_, mut values) = attribute(&mut rest)?;
        while values.peek().is_some() {
            values.take(tag::OCTETS)?;
        }
    }
    Ok(Entry { dn, attributes })
}

/// The name of the next attribute, and its values.
fn attribute<'a>(attributes: &mut Reader<'a>) -> Result<(&'a str, Reader<'a>), Malformed> {
    let mut attribute = Reader(attributes.take(tag::SEQUENCE)?);
    let name = text(attribute.take(tag::OCTETS)?)?;
    let values = Reader(attribute.take(tag::SET)?);
    attribute.end()?;
    Ok((name, values))
}

/// `IntermediateResponse` (RFC 4511 section 4.13), of which we ask for one kind.
fn intermediate(body: &[u8]) -> Result<Info<'_>, Malformed> {
    let mut body = Reader(body);
    if text(body.take(kind::INTERMEDIATE_NAME)?)? != value::INFO {
        return Err(UNASKED);
    }
    let info = value::info(body.take(kind::INTERMEDIATE_VALUE)?)?;
    body.end()?;
    Ok(info)
}

/// A list of URIs.
fn uris(body: &[u8]) -> Result<(), Malformed> {
    let mut body = Reader(body);
    while body.peek().is_some() {
        text(body.take(tag::OCTETS)?)?;
    }
    Ok(())
}

/// Controls, with the values of those that somebody reads, be it `ldap3`; and what the sync state among them says.
fn controls(body: &[u8]) -> Result<(Vec<Control<'_>>, Option<State<'_>>), Malformed> {
    let mut body = Reader(body);
    let mut controls = Vec::new();
    let mut state = None;
    while body.peek().is_some() {
        if controls.len() == CONTROLS_MAX {
            return Err(Malformed("more controls than an answer has"));
        }
        let mut control = Reader(body.take(tag::SEQUENCE)?);
        let kind = text(control.take(tag::OCTETS)?)?;
        if control.peek() == Some(tag::BOOLEAN) && control.take(tag::BOOLEAN)?.len() != 1 {
            return Err(Malformed("a truth value that is not one byte"));
        }
        let value = match control.peek() {
            Some(tag::OCTETS) => Some(control.take(tag::OCTETS)?),
            _ => None,
        };
        control.end()?;
        match kind {
            PAGED_RESULTS => paged_results(value.ok_or(NO_VALUE)?)?,
            policy::PASSWORD_POLICY => drop(policy::response(value.unwrap_or_default())?),
            value::STATE if state.is_some() => return Err(Malformed("two states of one entry")),
            value::STATE => state = Some(value::state(value.ok_or(NO_VALUE)?)?),
            _ => {}
        }
        controls.push(Control { kind, value });
    }
    Ok((controls, state))
}

/// The value of a paged results control: a number and a cookie.
fn paged_results(value: &[u8]) -> Result<(), Malformed> {
    let mut value = Reader(value);
    let mut inside = Reader(value.take(tag::SEQUENCE)?);
    value.end()?;
    unsigned(inside.take(tag::INTEGER)?)?;
    inside.take(tag::OCTETS)?;
    inside.end()
}

const NO_VALUE: Malformed = Malformed("a control without its value");
const UNASKED: Malformed = Malformed("a message of a kind that was not asked for");

#[cfg(test)]
mod tests;
