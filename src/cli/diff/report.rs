//! What changes for whom, gathered so that the same change is told once with all whom it happens to.

use std::collections::HashMap;
use std::io::{self, Write};

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Outcome;
use super::spool::{Lines, Spool};
use crate::entitlement::{Change, Comparison, ProfileValue, SituationSet, What, WhatKind};
use crate::model::Person;

/// Most different changes. Each takes a few kilobytes; an admin reads some dozens.
const CHANGES_MAX: usize = 10_000;
/// Most users that could not be compared of whom the name is kept.
const UNREAD_TOLD_MAX: usize = 100;
/// Where lines with names break.
const LINE_CHARS: usize = 100;
const INDENT: &str = "      ";

/// What was found so far. Only the different changes are in memory; the names are in a spool.
pub(super) struct Report<'c, 'p> {
    comparison: &'c Comparison<'p>,
    /// In which keys the directories of the two configurations differ.
    directory_differences: Vec<&'static str>,
    found: HashMap<(What, SituationSet), Lines>,
    spool: Spool,
    users: usize,
    changed: usize,
    unread: Vec<Unread>,
    unread_count: usize,
}

/// Somebody who could not be compared.
#[derive(Serialize)]
struct Unread {
    user: String,
    why: String,
}

/// A line of the spool: somebody, and the values of the key as they get them where that is not as it was written.
#[derive(Serialize, Deserialize)]
struct Affected {
    user: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    values: Option<Values>,
}

#[derive(Serialize, Deserialize)]
struct Values {
    old: Json,
    new: Json,
    /// The same for eyes.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<String>,
}

/// The kinds of changes, in the order in which they are told, with their headings.
const HEADINGS: [&str; 3] = ["Gained", "Lost", "Changed"];

impl<'c, 'p> Report<'c, 'p> {
    /// Nothing yet.
    ///
    /// # Errors
    /// There is no room for temporary files.
    pub(super) fn new(
        comparison: &'c Comparison<'p>,
        directory_differences: Vec<&'static str>,
    ) -> io::Result<Self> {
        Ok(Self {
            comparison,
            directory_differences,
            found: HashMap::new(),
            spool: Spool::new()?,
            users: 0,
            changed: 0,
            unread: Vec::new(),
            unread_count: 0,
        })
    }

    /// Adds somebody and what changes for them.
    ///
    /// # Errors
    /// There are too many different changes, or no room for the names.
    pub(super) fn add(&mut self, person: &Person, changes: Vec<Change>) -> anyhow::Result<()> {
        self.users += 1;
        self.changed += usize::from(!changes.is_empty());
        for Change { what, when, rendered } in changes {
            let values = rendered.map(|rendered| {
                anyhow::Ok(Values {
                    told: Some(rendered.to_string()),
                    old: serde_json::to_value(rendered.old)?,
                    new: serde_json::to_value(rendered.new)?,
                })
            });
            let affected = Affected {
                user: person.account.user.to_string(),
                values: values.transpose()?,
            };
            let line = serde_json::to_string(&affected)?;
            let lines = self.found.entry((what, when)).or_default();
            self.spool.push(lines, &line)?;
        }
        if self.found.len() > CHANGES_MAX {
            bail!(
                "there are more than {CHANGES_MAX} different changes; compare fewer users, or smaller steps"
            );
        }
        Ok(())
    }

    /// Adds somebody who could not be compared.
    pub(super) fn add_unread(&mut self, user: String, why: String) {
        self.users += 1;
        self.unread_count += 1;
        if self.unread.len() < UNREAD_TOLD_MAX {
            self.unread.push(Unread { user, why });
        }
    }

    /// How many were added.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// What came of it.
    pub(super) fn outcome(&self) -> Outcome {
        if self.unread_count > 0 {
            Outcome::Incomplete
        } else if self.found.is_empty() {
            Outcome::NothingChanges
        } else {
            Outcome::Changes
        }
    }

    /// The changes in the order in which they are told: gains, losses, the rest; in each by profile, what happens to
    /// most first.
    fn sorted(&self) -> Vec<(&What, &SituationSet, &Lines)> {
        let mut all: Vec<_> = self
            .found
            .iter()
            .map(|((what, when), lines)| (what, when, lines))
            .collect();
        all.sort_by_cached_key(|(what, when, lines)| {
            let told = what.kind.to_string();
            let when = self.comparison.situations().told(when);
            (
                heading(&what.kind),
                what.profile.clone(),
                usize::MAX - lines.count(),
                told,
                when,
            )
        });
        all
    }

