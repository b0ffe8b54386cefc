//! What people write and what they are called: prose with the word frequencies of a school, and invented names.

use crate::random::Random;

/// Family names, all of trees and hedges, so that nobody is meant.
pub(crate) const FAMILY: [&str; 48] = [
    "Ash",
    "Oak",
    "Elm",
    "Rowan",
    "Hawthorn",
    "Birch",
    "Alder",
    "Willow",
    "Larch",
    "Maple",
    "Beech",
    "Holly",
    "Yew",
    "Linden",
    "Aspen",
    "Cedar",
    "Juniper",
    "Sorrel",
    "Teasel",
    "Bramble",
    "Thorne",
    "Sedge",
    "Fern",
    "Heather",
    "Gorse",
    "Broom",
    "Ivy",
    "Clover",
    "Tansy",
    "Yarrow",
    "Vetch",
    "Campion",
    "Bryony",
    "Medlar",
    "Quince",
    "Damson",
    "Sloe",
    "Bracken",
    "Mallow",
    "Burdock",
    "Celandine",
    "Foxglove",
    "Harebell",
    "Meadows",
    "Copse",
    "Glade",
    "Spinney",
    "Hedgerow",
];
/// Given names; some need more than ASCII, as in any school.
pub(crate) const GIVEN: [&str; 48] = [
    "Amina",
    "Ben",
    "Chloë",
    "Dafydd",
    "Eilidh",
    "Farah",
    "Grace",
    "Harvey",
    "Isla",
    "José",
    "Kiran",
    "Leo",
    "Małgosia",
    "Nia",
    "Oscar",
    "Priya",
    "Quentin",
    "Rhys",
    "Siân",
    "Tomás",
    "Uma",
    "Violet",
    "Wren",
    "Xanthe",
    "Yusuf",
    "Zoë",
    "Aidan",
    "Bethan",
    "Callum",
    "Daisy",
    "Elif",
    "Finn",
    "Gwen",
    "Hana",
    "Ivor",
    "Jude",
    "Kofi",
    "Łukasz",
    "Maya",
    "Noor",
    "Orla",
    "Pablo",
    "Ravi",
    "Søren",
    "Tegan",
    "Umar",
    "Vera",
    "Zara",
];
const COMMON: &str = "the and to of a in for is we that on will be with our at are this as your have by school children \
    pupils from please it all their they can an or class has not was week new if who year which work you been term \
    also should made when parents were day more use one time after each reading during home up may need help group \
    next out lesson any other every teacher staff people using before first two how some there his her about into \
    learning look three write what Friday Monday money mathematics minutes questions between number write table \
    story words know show draw why different answer book paper letter hall lunch clubs science history music trip \
    plan support office form return meeting agreed action report governors head budget cost safe visit morning \
    afternoon attendance sentence spelling picture shape measure count half quarter fraction add share multiply \
    divide river mountain map weather Roman Viking Tudor plant seed light sound force magnet habitat water cycle \
    poem character setting describe explain predict compare discuss partner whole independent challenge resources \
    objective success criteria starter main plenary assessment evidence progress target intervention provision \
    risk review policy behaviour safeguarding first aid medical allergy consent coach departure packed uniform \
    collection register absence late holiday request authority admissions waiting list sibling catchment appeal \
    invoice order delivery supplier quote approved balance grant premium sports catering cleaning heating lighting \
    insurance licence renewal training network printer laptop trolley password account update printer backup \
    recycling garden pond playground climbing frame boundary fence gate keys alarm caretaker painter roof gutter \
    concert rehearsal choir recorder ukulele assembly harvest carol nativity summer fair raffle bake stall volunteer \
    librarian author competition certificate award celebration transition secondary buddy council vote litter \
    kindness resilience curiosity courage respect honesty teamwork patience effort improvement handwriting joined \
    capital comma apostrophe adverb noun verb clause paragraph conjunction preposition determiner synonym";

/// A vocabulary from which common words come often and rare ones rarely.
pub(crate) struct Words {
    list: Vec<&'static str>,
    /// Word numbers, each as often as Zipf's law has it, so that a draw is one lookup.
    draws: Vec<u16>,
}

impl Words {
    pub(crate) fn new() -> Self {
        let list: Vec<&str> = COMMON.split_whitespace().collect();
        let draws = zipf(list.len());
        Words { list, draws }
    }

    pub(crate) fn word(&self, random: &mut Random) -> &'static str {
        self.list[usize::from(random.pick(&self.draws))]
    }

    pub(crate) fn sentence(&self, random: &mut Random) -> String {
        let count = random.between(6, 18);
        let mut sentence = String::with_capacity(110);
        for position in 0..count {
            let word = self.word(random);
            if position == 0 {
                let mut letters = word.chars();
                sentence.extend(letters.next().map(|c| c.to_ascii_uppercase()));
                sentence.push_str(letters.as_str());
                continue;
            }
            sentence.push_str(if random.chance(6) { ", " } else { " " });
            match random.below(60) {
                0 => sentence.push_str(random.pick(&GIVEN)),
                1 => sentence.push_str(&random.between(2, 480).to_string()),
                _ => sentence.push_str(word),
            }
        }
        sentence.push_str(if random.chance(8) { "?" } else { "." });
        sentence
    }

    pub(crate) fn paragraph(&self, random: &mut Random) -> String {
        let count = random.between(2, 6);
        let mut paragraph = String::with_capacity(500);
        for position in 0..count {
            if position > 0 {
                paragraph.push(' ');
            }
            paragraph.push_str(&self.sentence(random));
        }
        paragraph
    }

    /// Two or three words to name a thing after, the first with a capital.
    pub(crate) fn topic(&self, random: &mut Random) -> String {
        // The most frequent words say nothing in a name.
        let rare = &self.list[100.min(self.list.len() / 2)..];
        let (one, two) = (random.pick(rare), random.pick(rare));
        let mut letters = one.chars();
        let first: String = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().collect();
        format!("{first}{} {two}", letters.as_str())
    }
}

/// `(given, family)` of somebody.
pub(crate) fn person(random: &mut Random) -> (&'static str, &'static str) {
    (random.pick(&GIVEN), random.pick(&FAMILY))
}

/// A number from the range that is kept for drama.
pub(crate) fn phone(random: &mut Random) -> String {
    format!("01632 960{:03}", random.below(1_000))
}

/// Numbers below `count`, number r about in proportion to 1 / (r + 3).
///
/// Only additions and divisions, whose results are the same on every machine; `exp` and `ln` need not be.
pub(crate) fn zipf(count: usize) -> Vec<u16> {
    let total: f64 = (0..count).map(|rank| 1.0 / (rank as f64 + 3.0)).sum();
    let mut draws = Vec::with_capacity(8_192);
    let mut reached = 0.0;
    for rank in 0..count {
        reached += 1.0 / (rank as f64 + 3.0) / total;
        let until = ((reached * 8_192.0) as usize).max(draws.len() + 1);
        draws.resize(until, rank as u16);
    }
    draws
}
