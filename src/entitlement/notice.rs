//! What a user must read, as profiles of the list that start nothing: X2Go Client shows no other message of a server.
//! Not offers: nothing is granted by them.

use std::time::Duration;

use super::notice_text::{NoticeText, Numbers};
use crate::model::{DecisionId, Now, PasswordEnd, ProfileId};

const DAY: Duration = Duration::from_hours(24);

/// What there is to tell, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// That no profile is assigned; none to give the plain empty list.
    pub no_profiles: Option<NoticeText>,
    /// That no host has room for a profile; none to tell nobody.
    pub no_host: Option<NoticeText>,
    /// What somebody is told who has to change the password first; none to give the plain empty list.
    pub must_change: Option<MustChange>,
    /// From how long before its end on somebody is told that the password expires; zero for never.
    pub password_expires_within: Duration,
    /// That it expires.
    pub password_expires: NoticeText,
    /// That it has expired and will do for some logins more.
    pub grace_logins: NoticeText,
    /// What everybody is told.
    pub messages: Vec<Message>,
}

/// What somebody is told who has to change the password first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MustChange {
    /// Where it can be changed through X2Go Client.
    pub here: NoticeText,
    /// Where it cannot.
    pub elsewhere: NoticeText,
}

/// Something that everybody is told for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id of its notice.
    pub id: ProfileId,
    /// What it says.
    pub text: NoticeText,
    /// From when on; none for always.
    pub from: Option<Now>,
    /// Until when, that moment not included; none for always.
    pub until: Option<Now>,
}

/// What a list is made for, as far as notices depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// When it is made.
    pub now: Now,
    /// The id it stands under in the audit log.
    pub decision: DecisionId,
}

/// One notice, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id, which begins `notice-`.
    pub id: ProfileId,
    /// What it says; without `/`, which would make a folder of it.
    pub text: String,
}

impl Notices {
    /// What stands in a list beside this many offers, for somebody whose password ends then.
    pub fn beside(&self, offers: usize, password: Option<PasswordEnd>, occasion: Occasion) -> Vec<Notice> {
        let no_profiles = self.no_profiles.as_ref().filter(|_| offers == 0);
        let messages = self.messages.iter().filter(|message| {
            message.from.is_none_or(|from| from <= occasion.now)
                && message.until.is_none_or(|until| occasion.now < until)
        });
        no_profiles
            .and_then(|text| notice("no-profiles", text, Numbers::default(), occasion))
            .into_iter()
            .chain(password.and_then(|end| self.password(end, occasion)))
            .chain(messages.map(|message| Notice {
                id: message.id.clone(),
                text: message.text.filled(Numbers::default(), occasion.decision),
            }))
            .collect()
    }

    /// What somebody reads who is offered a profile for which no host has room; none where nobody is told.
    pub fn no_host(&self, occasion: Occasion) -> Option<Notice> {
        let text = self.no_host.as_ref()?;
        notice("no-host", text, Numbers::default(), occasion)
    }

    /// All that stands in the list of somebody who has to change the password first; `here` where that can be done
    /// through X2Go Client.
    pub fn instead_of_offers(&self, here: bool, occasion: Occasion) -> Vec<Notice> {
        self.must_change
            .as_ref()
            .and_then(|texts| {
                let text = if here { &texts.here } else { &texts.elsewhere };
                notice("must-change", text, Numbers::default(), occasion)
            })
            .into_iter()
            .collect()
    }

    fn password(&self, end: PasswordEnd, occasion: Occasion) -> Option<Notice> {
        if self.password_expires_within.is_zero() {
            return None;
        }
        let (text, numbers) = match end {
            PasswordEnd::At(end) => {
                let left = end.since(occasion.now);
                if left > self.password_expires_within {
                    return None;
                }
                let days = left.as_millis().div_ceil(DAY.as_millis());
                (&self.password_expires, Numbers { days, logins: 0 })
            }
            PasswordEnd::AfterLogins(logins) => (&self.grace_logins, Numbers { days: 0, logins }),
        };
        notice("password", text, numbers, occasion)
    }
}

