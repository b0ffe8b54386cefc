//! How does a line look?

use std::fmt::Write as _;

use jiff::Timestamp;
use tracing::Level;

use super::fields::Value;

/// Where a line goes decides how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One JSON object.
    Json,
    /// For eyes.
    Plain,
    /// The same without the time, which the journal has, and with the level as it takes it.
    Journal,
}

/// One line.
pub struct Line<'a> {
    /// By the machine's own clock, whatever time decisions are made with.
    pub at: Timestamp,
    pub level: Level,
    /// Of the process: several may write to one file.
    pub pid: u32,
    /// What this is about or happened within.
    pub span: &'a str,
    /// `begin`, `end`, or what happened.
    pub event: &'a str,
    pub fields: Vec<(&'static str, Value)>,
    /// How long it took, at its end.
    pub ms: Option<u64>,
}

impl Line<'_> {
    /// Its bytes, with the end of the line.
    pub fn written(&self, style: Style) -> Vec<u8> {
        let mut text = match style {
            Style::Json => return self.json(),
            Style::Plain => format!("{} {} ", self.time(), level(self.level)),
            Style::Journal => format!("<{}>", priority(self.level)),
        };
        let _ = write!(text, "{} {}", self.span, self.event);
        for (name, value) in &self.fields {
            let _ = write!(text, " {name}={value}");
        }
        if let Some(ms) = self.ms {
            let _ = write!(text, " ms={ms}");
        }
        text.push('\n');
        text.into_bytes()
    }

    /// Words need no escapes (`fields.rs`), so this is all of JSON that there is.
    fn json(&self) -> Vec<u8> {
        let (time, level, pid, span, event) = (self.time(), level(self.level), self.pid, self.span, self.event);
        let mut text = format!(r#"{{"time":"{time}","level":"{level}","pid":{pid},"span":"{span}","event":"{event}""#);
        for (name, value) in &self.fields {
            let _ = match value {
                Value::Word(word) => write!(text, r#","{name}":"{word}""#),
                other => write!(text, r#","{name}":{other}"#),
            };
        }
        if let Some(ms) = self.ms {
            let _ = write!(text, r#","ms":{ms}"#);
        }
        text.push_str("}\n");
        text.into_bytes()
    }

    fn time(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

/// As syslog numbers them.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_the_same_wherever_it_goes() {
        let line = Line {
            at: "2026-11-20T21:30:00.0425Z".parse().unwrap(),
            level: Level::WARN,
            pid: 7,
            span: "copy",
            event: "end",
            fields: vec![
                ("run", Value::Word("0d9f".into())),
                ("attempts", Value::Count(2)),
                ("overdue", Value::Flag(true)),
            ],
            ms: Some(12),
        };
        let written = |style| String::from_utf8(line.written(style)).unwrap();
        assert_eq!(
            written(Style::Plain),
            "2026-11-20T21:30:00.042Z warn copy end run=0d9f attempts=2 overdue=true ms=12\n"
        );
        assert_eq!(written(Style::Journal), "<4>copy end run=0d9f attempts=2 overdue=true ms=12\n");
        let json: serde_json::Value = serde_json::from_str(&written(Style::Json)).unwrap();
        let same = serde_json::json!({
            "time": "2026-11-20T21:30:00.042Z", "level": "warn", "pid": 7, "span": "copy", "event": "end",
            "run": "0d9f", "attempts": 2, "overdue": true, "ms": 12,
        });
        assert_eq!(json, same);
    }
}
