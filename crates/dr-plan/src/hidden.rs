//! Which characters show nothing themselves and change how what is around them looks.

/// Whether `c` is a format character or a separator of lines and paragraphs: it turns the direction of writing, joins or
/// parts letters, or is not seen at all, so that a name can look like another one (`gpj.exe` like `exe.jpg`).
///
/// The general categories Cf, Zl and Zp of Unicode 16; control characters (Cc) are asked of [`char::is_control`].
#[must_use]
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::is_hidden;

    #[test]
    fn what_turns_or_hides_writing_is_hidden_and_letters_of_any_script_are_not() {
        for c in ['\u{202e}', '\u{200b}', '\u{2066}', '\u{feff}', '\u{ad}', '\u{2028}', '\u{e0041}'] {
            assert!(is_hidden(c), "{:x}", u32::from(c));
        }
        for c in ['a', 'ä', 'ש', 'م', '語', '🙂', '\u{301}', ' ', '\u{a0}'] {
            assert!(!is_hidden(c), "{c}");
        }
    }
}
