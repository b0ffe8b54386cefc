//! What code and machine code look like to a compressor: text of Zipf words that shrinks four to five times, and
//! instruction-like bytes that shrink about twice.

use crate::random::Random;
use crate::words::zipf;

const STEMS: [&str; 64] = [
    "node", "page", "buf", "lock", "queue", "table", "entry", "list", "map", "tree", "index", "block", "inode",
    "device", "port", "irq", "clock", "timer", "state", "flags", "mask", "offset", "length", "count", "size", "addr",
    "base", "range", "region", "slot", "ring", "frame", "packet", "header", "socket", "route", "filter", "rule",
    "group", "user", "task", "event", "signal", "trace", "debug", "error", "status", "config", "option", "param",
    "value", "result", "channel", "stream", "codec", "sensor", "power", "reset", "probe", "attach", "alloc", "free",
    "init", "sync",
];
const TYPES: [&str; 8] = ["int", "u32", "u64", "void", "struct page *", "size_t", "bool", "unsigned long"];
const REMARKS: [&str; 6] = [
    "must be called with the lock held",
    "the caller owns the reference",
    "see the comment above",
    "never returns NULL here",
    "hardware needs the delay",
    "protected by the queue lock",
];

/// Names that a source tree uses everywhere, and how often each.
pub(super) struct Code {
    names: Vec<String>,
    draws: Vec<u16>,
    instructions: Vec<[u8; 6]>,
}

impl Code {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::of(seed, "code", 0);
        let names = (0..4_000)
            .map(|number| match number % 3 {
                0 => random.pick(&STEMS).to_owned(),
                1 => format!("{}_{}", random.pick(&STEMS), random.pick(&STEMS)),
                _ => format!("{}_{}_{}", random.pick(&STEMS), random.pick(&STEMS), random.pick(&STEMS)),
            })
            .collect::<Vec<_>>();
        let draws = zipf(names.len());
        let instructions = (0..4_000)
            .map(|_| {
                let mut bytes = [0; 6];
                random.fill(&mut bytes);
                bytes
            })
            .collect();
        Code { names, draws, instructions }
    }

    /// `length` bytes of functions, as one author writes them: with a few dozen names used over and over.
    pub(super) fn source(&self, length: usize, random: &mut Random) -> Vec<u8> {
        let prefix = random.pick(&STEMS);
        let local: Vec<&str> = (0..48).map(|_| self.name(random)).collect();
        let local_draws = zipf(local.len());
        let own = |random: &mut Random| local[usize::from(random.pick(&local_draws))];
        let mut text = format!("// SPDX-License-Identifier: MIT\n/*\n * {prefix} support\n */\n\n");
        for _ in 0..random.between(3, 12) {
            text.push_str(&format!("#include <linux/{}.h>\n", random.pick(&STEMS)));
        }
        while text.len() < length {
            let (kind, name, argument) = (random.pick(&TYPES), own(random), own(random));
            text.push_str(&format!("\nstatic {kind} {prefix}_{name}(struct {prefix} *{argument})\n{{\n"));
            for _ in 0..random.between(4, 24) {
                let (a, b) = (own(random), own(random));
                text.push_str(&match random.below(12) {
                    0 => {
                        let (one, two) = (self.name(random), self.name(random));
                        format!("\t/* {one}, {two}: {} */\n", random.pick(&REMARKS))
                    }
                    1 => format!("\tif (!{argument}->{a})\n\t\treturn -EINVAL;\n"),
                    2 => {
                        format!("\tif ({argument}->{a} > {b}) {{\n\t\t{prefix}_{a}({argument});\n\t\tgoto out;\n\t}}\n")
                    }
                    3 => format!("\t{}->{a} = {};\n", self.name(random), random.below(65_536)),
                    4 => format!("\tfor (i = 0; i < {argument}->{a}; i++)\n\t\t{b}[i] = 0;\n"),
                    5 => format!("\t{} {a};\n", random.pick(&TYPES)),
                    6 => format!("\tdev_dbg({argument}->dev, \"{a} %d\\n\", {b});\n"),
                    7 => format!("\t{a} |= BIT({});\n", random.below(32)),
                    8 => format!("\tret = {prefix}_{a}({argument}, {b});\n\tif (ret)\n\t\treturn ret;\n"),
                    9 => format!("\t{a} = {}({argument}->{b});\n", self.name(random)),
                    10 => format!("\twritel({:#010x}, {argument}->{b});\n", random.next() as u32),
                    _ => format!("\t{}(&{argument}->{a});\n", random.pick(&["spin_lock", "spin_unlock", "kfree"])),
                });
            }
            text.push_str("\treturn 0;\n}\n");
        }
        let mut bytes = text.into_bytes();
        bytes.truncate(length);
        bytes
    }

    fn name(&self, random: &mut Random) -> &str {
        &self.names[usize::from(random.pick(&self.draws))]
    }

    /// `length` bytes like those of a program: frequent instructions, addresses that climb, now and then a table.
    pub(super) fn machine(&self, length: usize, random: &mut Random) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let mut address = random.next() as u32 & 0x00ff_ffff;
        while bytes.len() < length {
            let instruction = &self.instructions[usize::from(random.pick(&self.draws))];
            bytes.extend(&instruction[..2 + usize::from(instruction[0]) % 5]);
            match random.below(64) {
                0 => bytes.extend([0; 24]),
                1..=12 => {
                    address = address.wrapping_add(random.below(4_096) as u32);
                    bytes.extend(address.to_le_bytes());
                }
                13..=20 => bytes.push(random.next() as u8),
                _ => {}
            }
        }
        bytes.truncate(length);
        bytes
    }
}
