//! Where a configuration comes from, and the places in it that a diagnostic can point at.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing that a configuration is read from.
pub(super) struct Source {
    /// Its position among the sources; a later one overrides an earlier one.
    rank: usize,
    origin: Origin,
}

enum Origin {
    Folder(PathBuf),
    File {
        path: PathBuf,
        text: String,
        /// The byte with which each line begins.
        lines: Vec<usize>,
    },
    Variable(String),
}

impl Source {
    /// A folder of files.
    pub(super) fn folder(rank: usize, path: &Path) -> Arc<Self> {
        let origin = Origin::Folder(path.to_owned());
        Arc::new(Self { rank, origin })
    }

    /// A file and what stands in it; nothing if it could not be read.
    pub(super) fn file(rank: usize, path: PathBuf, text: String) -> Arc<Self> {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after_breaks).collect();
        let origin = Origin::File { path, text, lines };
        Arc::new(Self { rank, origin })
    }

    /// A variable of the environment. Its value is never printed as a source line.
    pub(super) fn variable(rank: usize, name: &str) -> Arc<Self> {
        let origin = Origin::Variable(name.to_owned());
        Arc::new(Self { rank, origin })
    }

    /// The text of a file; nothing for other sources.
    pub(super) fn text(&self) -> &str {
        match &self.origin {
            Origin::File { text, .. } => text,
            Origin::Folder(_) | Origin::Variable(_) => "",
        }
    }

    /// The name of a file without its folder; nothing for other sources.
    pub(super) fn file_name(&self) -> Cow<'_, str> {
        match &self.origin {
            Origin::File { path, .. } => path.file_name().unwrap_or_default().to_string_lossy(),
            Origin::Folder(_) | Origin::Variable(_) => Cow::Borrowed(""),
        }
    }

    /// The line that a byte of a file stands in: its number from 0, and the byte with which it begins.
    fn line_of(&self, byte: usize) -> Option<(usize, usize)> {
        let Origin::File { lines, .. } = &self.origin else {
            return None;
        };
        let number = lines.partition_point(|start| *start <= byte).checked_sub(1)?;
        Some((number, *lines.get(number)?))
    }

    /// Whether this is a variable of the environment, where every value is a text.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.origin, Origin::Variable(_))
    }

    /// The folder that a relative path counts from: the file's own.
    pub(super) fn base_folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File { path, .. } => path.parent(),
            Origin::Folder(_) | Origin::Variable(_) => None,
        }
    }
}

impl fmt::Debug for Source {
    /// Its name alone: the text may hold what does not belong into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Folder(path) | Origin::File { path, .. } => path.display().fmt(f),
            Origin::Variable(name) => f.write_str(name),
        }
    }
}

/// A stretch of a source.
#[derive(Debug, Clone)]
pub struct Place {
    source: Arc<Source>,
    span: Option<Range<usize>>,
}

impl Place {
    /// The bytes `span` of a file.
    pub(super) fn at(source: &Arc<Source>, span: Range<usize>) -> Self {
        let source = Arc::clone(source);
        Self {
            source,
            span: Some(span),
        }
    }

    /// A source as a whole.
    pub(super) fn whole(source: &Arc<Source>) -> Self {
        let source = Arc::clone(source);
        Self { source, span: None }
    }

    /// The source.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// What orders places as an admin reads them: source after source, each from its beginning.
    pub(super) fn order(&self) -> (usize, usize) {
        (self.source.rank, self.span.as_ref().map_or(0, |span| span.start))
    }

    /// The place as a word that [`Place::from_origin`] reads back.
    pub(super) fn to_origin(&self) -> String {
        match &self.span {
            Some(span) => format!("{}:{}:{}", self.source.rank, span.start, span.end),
            None => self.source.rank.to_string(),
        }
    }

    /// The place that [`Place::to_origin`] gave this word for.
    pub(super) fn from_origin(origin: &str, sources: &[Arc<Source>]) -> Option<Self> {
        let mut numbers = origin.split(':').map(str::parse::<usize>);
        let source = sources.get(numbers.next()?.ok()?)?;
        Some(match (numbers.next(), numbers.next()) {
            (Some(Ok(start)), Some(Ok(end))) => Self::at(source, start..end),
            _ => Self::whole(source),
        })
    }

    /// The first line of the place; none where there is no text to show.
    pub(super) fn line(&self) -> Option<Line<'_>> {
        let span = self.span.as_ref()?;
        let text = self.source.text();
        let (number, start) = self.source.line_of(span.start)?;
        let rest = text.get(start..)?;
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let marked = text.get(span.start..span.end.min(start + line.len()));
        Some(Line {
            number: number + 1,
            text: line,
            before: text.get(start..span.start)?,
            marked: marked.unwrap_or_default(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line() {
            Some(line) => write!(f, "{}:{}:{}", self.source, line.number, line.column()),
            None => self.source.fmt(f),
        }
    }
}

/// One line of a file with a part of it marked.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// The whole line, without its end.
    pub(super) text: &'a str,
    /// What stands before the marked part.
    pub(super) before: &'a str,
    /// The marked part, as far as it is on this line.
    pub(super) marked: &'a str,
}

impl Line<'_> {
    /// The first marked column in characters, counted from 1.
    pub(super) fn column(&self) -> usize {
        self.before.chars().count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a = 1\r\nä = \"ö\"\n".to_owned();
        let file = Source::file(3, "x.toml".into(), text);
        let start = file.text().find('"').unwrap();
        let place = Place::at(&file, start..start + 4);
        assert_eq!(place.to_string(), "x.toml:2:5");
        let line = place.line().unwrap();
        assert_eq!((line.text, line.marked), ("ä = \"ö\"", "\"ö\""));
        assert_eq!(Place::at(&file, 0..1).line().unwrap().text, "a = 1");
        assert_eq!(
            Place::at(&file, file.text().len()..file.text().len()).to_string(),
            "x.toml:3:1"
        );
        assert_eq!(Place::whole(&file).to_string(), "x.toml");
    }

    #[test]
    fn places_survive_as_words() {
        let sources = [
            Source::folder(0, Path::new("conf.d")),
            Source::file(1, "x.toml".into(), "abc".to_owned()),
        ];
        for place in [Place::whole(&sources[0]), Place::at(&sources[1], 1..2)] {
            let again = Place::from_origin(&place.to_origin(), &sources).unwrap();
            assert_eq!(again.to_string(), place.to_string());
        }
        assert!(Place::from_origin("2:0:1", &sources).is_none());
    }
}
