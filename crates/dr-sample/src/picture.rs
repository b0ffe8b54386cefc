//! What a photograph and a scan look like in bytes: baseline JPEG and PNG files that decode, and barely compress.
//!
//! The JPEG is not the transform of a picture: its coefficients are drawn at random around a smooth gradient and then
//! coded as the standard says. It decodes to a cloudy sky with grain, costs no transform, and resists compression as a
//! real photograph does. The PNG holds its pixels in stored (uncompressed) deflate blocks.

use crate::random::Random;

/// Annex K.3 of the JPEG standard, luminance: how many codes there are of each length from 1 to 16.
const DC_LENGTHS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_SYMBOLS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AC_LENGTHS: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d];
/// The symbols of codes up to 12 bits and the one of 15; the 125 of 16 bits follow in ascending order.
const AC_SHORT: [u8; 37] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14,
    0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82,
];

fn ac_symbols() -> Vec<u8> {
    let mut symbols = AC_SHORT.to_vec();
    for symbol in 0..=0xff_u8 {
        if (1..=10).contains(&(symbol & 15)) && !AC_SHORT.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    symbols
}

/// Code and length by symbol.
type Codes = [(u16, u8); 256];

fn codes(lengths: &[u8; 16], symbols: &[u8]) -> Codes {
    let mut table = [(0, 0); 256];
    let (mut code, mut next) = (0_u32, symbols.iter());
    for (length, count) in (1_u8..).zip(lengths) {
        for symbol in next.by_ref().take(usize::from(*count)) {
            table[usize::from(*symbol)] = (code as u16, length);
            code += 1;
        }
        code <<= 1;
    }
    table
}

/// Bits in the order JPEG wants them, with a zero after each byte of ones.
struct Bits {
    bytes: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, length: u8) {
        self.waiting = (self.waiting << length) | u64::from(value);
        self.count += u32::from(length);
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.waiting >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
        self.waiting &= (1 << self.count) - 1;
    }
}

/// The number of bits of `value`, and `value` as JPEG codes it in that many.
fn magnitude(value: i32) -> (u8, u32) {
    let size = (32 - value.unsigned_abs().leading_zeros()) as u8;
    let low = if value < 0 { value - 1 } else { value };
    (size, low as u32 & ((1_u32 << size) - 1))
}

/// The codes every picture uses; made once, as building them costs more than a small picture.
pub(crate) struct Camera {
    dc: Codes,
    ac: Codes,
    head: Vec<u8>,
}

impl Camera {
    pub(crate) fn new() -> Self {
        let symbols = ac_symbols();
        let mut head = vec![0xff, 0xd8];
        segment(&mut head, 0xe0, b"JFIF\0\x01\x01\x01\x00\x48\x00\x48\0\0");
        let mut quantities = vec![0];
        quantities.extend((0..64_u8).map(|position| 8 + position / 2));
        segment(&mut head, 0xdb, &quantities);
        for (class, lengths, symbols) in [(0x00, DC_LENGTHS, &DC_SYMBOLS[..]), (0x10, AC_LENGTHS, &symbols)] {
            segment(&mut head, 0xc4, &[&[class], &lengths[..], symbols].concat());
        }
        Camera { dc: codes(&DC_LENGTHS, &DC_SYMBOLS), ac: codes(&AC_LENGTHS, &symbols), head }
    }

