//! The pictures that `icon_file` names.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::diagnostic::{Diagnostic, Problems};
use super::named_file;
use super::value::Located;
use crate::entitlement::Template;

/// Largest picture, in bytes: in base64 it has a third more, which is what the key `icon` takes.
const ICON_BYTES_MAX: usize = 96 * 1024;
/// How pictures begin that every Qt of X2Go Client reads: PNG (its specification, section 5.2), JPEG (ITU T.81,
/// annex B) and XPM 3.
const BEGINNINGS: [&[u8]; 3] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"/* XPM */"];

/// The picture in base64, as the key `icon` has it; none if it is none, which is then noted.
pub(super) fn read(file: &Located<PathBuf>, problems: &Problems) -> Option<Template> {
    let bytes = named_file::read(file, problems)?;
    let path = file.value.display();
    if bytes.len() > ICON_BYTES_MAX {
        let message = format!(
            "{path} has {} bytes; an icon has at most {ICON_BYTES_MAX}",
            bytes.len()
        );
        let hint = "X2Go Client shows 64 by 64 pixels; scale the picture down".to_owned();
        problems.add(Diagnostic::error(&file.place, message).hint(hint));
        return None;
    }
    if !BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning)) {
        problems.error(&file.place, format!("{path} is no PNG, JPEG or XPM picture"));
        return None;
    }
    Template::new(&STANDARD.encode(bytes))
        .map_err(|why| problems.error(&file.place, why.to_string()))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::source::{Place, Source};

    fn outcome(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let value = folder.path().join("icon");
        fs::write(&value, bytes).unwrap();
        let place = Place::whole(&Source::folder(0, Path::new("conf.d")));
        let problems = Problems::default();
        let icon = read(&Located { value, place }, &problems);
        match problems.into_sorted().first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(icon.unwrap().constant().unwrap().to_owned()),
        }
    }

    #[test]
    fn pictures_go_in_as_base64() {
        assert_eq!(outcome(b"\x89PNG\r\n\x1a\n").unwrap(), "iVBORw0KGgo=");
        assert!(outcome(b"\xff\xd8\xff\xe0").is_ok());
        assert!(outcome(b"/* XPM */\nstatic char *x[] = {};").is_ok());
        for other in [&b""[..], b"<svg/>", b"GIF89a", b"\x89PNG"] {
            assert!(
                outcome(other).unwrap_err().contains("no PNG, JPEG or XPM"),
                "{other:?}"
            );
        }
    }

    #[test]
    fn the_largest_picture_fits_its_key() {
        let mut picture = b"\xff\xd8\xff".to_vec();
        picture.resize(ICON_BYTES_MAX, 0);
        let icon = outcome(&picture).unwrap();
        let key = crate::model::session_key::find("icon").unwrap();
        let value = crate::model::session_key::Value::Text(icon);
        assert_eq!(crate::model::session_key::check(key, &value), Ok(()));
        picture.push(0);
        assert!(
            outcome(&picture)
                .unwrap_err()
                .contains("an icon has at most 98304")
        );
    }
}
