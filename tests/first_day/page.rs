//! How do commands and screens become a page that is the same on every day and machine?

use std::fmt::Write as _;
use std::path::Path;

use crate::machine::Machine;

pub struct Page<'m> {
    machine: &'m Machine,
    text: String,
    key: bool,
    sizes_vary: bool,
}

impl<'m> Page<'m> {
    pub fn new(machine: &'m Machine) -> Self {
        Self { machine, text: String::new(), key: false, sizes_vary: false }
    }

    /// Words of the page's own.
    pub fn say(&mut self, words: &str) {
        self.text.push_str(words);
        self.text.push('\n');
    }

    /// From now on sizes stand as `#`: what another program writes differs by its version.
    #[allow(dead_code, reason = "only where another program's output is kept")]
    pub fn sizes_vary(&mut self) {
        self.sizes_vary = true;
    }

    /// What somebody reads there who is on the page's machine.
    #[allow(dead_code, reason = "only where another program is part of the story")]
    pub fn shown(&self, text: &str) -> String {
        self.machine.shown(text)
    }

    /// From now on the stick with the recovery key is in the machine.
    pub fn with_key(&mut self) {
        self.key = true;
        self.text.push_str("```console\n$ export DR_KEY_FILE=/media/stick/dr-recovery.key\n```\n\n");
    }

    /// A command and its screen.
    pub fn typed(&mut self, time: &str, line: &str) {
        self.typed_in(time, line, "");
    }

    /// A command, and of its screen what is about one thing. How it ends is the test's affair.
    #[allow(dead_code, reason = "only where most of a screen is about the machine")]
    pub fn typed_about(&mut self, time: &str, line: &str, about: &str) {
        let said = self.machine.dr(time, line, "", self.key);
        let text = String::from_utf8(said.stdout).unwrap();
        let mut paragraphs: Vec<&str> = Vec::new();
        let mut is_about = false;
        for line in text.lines() {
            is_about = if line.starts_with(' ') { is_about } else { line.contains(about) };
            paragraphs.extend(is_about.then_some(line));
        }
        let screen = self.steady(&paragraphs.join("\n"));
        let _ = write!(self.text, "```console\n$ dr {line}\n...\n{}\n...\n```\n\n", screen.trim_end());
    }

    /// A command to which somebody types `input`.
    pub fn typed_in(&mut self, time: &str, line: &str, input: &str) {
        let said = self.machine.dr(time, line, input, self.key);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(said.stdout), text(said.stderr));
        assert!(said.status.success(), "dr {line}: {:?}\n{stdout}\n{stderr}", said.status.code());
        // What is asked comes before what is answered, whatever stream it takes.
        let screen = format!("{stderr}{stdout}");
        let screen = self.steady(&screen);
        let _ = write!(self.text, "```console\n$ dr {line}\n{}\n```\n\n", screen.trim_end());
    }

    /// Another program's command and what it answers, both of which the test has lived.
    #[allow(dead_code, reason = "only where another program is part of the story")]
    pub fn other(&mut self, line: &str, answer: &str) {
        let answer = answer.trim_end();
        let answer = if answer.is_empty() { String::new() } else { format!("{}\n", self.steady(answer)) };
        let _ = write!(self.text, "```console\n$ {line}\n{answer}```\n\n");
    }

    /// A file that he looks at.
    pub fn file(&mut self, path: &str) {
        let text = std::fs::read_to_string(self.machine.path(path)).unwrap();
        let text = self.steady(&text);
        let _ = write!(self.text, "```toml\n{}\n```\n\n", text.trim_end());
    }

    /// Without what differs from run to run.
    fn steady(&self, text: &str) -> String {
        let text = self.machine.shown(text);
        let root = self.machine.root();
        // Where the folder's name has a blank in it, dr puts what is to be pasted between quotes.
        let quoted = format!("'{root}");
        let mut pieces = text.split(&quoted);
        let first = pieces.next().unwrap_or_default().to_owned();
        let text = pieces.fold(first, |text, piece| text + &piece.replacen('\'', "", 1));
        let text = text.replace(&root, "").replace(env!("CARGO_BIN_EXE_dr"), "dr");
        let line = |line| {
            let line = steady_line(line);
            if self.sizes_vary { without_sizes(&line) } else { line }
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The page is as it stands in the checkout.
    pub fn compare(self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let text = format!("{}\n", self.text.trim_end());
        #[expect(clippy::disallowed_methods, reason = "whoever runs the test says so")]
        if std::env::var_os("DR_WRITE_PAGES").is_some() {
            std::fs::write(&path, &text).unwrap();
            return;
        }
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = text.lines().zip(stands.lines()).enumerate().find(|(_, (one, other))| one != other);
        assert!(
            stands == text,
            "docs/{name} is not what was lived. First difference: {differs:#?}\nIf that is right, rewrite it: \
             DR_WRITE_PAGES=1 cargo test -p dr --test first_day --test databases"
        );
    }
}

/// A line whose seconds, hashes and stored sizes are `#`: how small a tree's pages are cut depends on the family's key.
fn steady_line(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let is_seconds = next.trim_end_matches(['.', ',', ';', ')']) == "s" && word.parse::<f64>().is_ok();
        let groups = line.contains("Evidence") && word.len() == 4 && word.bytes().all(is_hex);
        let is_stored = word.starts_with('+') && next.trim_end_matches([',', ';']).ends_with('B');
        out.push(match (is_seconds || groups, is_stored) {
            (true, _) => "#".to_owned(),
            (_, true) => "+#".to_owned(),
            _ => without_hashes(word),
        });
    }
    out.join(" ")
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Eight digits in a row, or more, are a hash.
fn without_hashes(word: &str) -> String {
    let mut out = String::new();
    for run in word.split_inclusive(|c: char| !c.is_ascii() || !is_hex(c as u8)) {
        let digits = run.trim_end_matches(|c: char| !c.is_ascii() || !is_hex(c as u8));
        out.push_str(if digits.len() >= 8 { "#" } else { digits });
        out.push_str(&run[digits.len()..]);
    }
    out
}

/// A line whose sizes are `#`.
fn without_sizes(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_size = |at: usize| {
        words.get(at + 1).is_some_and(|unit| matches!(unit.trim_end_matches([',', ';']), "B" | "KiB" | "MiB"))
    };
    let word = |(at, word): (usize, &&str)| {
        if is_size(at) && word.parse::<f64>().is_ok() { "#".to_owned() } else { (*word).to_owned() }
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}
