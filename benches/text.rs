//! Text that shrinks about as source code does, the same every time.

const WORDS: [&str; 16] = [
    "return",
    "static",
    "struct",
    "page",
    "->count",
    "if (",
    ") {\n\t",
    "}\n\n",
    "buffer",
    "offset",
    " = ",
    ";\n\t",
    "length",
    "inode",
    "unsigned ",
    "/* held */",
];

/// So many bytes of it.
pub fn code(length: usize) -> Vec<u8> {
    let (mut state, mut out) = (0x9e37_79b9_7f4a_7c15_u64, Vec::with_capacity(length + 64));
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(WORDS[(state >> 60) as usize].as_bytes());
        if state & 3 == 0 {
            out.extend_from_slice(format!("{:x}", state as u16).as_bytes());
        }
    }
    out.truncate(length);
    out
}
