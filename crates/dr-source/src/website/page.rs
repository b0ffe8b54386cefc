//! What does a page of a website show? Read as text, so that a title is found again however a theme sets it.

/// Statuses by which a page is there.
pub(super) const OK: u16 = 200;

/// The title in the head of a page, in one line.
pub(super) fn title(page: &[u8]) -> Option<String> {
    let page = String::from_utf8_lossy(page);
    let lower = page.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let begin = open + lower[open..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    let words: Vec<String> = text(&page[begin..end]).split_whitespace().map(str::to_owned).collect();
    let shown = dr_entry::shown_without(words.join(" ").as_bytes(), |c| c.is_control() || dr_plan::is_hidden(c));
    let cut: String = shown.chars().take(TITLE_MAX).collect();
    Some(cut).filter(|title| !title.is_empty())
}

/// So much of a title is shown.
const TITLE_MAX: usize = 80;

/// Whether these words are on a page. Spaces count as one, and quotes, dashes and the like are whatever a theme makes of them.
pub(super) fn shows(page: &[u8], words: &str) -> bool {
    letters(&String::from_utf8_lossy(page)).contains(&letters(words))
}

/// Its letters and digits alone, all small.
pub(super) fn letters(html: &str) -> String {
    text(html).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Without what stands in angles, and with characters in the place of their numbers.
fn text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    // A page may be made to be read for ever: what is not there is looked for once.
    let mut ends = true;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let skipped = match rest.as_bytes() {
            [b'<', next, ..] if ends && (next.is_ascii_alphabetic() || b"/!?".contains(next)) => {
                let end = rest.find('>');
                ends = end.is_some();
                end.map(|end| end + 1)
            }
            [b'&', name @ ..] => {
                let end = name.iter().take(NAME_MAX).position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'#');
                let end = end.filter(|end| *end > 0 && name[*end] == b';').map(|end| end + 1);
                text.extend(end.and_then(|end| character(&rest[1..end])));
                end.map(|end| end + 1)
            }
            _ => None,
        };
        let skipped = skipped.unwrap_or_else(|| {
            text.push_str(&rest[..1]);
            1
        });
        rest = &rest[skipped..];
    }
    text.push_str(rest);
    text
}

/// What stands between `&` and `;` is no longer.
const NAME_MAX: usize = 10;

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => ' ',
    })
}

/// What PHP's log says of pages that ended before their end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PhpErrors {
    pub(super) fatal: usize,
    /// An extension that no PHP here has.
    pub(super) lacking: Option<&'static str>,
}

/// How functions and classes begin that an extension brings, and the package of it.
const EXTENSIONS: &[(&str, &str)] = &[
    ("apcu_", "php-apcu"),
    ("bcadd", "php-bcmath"),
    ("bcmul", "php-bcmath"),
    ("curl_", "php-curl"),
    ("dom_", "php-xml"),
    ("domdocument", "php-xml"),
    ("exif_", "php-common"),
    ("gmp_", "php-gmp"),
    ("idn_", "php-intl"),
    ("image", "php-gd"),
    ("getimagesize", "php-gd"),
    ("imagick", "php-imagick"),
    ("intldateformatter", "php-intl"),
    ("ldap_", "php-ldap"),
    ("mb_", "php-mbstring"),
    ("memcached", "php-memcached"),
    ("normalizer", "php-intl"),
    ("numberformatter", "php-intl"),
    ("redis", "php-redis"),
    ("simplexml", "php-xml"),
    ("soapclient", "php-soap"),
    ("tidy_", "php-tidy"),
    ("utf8_", "php-xml"),
    ("xml", "php-xml"),
    ("xslt", "php-xml"),
    ("ziparchive", "php-zip"),
];

/// Reads it. Nothing of its texts is kept: they may hold anything.
pub(super) fn errors(log: &str) -> PhpErrors {
    let mut errors = PhpErrors::default();
    let begins = ["PHP Fatal error:", "PHP Parse error:", "PHP Compile error:", "PHP Core error:", "PHP Recoverable"];
    for line in log.lines().filter(|line| begins.iter().any(|begin| line.contains(begin))) {
        errors.fatal += 1;
        let after = |words: &str| line.split_once(words).map(|(_, rest)| rest);
        let function = after("Call to undefined function ").and_then(|rest| rest.split('(').next());
        let class = after("Class \"").and_then(|rest| rest.split_once("\" not found")).map(|(name, _)| name);
        let name = function.or(class).map(str::to_ascii_lowercase).unwrap_or_default();
        let of = EXTENSIONS.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, package)| *package);
        errors.lacking = errors.lacking.or(of);
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_found_however_a_theme_sets_it() {
        let page = b"<html><Title lang=en>It&#8217;s a   snow\n day &amp; more</TITLE><body><h1>IT&rsquo;S A <b>SNOW</b> DAY</h1>";
        assert_eq!(title(page).as_deref(), Some("It\u{2019}s a snow day & more"));
        assert!(shows(page, "It's a snow day"));
        assert!(!shows(page, "It's a sunny day"));
        assert!(shows("Caf\u{e9} &#x2013; parents".as_bytes(), "CAF\u{c9} - Parents"));
        assert_eq!(title(b"<title></title>"), None);
        assert_eq!(title(b"<title>cut"), None);
        assert_eq!(title(b"no"), None);
        assert_eq!(text("a < b & c; <"), "a < b & c; <");
        assert_eq!(text("<"), "<");
        assert_eq!(text("&\u{fc};x&amp"), "&\u{fc};x&amp");
        let long = "<a".repeat(2_000_000);
        assert_eq!(text(&long).len(), long.len());
    }

    #[test]
    fn errors_of_php_are_counted_and_a_missing_extension_is_named() {
        let log = "[20-Nov-2026] PHP Warning:  Undefined variable $a in /x.php on line 1\n\
                   [20-Nov-2026] PHP Fatal error:  Uncaught Error: Call to undefined function imagettftext() in /x.php:2\nStack trace:\n#0 {main}\n\
                   [20-Nov-2026] PHP Parse error:  syntax error, unexpected end of file in /y.php on line 9\n";
        assert_eq!(errors(log), PhpErrors { fatal: 2, lacking: Some("php-gd") });
        let own = "PHP Fatal error:  Uncaught Error: Call to undefined function hazel_menu() in /x.php:2";
        assert_eq!(errors(own), PhpErrors { fatal: 1, lacking: None }, "the website's own, which did not come back");
        assert_eq!(errors("PHP Fatal error:  Uncaught Error: Class \"ZipArchive\" not found").lacking, Some("php-zip"));
        assert_eq!(errors(""), PhpErrors::default());
    }
}
