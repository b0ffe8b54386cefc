//! What does an answer to one of the eight questions mean? Pure: text in, a value or a sentence out.

use super::propose::System;

/// Somebody, as `A. Ash <head@school.example>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name on letters.
    pub name: String,
    /// The mail address.
    pub email: Option<String>,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.email {
            Some(email) => write!(f, "{} <{email}>", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Disks that people carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disks {
    /// How many.
    pub count: u32,
    /// Under which folder they appear.
    pub mount: String,
}

impl std::fmt::Display for Disks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.count, self.mount)
    }
}

/// Everything that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The school's name.
    pub school: String,
    /// The head.
    pub head: Person,
    /// Who looks after IT.
    pub it: Person,
    /// Who carries disks out of the building.
    pub carriers: Vec<Person>,
    /// What is backed up.
    pub systems: Vec<System>,
    /// Where the copy in the school goes.
    pub onsite: String,
    /// Where a copy outside goes.
    pub outside: Option<String>,
    /// The disks that rotate.
    pub disks: Option<Disks>,
}

/// A name that fits on a line.
pub fn line(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("write a name".into());
    }
    Ok(text.to_owned())
}

/// `A. Ash <head@school.example>`, also without the brackets, or the name alone.
pub fn person(text: &str) -> Result<Person, String> {
    let wrong = || format!("write a name and an address, such as A. Ash <head@school.example>; `{text}` is none");
    let (addresses, words): (Vec<&str>, Vec<&str>) =
        text.split([' ', ',', '<', '>']).filter(|word| !word.is_empty()).partition(|word| word.contains('@'));
    let name = words.join(" ");
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ';', '"']);
    let good = |address: &str| address.split_once('@').is_some_and(|(who, domain)| plain(who) && plain(domain));
    match addresses.as_slice() {
        _ if name.is_empty() || text.chars().any(char::is_control) => Err(wrong()),
        [] => Ok(Person { name, email: None }),
        [address] if good(address) => Ok(Person { name, email: Some((*address).to_owned()) }),
        _ => Err(wrong()),
    }
}

/// As [`person`], of somebody who must be written to.
pub fn person_with_address(text: &str) -> Result<Person, String> {
    let person = person(text)?;
    match person.email {
        Some(_) => Ok(person),
        None => Err(format!(
            "the weekly letter goes to {}: write an address too, such as A. Ash <head@school.example>",
            person.name
        )),
    }
}

/// People with `;` between them, or `none`.
pub fn people(text: &str) -> Result<Vec<Person>, String> {
    if is_none(text) {
        return Ok(Vec::new());
    }
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(person).collect()
}

/// Systems as `id = source` with `,` between them; beginning with `+` or `-`: the proposal with these and without those.
pub fn systems(text: &str, proposed: &[System]) -> Result<Vec<System>, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let changes = parts.first().is_some_and(|part| part.starts_with(['+', '-']));
    let mut systems = if changes { proposed.to_vec() } else { Vec::new() };
    for part in parts {
        if let Some(id) = part.strip_prefix('-').filter(|_| changes) {
            let before = systems.len();
            systems.retain(|system| system.id != id.trim());
            if systems.len() == before {
                return Err(format!("`{}` is none of those that were found", id.trim()));
            }
            continue;
        }
        let (id, source) = part
            .trim_start_matches('+')
            .split_once('=')
            .ok_or_else(|| format!("write each as id = folder, such as admin = /srv/office; `{part}` has no `=`"))?;
        let (id, source) = (id.trim(), source.trim());
        dr_plan::SystemId::new(id).map_err(|why| why.to_string())?;
        if source.is_empty() || systems.iter().any(|system| system.id == id) {
            return Err(format!("each system needs a folder and an id of its own: `{part}`"));
        }
        systems.push(System { id: id.to_owned(), source: source.to_owned() });
    }
    match systems.is_empty() {
        true => Err("the plan has nothing to back up: name at least one folder".into()),
        false => Ok(systems),
    }
}

/// A folder, from the root.
pub fn folder(text: &str) -> Result<String, String> {
    match text.starts_with('/') && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!("write the whole path of a folder, such as /mnt/nas/dr; `{text}` does not begin with /")),
    }
}

/// A folder from the root, an address, or `none`.
pub fn place_outside(text: &str) -> Result<Option<String>, String> {
    match () {
        () if is_none(text) => Ok(None),
        () if text.contains("://") && !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
        () => folder(text).map(Some),
    }
}

/// `4 in /mnt/dr-disks`, or `none`.
pub fn disks(text: &str) -> Result<Option<Disks>, String> {
    if is_none(text) || text == "0" {
        return Ok(None);
    }
    let wrong = || format!("write how many and where, such as 4 in /mnt/dr-disks, or none; not `{text}`");
    let (count, mount) = text.split_once(" in ").unwrap_or((text, "/mnt/dr-disks"));
    let count: u32 = count.trim().parse().map_err(|_| wrong())?;
    let mount = folder(mount.trim()).map_err(|_| wrong())?;
    if (1..=99).contains(&count) { Ok(Some(Disks { count, mount })) } else { Err(wrong()) }
}

fn is_none(text: &str) -> bool {
    ["none", "no", "nobody", "-"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_understood_however_they_are_written() {
        for text in ["A. Ash <head@s.example>", "A. Ash, head@s.example", "A. Ash head@s.example"] {
            assert_eq!(person(text).unwrap().to_string(), "A. Ash <head@s.example>");
        }
        assert_eq!(person("A. Ash").unwrap().email, None);
        for text in ["", "head@s.example", "A. Ash <head@>", "A <a@b> <c@d>", "A. Ash\t<head@s.example>"] {
            assert!(person(text).is_err(), "{text}");
        }
        assert!(person_with_address("A. Ash").unwrap_err().contains("weekly letter"));
        assert_eq!(people("R. Elm; S. Rowan <r@s.example>").unwrap().len(), 2);
        assert_eq!(people("none").unwrap(), []);
    }

    #[test]
    fn systems_are_listed_whole_or_as_changes_to_what_was_found() {
        let own = |id: &str, source: &str| System { id: id.into(), source: source.into() };
        let found = [own("mis", "sqlite:/m.db"), own("email", "maildir:/mail")];
        assert_eq!(systems("admin = /srv/office", &found).unwrap(), [own("admin", "/srv/office")]);
        assert_eq!(systems("-email, + web=/var/www", &found).unwrap(), [found[0].clone(), own("web", "/var/www")]);
        for (text, why) in [
            ("/srv/office", "no `=`"),
            ("-files", "none of those"),
            ("Admin=/x", "not a name"),
            ("a=/x, a=/y", "id of its own"),
            ("-mis, -email", "nothing to back up"),
        ] {
            assert!(systems(text, &found).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn places_and_disks_are_paths_from_the_root() {
        assert!(folder("nas/dr").is_err());
        assert_eq!(place_outside("none").unwrap(), None);
        assert_eq!(place_outside("s3://b/p").unwrap().as_deref(), Some("s3://b/p"));
        assert_eq!(disks("4 in /media/oak").unwrap(), Some(Disks { count: 4, mount: "/media/oak".into() }));
        assert_eq!(disks("3").unwrap().unwrap().mount, "/mnt/dr-disks");
        assert_eq!(disks("none").unwrap(), None);
        for text in ["many", "4 in media", "100 in /x"] {
            assert!(disks(text).is_err(), "{text}");
        }
    }
}
