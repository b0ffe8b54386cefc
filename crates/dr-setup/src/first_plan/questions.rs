//! What is asked, why, and what is proposed as the answer? Pure: whoever asks passes a way to ask.

use super::answers::{self, Answers, Disks, Person};
use super::facts::Facts;
use super::propose;

/// One question as it is put.
pub struct Question {
    /// 1 to 8.
    pub number: usize,
    /// The question.
    pub text: &'static str,
    /// What it is for, and what was found.
    pub because: String,
    /// What an empty answer means.
    pub proposed: Option<String>,
}

/// Whoever can be asked. The answer has no blanks around it; empty means what was proposed.
pub trait Asks {
    /// Why nobody answers any more.
    type End;
    /// Puts one question.
    fn ask(&mut self, question: &Question) -> Result<String, Self::End>;
    /// Says what is wrong with an answer. Whoever cannot be asked again ends.
    fn wrong(&mut self, question: &Question, why: &str) -> Result<(), Self::End>;
}

/// Puts one question until its answer means something.
fn until<A: Asks, T>(
    asked: &mut A,
    question: &Question,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, A::End> {
    loop {
        let typed = asked.ask(question)?;
        let answer = match (typed.is_empty(), &question.proposed) {
            (false, _) => read(&typed),
            (true, Some(proposed)) => read(proposed),
            (true, None) => Err("this has no proposal: write an answer".to_owned()),
        };
        match answer {
            Ok(value) => return Ok(value),
            Err(why) => asked.wrong(question, &why)?,
        }
    }
}

/// Puts all of them.
///
/// # Errors
/// If nobody answers any more.
pub fn put<A: Asks>(facts: &Facts, asked: &mut A) -> Result<Answers, A::End> {
    let school = question(1, "What is the school called?", "It stands on every letter and report.", None);
    let school = until(asked, &school, answers::line)?;
    let because = "Gets the letter every Friday morning. Name and mail address, such as A. Ash <head@school.example>.";
    let head = until(asked, &question(2, "Who is the head?", because, None), answers::person_with_address)?;
    let because = "Gets the letter and every alarm. Name and mail address.";
    let it = until(asked, &question(3, "Who looks after IT?", because, None), |text| with_own_name(text, facts))?;
    let because = "Separate with `;`. The first one carries the disks, the others stand in. Name at least two, so that someone can cover absence.";
    let carriers = question(4, "Who carries disks out of the building?", because, Some(it.to_string()));
    let carriers = until(asked, &carriers, answers::people)?;
    let nothing = String::new;
    let mut answers =
        Answers { school, head, it, carriers, systems: Vec::new(), onsite: nothing(), outside: None, disks: None };
    put_what_and_where(facts, asked, &mut answers)?;
    Ok(answers)
}

/// Puts those about systems and places: what may have to be answered otherwise.
///
/// # Errors
/// If nobody answers any more.
pub fn put_what_and_where<A: Asks>(facts: &Facts, asked: &mut A, answers: &mut Answers) -> Result<(), A::End> {
    let found = propose::systems(facts);
    answers.systems = until(asked, &systems_question(facts, &found), |text| answers::systems(text, &found))?;
    (answers.onsite, answers.outside, answers.disks) = places(facts, asked, !answers.carriers.is_empty())?;
    Ok(())
}

fn question(number: usize, text: &'static str, because: &str, proposed: Option<String>) -> Question {
    Question { number, text, because: because.to_owned(), proposed }
}

/// Who types only a mail address means the person whose account this is.
fn with_own_name(text: &str, facts: &Facts) -> Result<Person, String> {
    match &facts.person {
        Some(name) if text.contains('@') && !text.contains(' ') => {
            answers::person_with_address(&format!("{name} <{text}>"))
        }
        _ => answers::person_with_address(text),
    }
}

fn systems_question(facts: &Facts, found: &[propose::System]) -> Question {
    let listed: Vec<String> = found.iter().map(|system| format!("{} = {}", system.id, system.source)).collect();
    let mut because =
        "Each is a row of the backup table: files in a folder, sqlite:FILE, maildir:FOLDER, or drop:FOLDER where \
                       another program leaves its export. Write id = folder with `,` between them, or change what was \
                       found: + id = folder, -id."
            .to_owned();
    if !facts.served.is_empty() {
        because.push_str(
            " postgres:NAME or mariadb:NAME is a database on a server: docs/sources.md says how to make an account that reads it, and dr doctor \
             what that still lacks.",
        );
    }
    for (kind, place) in &facts.servers {
        let what = match *kind {
            "postgres" => {
                "write id = postgres:DATABASE for each database of it; docs/sources.md says how to make the account"
            }
            _ => {
                "write id = mariadb:DATABASE for each database of it; docs/sources.md says how to make the account, and how a \
                 website is kept with its database"
            }
        };
        because.push_str(&format!(" A {kind} server has its data or socket in {}: {what}.", place.display()));
    }
    if let Some(site) = facts.sites.first() {
        because.push_str(&format!(
            " A folder of WordPress is at {}, and its posts and pages are in a database, not in it: when the plan is written, \
             make it a source of kind website with both, as docs/sources.md shows.",
            site.display()
        ));
    }
    let proposed = (!found.is_empty()).then(|| listed.join(", "));
    Question { number: 5, text: "What is to be backed up?", because, proposed }
}

type Places = (String, Option<String>, Option<Disks>);

fn places<A: Asks>(facts: &Facts, asked: &mut A, somebody_carries: bool) -> Result<Places, A::End> {
    let onsite = propose::onsite(facts);
    let because = match &onsite {
        Some(_) => "A folder on another machine or disk of the school: what is lost on a Tuesday comes back from here.",
        None => {
            "A folder on another machine or disk of the school; no such thing is mounted here. A folder on this machine's own \
                 disk helps against deleted files only."
        }
    };
    let onsite = until(asked, &question(6, "Where does the copy in the school go?", because, onsite), answers::folder)?;
    let outside = propose::outside(facts).unwrap_or_else(|| "none".into());
    let outside = until(
        asked,
        &question(
            7,
            "Where does a copy outside the school go?",
            "A folder on something mounted from elsewhere, or none: then only disks that people carry survive a fire, and they \
             must be named next.",
            Some(outside),
        ),
        answers::place_outside,
    )?;
    let proposed = propose::disks(facts, outside.is_some() || !somebody_carries);
    let proposed = proposed.map_or("none".into(), |(count, mount)| Disks { count, mount }.to_string());
    let disks = until(
        asked,
        &question(
            8,
            "How many disks rotate, and where do they appear when plugged in?",
            "Such as 4 in /mnt/dr-disks: each in a folder of its own below it. While one is plugged in, the others rest in another \
             building, where neither fire nor an intruder reaches them. Or none.",
            Some(proposed),
        ),
        answers::disks,
    )?;
    Ok((onsite, outside, disks))
}
