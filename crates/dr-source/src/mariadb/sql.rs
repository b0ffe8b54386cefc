//! How are texts and names written in MariaDB's SQL?

/// A text as SQL has it. The server may take a backslash for itself or not: none is in it either way.
pub(super) fn literal(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("convert(x'{hex}' using utf8mb4)")
}

/// A name as SQL has it.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