    /// Writes the report for eyes: a summary, then each change with the names.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let situations = self.comparison.situations();
        writeln!(
            out,
            "Compared {}, each in {} ({} × {}).",
            count(self.users - self.unread_count, "user"),
            count(situations.count(), "situation"),
            count(situations.places(), "kind of place"),
            count(situations.moments(), "kind of time"),
        )?;
        if !self.directory_differences.is_empty() {
            writeln!(
                out,
                "OLD has another [directory.ldap] ({}): users and groups were read as NEW says, for both.",
                self.directory_differences.join(", ")
            )?;
        }
        if self.unread_count > 0 {
            writeln!(out, "NOT COMPARED: {}.", count(self.unread_count, "user"))?;
            for unread in &self.unread {
                writeln!(out, "  {}: {}", unread.user, unread.why)?;
            }
            if self.unread_count > self.unread.len() {
                writeln!(out, "  and {} more", self.unread_count - self.unread.len())?;
            }
        }
        if self.found.is_empty() {
            return writeln!(out, "Nothing changes for them.");
        }
        writeln!(
            out,
            "{}: something changes for {}.",
            count(self.found.len(), "change"),
            count(self.changed, "user")
        )?;
        let mut last = None;
        for (what, when, lines) in self.sorted() {
            let heading = heading(&what.kind);
            if last.replace(heading) != Some(heading) {
                writeln!(out, "\n{}", HEADINGS.get(heading).unwrap_or(&""))?;
            }
            write!(out, "  {}: ", what.profile)?;
            if matches!(what.kind, WhatKind::Farm { .. } | WhatKind::Key { .. }) {
                write!(out, "{}: ", what.kind)?;
            }
            let when = situations.told(when);
            let when = if when.is_empty() {
                String::new()
            } else {
                format!(", {}", when.join("; or "))
            };
            writeln!(out, "{}{when}", count(lines.count(), "user"))?;
            self.write_names(lines, out)?;
        }
        Ok(())
    }

    fn write_names(&self, lines: &Lines, out: &mut impl Write) -> io::Result<()> {
        let mut column = 0;
        self.spool.for_each(lines, |line| {
            let affected: Affected = serde_json::from_str(line)?;
            let mut name = affected.user;
            if let Some(told) = affected.values.and_then(|values| values.told) {
                name = format!("{name} ({told})");
            }
            let length = name.chars().count();
            if column == 0 {
                write!(out, "{INDENT}{name}")?;
                column = INDENT.len();
            } else if column + 2 + length > LINE_CHARS {
                write!(out, ",\n{INDENT}{name}")?;
                column = INDENT.len();
            } else {
                write!(out, ", {name}")?;
                column += 2;
            }
            column += length;
            Ok(())
        })?;
        writeln!(out)
    }

    /// Writes the report for programs: one JSON object, the summary before the changes.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let situations = self.comparison.situations();
        let summary = [
            ("complete", json!(self.unread_count == 0)),
            ("users", json!(self.users - self.unread_count)),
            ("changed_users", json!(self.changed)),
            ("not_compared", json!(self.unread_count)),
            ("unread", json!(self.unread)),
            ("situations", json!(situations.count())),
            ("directory_differences", json!(self.directory_differences)),
        ];
        writeln!(out, "{{")?;
        for (key, value) in summary {
            writeln!(out, "  \"{key}\": {value},")?;
        }
        write!(out, "  \"changes\": [")?;
        for (at, (what, when, lines)) in self.sorted().into_iter().enumerate() {
            let head = json_head(what, &situations.told(when), lines.count());
            let comma = if at == 0 { "" } else { "," };
            // The object is still open: the users follow.
            let head = head.strip_suffix('}').unwrap_or(&head);
            write!(out, "{comma}\n    {head},\"users\":[")?;
            let mut first = true;
            self.spool.for_each(lines, |line| {
                let mut affected: Affected = serde_json::from_str(line)?;
                if let Some(values) = &mut affected.values {
                    values.told = None;
                }
                let comma = if std::mem::take(&mut first) { "" } else { "," };
                write!(out, "{comma}{}", serde_json::to_string(&affected)?)
            })?;
            write!(out, "]}}")?;
        }
        writeln!(out, "\n  ]\n}}")
    }
}

/// The object of a change, without the users.
fn json_head(what: &What, when: &[String], users: usize) -> String {
    let written = |value: &Option<ProfileValue>| json!(value.as_ref().map(ProfileValue::as_written));
    let mut head = json!({ "profile": what.profile, "count": users, "when": when });
    let more = match &what.kind {
        WhatKind::Gained => json!({ "change": "gained" }),
        WhatKind::Lost => json!({ "change": "lost" }),
        WhatKind::Farm { old, new } => json!({ "change": "farm", "old": old, "new": new }),
        WhatKind::Key { key, old, new } => {
            json!({ "change": "key", "key": key, "old": written(old), "new": written(new) })
        }
    };
    if let (Json::Object(head), Json::Object(more)) = (&mut head, more) {
        head.extend(more);
    }
    head.to_string()
}

/// The position of the heading under which it is told.
fn heading(kind: &WhatKind) -> usize {
    match kind {
        WhatKind::Gained => 0,
        WhatKind::Lost => 1,
        WhatKind::Farm { .. } | WhatKind::Key { .. } => 2,
    }
}

fn count(number: usize, noun: &str) -> String {
    let (first, rest) = noun.split_once(' ').unwrap_or((noun, ""));
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {first}{plural} {rest}").trim_end().to_owned()
}
