//! Whom to compare: all users of the directory, or those on a list, wherever they are; a handful at a time.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::task::JoinSet;

use crate::cli::lookup::{self, Lookup, NotFound};
use crate::directory::{Directory, Entry, Everybody, Unavailable};
use crate::model::{Now, Person, TypedName};

/// How many users are read at once; as many as the connections for searches that a directory has by default.
const AT_ONCE: usize = 8;
/// Longest line of a list, in bytes; longer than any name.
const LINE_BYTES_MAX: u64 = 1024;

/// The people that are still to come.
pub(super) struct People {
    origin: Origin,
    now: Now,
}

enum Origin {
    /// The directory, page by page.
    Directory {
        directory: Directory,
        everybody: Box<Everybody>,
        page: std::vec::IntoIter<Entry>,
    },
    /// A list of names.
    List {
        lookup: Lookup,
        lines: BufReader<tokio::fs::File>,
        /// Where it can be read a second time.
        file: Option<PathBuf>,
    },
}

/// Somebody, or why they cannot be compared.
pub(super) enum Read {
    Person(Box<Person>),
    /// There is nobody of that name.
    Unknown {
        name: String,
        why: String,
    },
    /// Whoever should know did not answer in full.
    Unavailable {
        name: String,
        why: String,
    },
}

impl People {
    /// All users of the directory, where there is one.
    pub(super) async fn all(lookup: Lookup, now: Now) -> anyhow::Result<Self> {
        let directory = match lookup {
            Lookup::Directory(directory) => directory,
            Lookup::DirectoryThenHost(directory, _) => {
                eprintln!(
                    "x2godirector: these are the users of the directory; those of this host are not listed by \
                     anything, so name them with --users FILE"
                );
                directory
            }
            Lookup::Host(_) => bail!(
                "NEW's users are this host's own (source = \"nss\"), and nothing lists all of them: SSSD, for one, does \
                 not. Write their names into a file, one a line, and give it with --users FILE; `getent group NAME` \
                 shows who is in a group"
            ),
            Lookup::Unproven => bail!(
                "NEW takes every name (methods = [\"none\"]), so there is no list of users. Write the names to compare \
                 into a file, one a line, and give it with --users FILE"
            ),
        };
        let origin = Origin::Directory {
            everybody: Box::new(directory.everybody(now).await?),
            directory,
            page: Vec::new().into_iter(),
        };
        Ok(Self { origin, now })
    }

    /// Those whose names stand in a file, one a line; `-` is standard input.
    pub(super) fn listed(lookup: Lookup, file: &Path, now: Now) -> anyhow::Result<Self> {
        let open = if file == Path::new("-") {
            File::from(std::io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::open(file).with_context(|| file.display().to_string())?
        };
        let file = file.is_file().then(|| file.to_owned());
        let origin = Origin::List {
            lookup,
            file,
            lines: BufReader::new(tokio::fs::File::from_std(open)),
        };
        Ok(Self { origin, now })
    }

    /// About how many there are in all; none if that cannot be known beforehand, as of standard input. Reads them all
    /// for that, so it is for who watches.
    pub(super) async fn count(&self) -> Option<usize> {
        match &self.origin {
            Origin::Directory { directory, .. } => directory.count_everybody().await.ok(),
            Origin::List { file, .. } => {
                let mut lines = BufReader::new(tokio::fs::File::open(file.as_ref()?).await.ok()?);
                let mut count = 0;
                while next_name(&mut lines).await.ok()?.is_some() {
                    count += 1;
                }
                Some(count)
            }
        }
    }

    /// The next few, in their order; none when all have come.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<Read>>> {
        let mut reading = JoinSet::new();
        for at in 0..AT_ONCE {
            match &mut self.origin {
                Origin::Directory {
                    directory,
                    everybody,
                    page,
                } => {
                    let directory = directory.clone();
                    let Some(entry) = next_entry(everybody, page).await? else {
                        break;
                    };
                    reading.spawn(async move { (at, read(&directory, entry).await) });
                }
                Origin::List { lookup, lines, .. } => {
                    let lookup = lookup.clone();
                    let Some(name) = next_name(lines).await? else {
                        break;
                    };
                    let now = self.now;
                    reading.spawn(async move { (at, find(&lookup, name, now).await) });
                }
            }
        }
        let mut read = Vec::new();
        while let Some(done) = reading.join_next().await {
            read.push(done?);
        }
        read.sort_by_key(|(at, _)| *at);
        let read: Vec<_> = read.into_iter().map(|(_, read)| read).collect();
        Ok((!read.is_empty()).then_some(read))
    }
}

async fn next_entry(
    everybody: &mut Everybody,
    page: &mut std::vec::IntoIter<Entry>,
) -> Result<Option<Entry>, Unavailable> {
    loop {
        if let Some(entry) = page.next() {
            return Ok(Some(entry));
        }
        match everybody.next_page().await? {
            Some(next) => *page = next.into_iter(),
            None => return Ok(None),
        }
    }
}

/// The next name of a list; blank lines and those that begin with `#` are none.
async fn next_name(lines: &mut BufReader<tokio::fs::File>) -> anyhow::Result<Option<String>> {
    loop {
        let mut line = Vec::new();
        let length = lines.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
        if length == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\n") && u64::try_from(length).is_ok_and(|length| length == LINE_BYTES_MAX) {
            bail!("a line of the list of users is longer than {LINE_BYTES_MAX} bytes");
        }
        let line = String::from_utf8(line).context("the list of users")?;
        let name = line.trim();
        if !name.is_empty() && !name.starts_with('#') {
            return Ok(Some(name.to_owned()));
        }
    }
}

async fn find(lookup: &Lookup, name: String, now: Now) -> Read {
    let typed = match TypedName::new(&name) {
        Ok(typed) => typed,
        Err(why) => {
            let why = why.to_string();
            return Read::Unknown { name, why };
        }
    };
    match lookup.find(&typed, now).await {
        Ok(found) => Read::Person(Box::new(found.person)),
        Err(NotFound::Unknown(why)) => Read::Unknown { name, why },
        Err(NotFound::Unavailable(why)) => Read::Unavailable { name, why },
    }
}

async fn read(directory: &Directory, entry: Entry) -> Read {
    match lookup::of_entry(directory, &entry).await {
        Ok(found) => Read::Person(Box::new(found.person)),
        Err(unavailable) => Read::Unavailable {
            name: entry.user.to_string(),
            why: unavailable.to_string(),
        },
    }
}