    /// A colour JPEG of about `width * height / 6` bytes.
    pub(crate) fn photo(&self, width: u16, height: u16, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.head.clone();
        let ([h1, h2], [w1, w2]) = (height.to_be_bytes(), width.to_be_bytes());
        segment(&mut bytes, 0xc0, &[8, h1, h2, w1, w2, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
        segment(&mut bytes, 0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
        let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
        bytes.reserve(usize::from(columns) * usize::from(rows) * 64);
        let mut bits = Bits { bytes, waiting: 0, count: 0 };
        let slope = [random.between(0, 120) as i32 - 60, random.between(0, 120) as i32 - 60];
        let tint = [random.between(0, 40) as i32 - 20, random.between(0, 40) as i32 - 20];
        let mut last = [0; 3];
        for row in 0..rows {
            for column in 0..columns {
                let (x, y) = (i32::from(column) * 2, i32::from(row) * 2);
                let (across, down) = (i32::from(columns) * 2, i32::from(rows) * 2);
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let light = slope[0] * (2 * (x + dx) - across) / across
                        + slope[1] * (2 * (y + dy) - down) / down
                        + random.below(16) as i32
                        - 8;
                    self.block(&mut bits, light, &mut last[0], 14, random);
                }
                for colour in 0..2 {
                    let shade = tint[colour] + random.below(4) as i32;
                    self.block(&mut bits, shade, &mut last[colour + 1], 3, random);
                }
            }
        }
        if bits.count > 0 {
            let missing = 8 - bits.count as u8;
            bits.push((1 << missing) - 1, missing);
        }
        bits.bytes.extend([0xff, 0xd9]);
        bits.bytes
    }

    /// One block of 8 × 8: its mean, then up to `details` coefficients of falling size.
    fn block(&self, bits: &mut Bits, mean: i32, last: &mut i32, details: u64, random: &mut Random) {
        let (size, low) = magnitude(mean - *last);
        *last = mean;
        let (code, length) = self.dc[usize::from(size)];
        bits.push(u32::from(code), length);
        bits.push(low, size);
        let mut draws = random.next();
        let present = 2 + draws % details;
        draws >>= 8;
        let mut run = 0;
        for position in 0..present {
            if position == 9 {
                draws = random.next();
            }
            let (drawn, room) = (draws & 63, if position < 4 { 5 } else { 2 });
            draws >>= 6;
            // Half of 0 to 63 are zeros further out; near the mean nearly all are something.
            let value = (drawn as i32 - 32) / (32 / room);
            if value == 0 {
                run += 1;
                continue;
            }
            let (size, low) = magnitude(value);
            let (code, length) = self.ac[usize::from(run << 4 | size)];
            bits.push(u32::from(code), length);
            bits.push(low, size);
            run = 0;
        }
        let (code, length) = self.ac[0];
        bits.push(u32::from(code), length);
    }
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    bytes.extend([0xff, marker]);
    bytes.extend((content.len() as u16 + 2).to_be_bytes());
    bytes.extend(content);
}

/// A grainy colour gradient of about `3 * width * height` bytes.
pub(crate) fn png(width: u32, height: u32, random: &mut Random) -> Vec<u8> {
    let base: [u32; 3] = std::array::from_fn(|_| random.below(120) as u32);
    let mut pixels = Vec::with_capacity((3 * width as usize + 1) * height as usize);
    for y in 0..height {
        pixels.push(0);
        for x in 0..width {
            let grain = random.next();
            for (colour, base) in base.iter().enumerate() {
                let slope = [x * 70 / width, y * 70 / height, (x + y) * 70 / (width + height)][colour];
                pixels.push((base + slope + (grain >> (8 * colour)) as u32 % 64) as u8);
            }
        }
    }
    let mut stream = vec![0x78, 0x01];
    let blocks = pixels.chunks(65_535);
    let last = blocks.len().saturating_sub(1);
    for (number, block) in blocks.enumerate() {
        stream.push(u8::from(number == last));
        let length = block.len() as u16;
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(&pixels).to_be_bytes());

    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes()[..], &[8, 2, 0, 0, 0]].concat();
    let table = crc_table();
    for (name, content) in [(b"IHDR", &head[..]), (b"IDAT", &stream), (b"IEND", &[])] {
        bytes.extend((content.len() as u32).to_be_bytes());
        let from = bytes.len();
        bytes.extend(name);
        bytes.extend(content);
        let sum = crc32(&table, &bytes[from..]);
        bytes.extend(sum.to_be_bytes());
    }
    bytes
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    // 5,552 is the most bytes for which `b` cannot overflow.
    for part in bytes.chunks(5_552) {
        for byte in part {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    b << 16 | a
}

fn crc_table() -> [u32; 256] {
    std::array::from_fn(|byte| {
        (0..8).fold(byte as u32, |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    })
}

fn crc32(table: &[u32; 256], bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |c, byte| table[((c ^ u32::from(*byte)) & 255) as usize] ^ (c >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_match_their_published_checks() {
        assert_eq!(crc32(&crc_table(), b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn all_162_codes_of_the_standard_are_there() {
        let symbols = ac_symbols();
        assert_eq!(symbols.len(), AC_LENGTHS.iter().map(|c| usize::from(*c)).sum::<usize>());
        assert_eq!(codes(&AC_LENGTHS, &symbols)[0xfa], (0xfffe, 16), "K.5 of the standard");
    }

    #[test]
    fn every_block_of_a_photo_can_be_decoded_again() {
        let camera = Camera::new();
        for (width, height) in [(16, 16), (100, 75), (641, 479)] {
            let photo = camera.photo(width, height, &mut Random::new(5));
            let blocks = decoded_blocks(&camera, &photo);
            assert_eq!(blocks, usize::from(width.div_ceil(16)) * usize::from(height.div_ceil(16)) * 6);
        }
    }

    /// Reads codes until the bits run out; panics at a code that does not exist or a block past 64 coefficients.
    fn decoded_blocks(camera: &Camera, photo: &[u8]) -> usize {
        let scan = photo.windows(2).position(|w| w == [0xff, 0xda]).unwrap() + 2 + 12;
        assert_eq!(photo[photo.len() - 2..], [0xff, 0xd9]);
        let mut bits = Vec::new();
        let mut bytes = photo[scan..photo.len() - 2].iter();
        while let Some(byte) = bytes.next() {
            bits.extend((0..8).rev().map(|shift| byte >> shift & 1));
            if *byte == 0xff {
                assert_eq!(bytes.next(), Some(&0), "a marker inside the picture");
            }
        }
        let (mut position, mut blocks) = (0, 0);
        while bits.len() - position >= 8 || bits[position..].contains(&0) {
            let size = symbol(&camera.dc, &bits, &mut position);
            position += usize::from(size);
            let mut coefficient = 0;
            loop {
                let symbol = symbol(&camera.ac, &bits, &mut position);
                if symbol == 0 {
                    break;
                }
                coefficient += usize::from(symbol >> 4) + 1;
                position += usize::from(symbol & 15);
                assert!(coefficient < 64);
            }
            blocks += 1;
        }
        blocks
    }

    fn symbol(codes: &Codes, bits: &[u8], position: &mut usize) -> u8 {
        let mut code = 0;
        for length in 1..=16 {
            code = code << 1 | u16::from(bits[*position]);
            *position += 1;
            if let Some(found) = codes.iter().position(|c| *c == (code, length)) {
                return found as u8;
            }
        }
        panic!("no such code")
    }
}
