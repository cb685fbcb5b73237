//! The text of a notice as an admin writes it.

use crate::model::{DecisionId, did_you_mean};

/// Longest text, in characters: it is shown as the name of a profile, beside pictures of desktops.
const CHARS_MAX: usize = 200;
/// What may stand in a text.
const PLACEHOLDERS: &[(&str, Piece)] = &[
    ("days", Piece::Days),
    ("logins", Piece::Logins),
    ("decision", Piece::Decision),
];

/// A text in which `${days}`, `${logins}` and `${decision}` stand for what they are on the occasion. It is fit for
/// the name of a profile: a `/`, which would make a folder of it, is a `∕` (U+2215), and a `<br>`, which the client
/// makes a line end of, a blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeText(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Days,
    Logins,
    Decision,
}

/// What a text may count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    /// Days left.
    pub(super) days: u128,
    /// Logins left.
    pub(super) logins: u32,
}

impl NoticeText {
    /// Takes 1 to 200 characters without line ends and control characters.
    ///
    /// # Errors
    /// Says, for the admin, what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a notice without a text says nothing".to_owned());
        }
        if text.chars().count() > CHARS_MAX {
            return Err(format!("a notice has at most {CHARS_MAX} characters"));
        }
        if text.contains(char::is_control) {
            return Err("line ends and control characters are not allowed in a notice".to_owned());
        }
        let fit = text.replace("<br>", " ").replace('/', "\u{2215}");
        let mut pieces = Vec::new();
        let mut rest = fit.as_str();
        while let Some((before, from)) = rest.split_once("${") {
            let (name, after) = from.split_once('}').ok_or("`${` has no `}` after it")?;
            let piece = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
            let (_, piece) = piece.ok_or_else(|| unknown(name))?;
            pieces.extend([Piece::Literal(before.to_owned()), piece.clone()]);
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The text on an occasion.
    pub(super) fn filled(&self, numbers: Numbers, decision: DecisionId) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Days => text.push_str(&numbers.days.to_string()),
                Piece::Logins => text.push_str(&numbers.logins.to_string()),
                Piece::Decision => text.push_str(&decision.to_string()),
            }
        }
        text
    }
}

fn unknown(name: &str) -> String {
    let hint = did_you_mean(name, PLACEHOLDERS.iter().map(|(known, _)| *known));
    format!(
        "`${{{name}}}` stands for nothing here; there are ${{days}}, ${{logins}} and ${{decision}}{}",
        hint.map(|meant| format!(" (did you mean `${{{meant}}}`?)"))
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let numbers = Numbers { days: 3, logins: 2 };
        Ok(NoticeText::new(text)?.filled(numbers, DecisionId::from_random(33)))
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(
            filled("${days}d, ${logins} $5 (${decision})").as_deref(),
            Ok("3d, 2 $5 (0000000011)")
        );
        assert_eq!(
            filled("${day}").unwrap_err(),
            "`${day}` stands for nothing here; there are ${days}, ${logins} and ${decision} (did you mean `${days}`?)"
        );
        assert!(filled("${days").is_err());
    }

    #[test]
    fn a_text_stays_one_name_in_one_folder() {
        assert_eq!(filled("24/7<br>here").as_deref(), Ok("24\u{2215}7 here"));
        for bad in ["", "  ", "a\nb", "a\u{85}b", &"ä".repeat(201)] {
            assert!(filled(bad).is_err(), "{bad}");
        }
        assert!(filled(&"ä".repeat(200)).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_folder_or_a_line(text in "\\PC{0,40}|[a$/{}<br>]{0,40}") {
            if let Ok(shown) = filled(&text) {
                prop_assert!(!shown.contains('/') && !shown.contains("<br>"));
                prop_assert!(!shown.contains(char::is_control));
            }
        }
    }
}
