//! The fields of a message: how each is written, and read within its bounds.

use std::net::IpAddr;
use std::time::Duration;

use super::super::answers::{Change, Dates, HostGroup, HostUser, Refusal, Verdict};
use super::super::limits::{FAIL_DELAY_MAX, GROUPS_MAX, LINES_MAX, TEXT_BYTES_MAX};
use super::super::load::PoolLoad;
use super::Malformed;
use crate::model::{Password, Secret, TypedName};

/// What stands for a date that there is not.
const NO_DAY: u32 = u32::MAX;

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = cut(text);
    // `cut` leaves less than what two bytes can say.
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}

/// As much of a text as a message takes.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn put_lines(out: &mut Vec<u8>, lines: &[String]) {
    let lines = lines.get(..LINES_MAX).unwrap_or(lines);
    out.push(u8::try_from(lines.len()).unwrap_or(u8::MAX));
    for line in lines {
        put_text(out, line);
    }
}

pub(super) fn put_delay(out: &mut Vec<u8>, delay: Duration) {
    let ms = u32::try_from(delay.min(FAIL_DELAY_MAX).as_millis()).unwrap_or(u32::MAX);
    out.extend(ms.to_be_bytes());
}

pub(super) fn put_load(out: &mut Vec<u8>, load: PoolLoad) {
    for count in [load.slots, load.busy, load.waiting] {
        out.extend(count.to_be_bytes());
    }
    let waited = u64::try_from(load.waited.as_micros()).unwrap_or(u64::MAX);
    for count in [load.taken, load.turned_away, waited] {
        out.extend(count.to_be_bytes());
    }
}

pub(super) fn put_user(out: &mut Vec<u8>, user: &HostUser) {
    put_text(out, &user.name);
    out.extend(user.uid.to_be_bytes());
    out.extend(user.gid.to_be_bytes());
    put_text(out, &user.home);
    put_text(out, user.gecos.as_deref().unwrap_or_default());
    out.extend(u16::try_from(user.groups.len()).unwrap_or(u16::MAX).to_be_bytes());
    for group in &user.groups {
        put_text(out, &group.name);
        out.extend(group.gid.to_be_bytes());
    }
    for day in [user.dates.password_changed, user.dates.expires] {
        out.extend(day.unwrap_or(NO_DAY).to_be_bytes());
    }
}

pub(super) fn put_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    match verdict {
        Verdict::Right {
            user,
            must_change,
            said,
        } => {
            out.extend([0, u8::from(*must_change)]);
            put_text(out, user);
            put_lines(out, said);
        }
        Verdict::Wrong => out.push(1),
        Verdict::Unknown => out.push(2),
        Verdict::Refused { why, said } => {
            out.extend([3, refusal_byte(*why)]);
            put_lines(out, said);
        }
    }
}

pub(super) fn put_change(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Changed { user } => {
            out.push(0);
            put_text(out, user);
        }
        Change::Wrong => out.push(1),
        Change::Unknown => out.push(2),
        Change::Refused { why, said } => {
            out.extend([3, refusal_byte(*why)]);
            put_lines(out, said);
        }
        Change::Rejected { said } => {
            out.push(4);
            put_lines(out, said);
        }
    }
}

/// The refusals, each at the number that stands for it.
pub(super) const REFUSALS: [Refusal; 6] = [
    Refusal::Unsaid,
    Refusal::Locked,
    Refusal::Expired,
    Refusal::PasswordExpired,
    Refusal::Forbidden,
    Refusal::OtherAccount,
];

fn refusal_byte(why: Refusal) -> u8 {
    let index = REFUSALS.iter().position(|refusal| *refusal == why);
    index.and_then(|index| u8::try_from(index).ok()).unwrap_or(0)
}

/// What is left of a body.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed("too short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("neither yes nor no")),
        }
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn load(&mut self) -> Result<PoolLoad, Malformed> {
        Ok(PoolLoad {
            slots: self.u32()?,
            busy: self.u32()?,
            waiting: self.u32()?,
            taken: self.u64()?,
            turned_away: self.u64()?,
            waited: Duration::from_micros(self.u64()?),
        })
    }

    fn str(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.array().map(u16::from_be_bytes)?);
        if length > TEXT_BYTES_MAX {
            return Err(Malformed("text too long"));
        }
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed("text is not UTF-8"))
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        self.str().map(str::to_owned)
    }

    pub(super) fn name(&mut self) -> Result<TypedName, Malformed> {
        TypedName::new(self.str()?).map_err(|_| Malformed("no user name"))
    }

    pub(super) fn password(&mut self) -> Result<Password, Malformed> {
        Password::new(Secret::new(self.text()?)).map_err(|_| Malformed("no password"))
    }

    pub(super) fn address(&mut self) -> Result<IpAddr, Malformed> {
        self.str()?.parse().map_err(|_| Malformed("no address"))
    }

    pub(super) fn delay(&mut self) -> Result<Duration, Malformed> {
        let delay = Duration::from_millis(self.u32()?.into());
        (delay <= FAIL_DELAY_MAX)
            .then_some(delay)
            .ok_or(Malformed("delay too long"))
    }

    fn lines(&mut self) -> Result<Vec<String>, Malformed> {
        let count = usize::from(self.byte()?);
        if count > LINES_MAX {
            return Err(Malformed("too many lines"));
        }
        (0..count).map(|_| self.text()).collect()
    }

    fn refusal(&mut self) -> Result<Refusal, Malformed> {
        let index = usize::from(self.byte()?);
        REFUSALS.get(index).copied().ok_or(Malformed("unknown refusal"))
    }

    pub(super) fn user(&mut self) -> Result<HostUser, Malformed> {
        let (name, uid, gid, home) = (self.text()?, self.u32()?, self.u32()?, self.text()?);
        let gecos = Some(self.text()?).filter(|gecos| !gecos.is_empty());
        let count = usize::from(self.array().map(u16::from_be_bytes)?);
        if count > GROUPS_MAX {
            return Err(Malformed("too many groups"));
        }
        let group = |_| {
            let (name, gid) = (self.text()?, self.u32()?);
            Ok(HostGroup { name, gid })
        };
        let groups = (0..count).map(group).collect::<Result<_, _>>()?;
        let mut day = || Ok(Some(self.u32()?).filter(|day| *day != NO_DAY));
        let dates = Dates {
            password_changed: day()?,
            expires: day()?,
        };
        Ok(HostUser {
            name,
            uid,
            gid,
            home,
            gecos,
            groups,
            dates,
        })
    }

    pub(super) fn verdict(&mut self) -> Result<Verdict, Malformed> {
        Ok(match self.byte()? {
            0 => Verdict::Right {
                must_change: self.flag()?,
                user: self.text()?,
                said: self.lines()?,
            },
            1 => Verdict::Wrong,
            2 => Verdict::Unknown,
            3 => Verdict::Refused {
                why: self.refusal()?,
                said: self.lines()?,
            },
            _ => return Err(Malformed("unknown verdict")),
        })
    }

    pub(super) fn change(&mut self) -> Result<Change, Malformed> {
        Ok(match self.byte()? {
            0 => Change::Changed { user: self.text()? },
            1 => Change::Wrong,
            2 => Change::Unknown,
            3 => Change::Refused {
                why: self.refusal()?,
                said: self.lines()?,
            },
            4 => Change::Rejected { said: self.lines()? },
            _ => return Err(Malformed("unknown change")),
        })
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        self.0.is_empty().then_some(()).ok_or(Malformed("too long"))
    }
}
