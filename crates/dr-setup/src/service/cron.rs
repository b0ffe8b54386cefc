//! Which line lets cron call dr? Pure.

use std::path::Path;

use dr_process::quoted;

use super::MARKER;
use super::wanted::{CACHE, CREDENTIALS, Wanted};

/// `/etc/cron.d/dr`.
pub fn table(wanted: &Wanted) -> String {
    let mut text = format!(
        "{MARKER} --cron; `dr service uninstall` removes it.\n\
         # Two that meet do no harm: each system has one run at a time. What is printed is what went wrong.\n\
         SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nMAILTO=root\n"
    );
    if !wanted.credentials.is_empty() {
        // The same names as under systemd. Only root may look into that folder.
        text.push_str(&format!("CREDENTIALS_DIRECTORY={CREDENTIALS}\n"));
    }
    let user = wanted.user.as_deref().unwrap_or("root");
    text.push_str(&format!("*/5 * * * * {user} {}\n", typed(wanted, &["run", "--due", "--quiet"])));
    if wanted.rehearses {
        let words = typed(wanted, &["restore", "--rehearse", "--due", "--quiet"]);
        text.push_str(&format!("30 1 * * * {user} {words}\n"));
    }
    text
}

/// A command line as cron takes it.
fn typed(wanted: &Wanted, command: &[&str]) -> String {
    let mut words: Vec<String> = wanted.words(command).iter().map(|text| quoted(text)).collect();
    if wanted.cache != Path::new(CACHE) {
        words.insert(0, format!("DR_CACHE={}", quoted(&wanted.cache.to_string_lossy())));
    }
    // cron itself knows only `%`, which is escaped in the whole line.
    words.join(" ").replace('%', "\\%")
}