impl Notice {
    /// A notice of somebody else's words, of a kind that is theirs.
    ///
    /// # Errors
    /// Says what is wrong with the words.
    pub fn of_words(kind: &str, words: &str, occasion: Occasion) -> Result<Self, String> {
        let text = NoticeText::new(words)?;
        notice(kind, &text, Numbers::default(), occasion)
            .ok_or_else(|| format!("`{kind}` is no kind of notice"))
    }
}

fn notice(kind: &str, text: &NoticeText, numbers: Numbers, occasion: Occasion) -> Option<Notice> {
    Some(Notice {
        id: ProfileId::of_notice(kind).ok()?,
        text: text.filled(numbers, occasion.decision),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> NoticeText {
        NoticeText::new(text).unwrap()
    }

    fn day(day: u32) -> Now {
        Now::from_unix_ms(0).plus(DAY * day)
    }

    fn notices() -> Notices {
        Notices {
            no_profiles: Some(text("nothing for you (${decision})")),
            no_host: None,
            must_change: Some(MustChange {
                here: text("change it here"),
                elsewhere: text("change it there"),
            }),
            password_expires_within: DAY * 14,
            password_expires: text("${days} days"),
            grace_logins: text("${logins} logins"),
            messages: vec![Message {
                id: ProfileId::of_notice("message-move").unwrap(),
                text: text("We move"),
                from: Some(day(2)),
                until: Some(day(4)),
            }],
        }
    }

    fn at(now: Now) -> Occasion {
        Occasion {
            now,
            decision: DecisionId::from_random(33),
        }
    }

    fn shown(notices: &[Notice]) -> Vec<(&str, &str)> {
        notices
            .iter()
            .map(|notice| (notice.id.as_str(), notice.text.as_str()))
            .collect()
    }

    #[test]
    fn an_empty_list_has_one_notice_with_the_decision() {
        let found = notices().beside(0, None, at(day(0)));
        assert_eq!(
            shown(&found),
            [("notice-no-profiles", "nothing for you (0000000011)")]
        );
        assert_eq!(notices().beside(1, None, at(day(0))), []);
        let off = Notices {
            no_profiles: None,
            ..notices()
        };
        assert_eq!(off.beside(0, None, at(day(0))), []);
    }

    #[test]
    fn a_password_is_told_of_in_time() {
        let told = |end, now| {
            let found = notices().beside(1, Some(end), at(now));
            found.first().map(|notice| notice.text.clone())
        };
        let end = PasswordEnd::At(day(20));
        assert_eq!(told(end, day(5)), None);
        assert_eq!(told(end, day(6)).as_deref(), Some("14 days"));
        assert_eq!(
            told(end, Now::from_unix_ms(day(20).unix_ms() - 1)).as_deref(),
            Some("1 days")
        );
        assert_eq!(told(end, day(20)).as_deref(), Some("0 days"));
        assert_eq!(
            told(PasswordEnd::AfterLogins(2), day(0)).as_deref(),
            Some("2 logins")
        );
        let never = Notices {
            password_expires_within: Duration::ZERO,
            ..notices()
        };
        for end in [PasswordEnd::At(day(0)), PasswordEnd::AfterLogins(1)] {
            assert_eq!(never.beside(1, Some(end), at(day(0))), []);
        }
    }

    #[test]
    fn a_message_has_its_time() {
        let on = |day_of| !notices().beside(1, None, at(day(day_of))).is_empty();
        assert_eq!([1, 2, 3, 4].map(on), [false, true, true, false]);
    }

    #[test]
    fn a_password_that_must_be_changed_is_all_there_is() {
        let message_day = at(day(3));
        let found = |here| notices().instead_of_offers(here, message_day);
        assert_eq!(shown(&found(true)), [("notice-must-change", "change it here")]);
        assert_eq!(shown(&found(false)), [("notice-must-change", "change it there")]);
        let off = Notices {
            must_change: None,
            ..notices()
        };
        assert_eq!(off.instead_of_offers(true, message_day), []);
    }
}
