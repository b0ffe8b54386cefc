//! A capture held in memory, as a repository would hold it, and put back from there.

use std::collections::HashMap;

use dr_entry::{Destination, Entries, EntryPath, Kind, Meta, Piece, Profile, Settled, Stamp, Unread};

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Data(Vec<u8>),
    Hole(u64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub path: EntryPath,
    pub meta: Meta,
    pub profile: Profile,
    pub stamp: Option<Stamp>,
    pub parts: Vec<Part>,
}

#[derive(Debug, Default)]
pub struct Capture {
    pub kept: Vec<Kept>,
    pub unread: Vec<Unread>,
}

impl Capture {
    /// Everything, read at once; the order is checked.
    pub fn read(entries: Entries<'_>) -> Self {
        Self::taken(entries, true)
    }

    /// The same where what was asked for by name and is not there comes first.
    pub fn unordered(entries: Entries<'_>) -> Self {
        Self::taken(entries, false)
    }

    fn taken(entries: Entries<'_>, in_order: bool) -> Self {
        let mut capture = Self::default();
        let mut last: Option<EntryPath> = None;
        for item in entries {
            let path = item.as_ref().map_or_else(|unread| unread.path.clone(), |entry| entry.path.clone());
            // What an entry lacks comes after it.
            let lacks = item.is_err() && last.as_ref() == Some(&path);
            assert!(lacks || !in_order || last.as_ref().is_none_or(|last| *last < path), "{path} after {last:?}");
            last = Some(path);
            match item {
                Err(unread) => capture.unread.push(unread),
                Ok(mut entry) => {
                    assert_eq!(entry.body.is_some(), entry.meta.kind == Kind::File);
                    let parts = match entry.body {
                        None => Ok(Vec::new()),
                        Some(body) => body.open().and_then(|mut content| {
                            if let Some(fresh) = content.fresh() {
                                (entry.meta, entry.stamp) = (fresh.meta, fresh.stamp);
                            }
                            if let Some(attributes) = content.attributes()? {
                                entry.meta.xattrs = attributes;
                            }
                            let parts = read_parts(&mut *content)?;
                            assert_eq!(content.settle()?, Settled::Unchanged);
                            Ok(parts)
                        }),
                    };
                    match parts {
                        Ok(parts) => capture.kept.push(Kept {
                            path: entry.path,
                            meta: entry.meta,
                            profile: entry.profile,
                            stamp: entry.stamp,
                            parts,
                        }),
                        Err(why) => capture.unread.push(Unread { path: entry.path, why: why.to_string() }),
                    }
                }
            }
        }
        capture
    }

    pub fn get(&self, path: &str) -> &Kept {
        self.kept.iter().find(|kept| kept.path.as_bytes() == path.as_bytes()).unwrap_or_else(|| panic!("no {path}"))
    }

    pub fn names(&self) -> Vec<String> {
        self.kept.iter().map(|kept| kept.path.to_string()).collect()
    }

    /// As a repository does it: directories first, names of one file linked, directories finished deepest first.
    pub fn put_back(&self, to: &dyn Destination) -> Vec<(EntryPath, String)> {
        let mut failed = Vec::new();
        let mut firsts = HashMap::new();
        for kept in &self.kept {
            let done = match (&kept.meta.kind, kept.meta.link.and_then(|link| firsts.get(&link))) {
                (Kind::Directory, _) => to.directory(&kept.path),
                (_, Some(first)) => to.hard_link(&kept.path, first),
                (Kind::File, None) => write_file(to, kept),
                _ => to.special(&kept.path, &kept.meta),
            };
            if let Some(link) = kept.meta.link {
                firsts.entry(link).or_insert_with(|| kept.path.clone());
            }
            if let Err(why) = done {
                failed.push((kept.path.clone(), why.to_string()));
            }
        }
        for kept in self.kept.iter().rev().filter(|kept| kept.meta.kind == Kind::Directory) {
            if let Err(why) = to.finish_directory(&kept.path, &kept.meta) {
                failed.push((kept.path.clone(), why.to_string()));
            }
        }
        failed
    }
}

fn read_parts(content: &mut dyn dr_entry::Content) -> std::io::Result<Vec<Part>> {
    let mut buffer = vec![0; 64 * 1024];
    let mut parts = Vec::new();
    loop {
        match content.read(&mut buffer)? {
            Piece::End => return Ok(parts),
            Piece::Hole(length) => parts.push(Part::Hole(length)),
            Piece::Data(length) => match parts.last_mut() {
                Some(Part::Data(bytes)) => bytes.extend_from_slice(&buffer[..length]),
                _ => parts.push(Part::Data(buffer[..length].to_vec())),
            },
        }
    }
}

fn write_file(to: &dyn Destination, kept: &Kept) -> std::io::Result<()> {
    let size = kept.parts.iter().map(|part| match part {
        Part::Data(bytes) => bytes.len() as u64,
        Part::Hole(length) => *length,
    });
    let mut writing = to.file(&kept.path, size.sum())?;
    let mut offset = 0;
    for part in &kept.parts {
        match part {
            Part::Hole(length) => offset += length,
            Part::Data(bytes) => {
                writing.write_at(offset, bytes)?;
                offset += bytes.len() as u64;
            }
        }
    }
    writing.finish(&kept.meta)
}
