//! What is wrong with a text that people wrote, said so that they can put it right.

use std::fmt;

/// One thing that is wrong with a plan or a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The words that are wrong, and where they stand.
    pub words: String,
    /// What was expected instead.
    pub expected: String,
    /// What was perhaps meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: expected {}", self.file, self.line, self.words, self.expected)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "\n  did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

/// The one of `known` that `word` was perhaps meant to be: the nearest, if it is near.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    // A third of the letters may be wrong; of a long text only a bounded part is compared.
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    let allowed = (word.len() / 3).max(1);
    known
        .into_iter()
        .map(|known| (distance(&word, &known.chars().take(64).collect::<Vec<_>>()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known.to_owned())
}

/// How many letters must be put in, left out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let changed = rows[i][j] + usize::from(left != right);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_only_when_it_is_near() {
        let known = ["schedule", "source", "targets", "tier"];
        assert_eq!(nearest("shedule", known).as_deref(), Some("schedule"));
        assert_eq!(nearest("teir", known).as_deref(), Some("tier"));
        assert_eq!(nearest("Target", known).as_deref(), Some("targets"));
        assert_eq!(nearest("elephants", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_problem_is_one_or_two_plain_lines() {
        let mut problem = Problem {
            file: "dr.toml".into(),
            line: 3,
            words: "`teir` in [systems.mis]".into(),
            expected: "one of tier, title".into(),
            suggestion: None,
        };
        assert_eq!(problem.to_string(), "dr.toml:3: `teir` in [systems.mis]: expected one of tier, title");
        problem.suggestion = Some("tier".into());
        assert_eq!(problem.to_string().lines().nth(1), Some("  did you mean `tier`?"));
    }
}
