//! `[notices]`: what users are told in the list of profiles.

use std::time::Duration;

use super::section::Section;
use super::value::FromText;
use crate::entitlement::{Message, MustChange, NoticeText, Notices};
use crate::model::{Now, ProfileId};

const NO_PROFILES: bool = false;
const NO_HOST: bool = false;
const MUST_CHANGE: bool = true;
const PASSWORD_EXPIRES_WITHIN: Duration = Duration::ZERO;
const PASSWORD_EXPIRES_WITHIN_MAX: Duration = Duration::from_hours(366 * 24);
/// What the ids of messages begin with, behind what those of all notices begin with.
const MESSAGE: &str = "message-";
/// Most messages: each is one more picture among the profiles.
const MESSAGES_MAX: usize = 20;

impl FromText for NoticeText {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::new(text)
    }
}

/// The texts where none are written.
mod text {
    pub(super) const NO_PROFILES: &str = "No desktop is assigned to you (help desk: ${decision})";
    pub(super) const NO_HOST: &str = "No server has room at the moment, please try again later";
    pub(super) const MUST_CHANGE: &str = "Your password must be changed first (help desk: ${decision})";
    pub(super) const CHANGE_ELSEWHERE: &str =
        "Your password has expired and cannot be changed here (help desk: ${decision})";
    pub(super) const PASSWORD_EXPIRES: &str = "Your password expires. Days left: ${days}";
    pub(super) const GRACE_LOGINS: &str = "Your password has expired. Logins left: ${logins}";
}

/// Reads the section; nothing if a text of it is wrong, which is then noted.
pub(super) fn read(mut section: Section<'_>) -> Option<Notices> {
    let no_profiles = section.take("no_profiles").unwrap_or(NO_PROFILES);
    let no_host = section.take("no_host").unwrap_or(NO_HOST);
    let must_change = section.take("must_change").unwrap_or(MUST_CHANGE);
    let password_expires_within = section
        .duration(
            "password_expires_within",
            Duration::ZERO..=PASSWORD_EXPIRES_WITHIN_MAX,
        )
        .unwrap_or(PASSWORD_EXPIRES_WITHIN);
    let mut texts = section.section("text");
    let mut text = |key, default| match texts.take(key) {
        Some(text) => Some(text),
        None => NoticeText::new(default).ok(),
    };
    let without_profiles = text("no_profiles", text::NO_PROFILES)?;
    let without_host = text("no_host", text::NO_HOST)?;
    let here = text("must_change", text::MUST_CHANGE)?;
    let elsewhere = text("change_elsewhere", text::CHANGE_ELSEWHERE)?;
    let password_expires = text("password_expires", text::PASSWORD_EXPIRES)?;
    let grace_logins = text("grace_logins", text::GRACE_LOGINS)?;
    texts.finish();
    let messages = messages(&mut section);
    section.finish();
    Some(Notices {
        no_profiles: no_profiles.then_some(without_profiles),
        no_host: no_host.then_some(without_host),
        must_change: must_change.then_some(MustChange { here, elsewhere }),
        password_expires_within,
        password_expires,
        grace_logins,
        messages,
    })
}

/// `[notices.message.NAME]`
fn messages(section: &mut Section<'_>) -> Vec<Message> {
    let named = section.named("message");
    if let Some((_, beyond)) = named.get(MESSAGES_MAX) {
        let problem = format!("there are more than {MESSAGES_MAX} messages");
        section.problems().error(beyond.header(), problem);
    }
    named
        .into_iter()
        .filter_map(|(name, section)| message(&name, section))
        .collect()
}

fn message(name: &str, mut section: Section<'_>) -> Option<Message> {
    let problems = section.problems();
    let id = ProfileId::of_notice(&format!("{MESSAGE}{name}"))
        .map_err(|why| {
            problems.error(
                section.header(),
                format!("the name of a message cannot be `{name}`: {why}"),
            )
        })
        .ok();
    let text = section.require("text", "\"Maintenance on Saturday from 8 to 12\"");
    let (from, until): (Option<Now>, Option<Now>) = (section.take("from"), section.take("until"));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        let problem = format!("{} ends before it begins", section.title());
        problems.error(section.header(), problem);
    }
    section.finish();
    Some(Message {
        id: id?,
        text: text?,
        from,
        until,
    })
}
