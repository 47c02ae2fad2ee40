//! Seeded mutations of a corpus, for where libFuzzer is not at hand.

/// The corpus's mutations, one after the other, the same for the same seed.
pub struct Mutations<'a> {
    corpus: &'a [Vec<u8>],
    state: u64,
}

impl<'a> Mutations<'a> {
    /// Mutations of a corpus that is not empty.
    pub const fn new(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        Self {
            corpus,
            state: seed | 1,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % end.max(1)
    }

    fn pick(&mut self) -> &'a [u8] {
        let at = self.below(self.corpus.len());
        self.corpus.get(at).map_or(&[], Vec::as_slice)
    }

    /// A piece of an entry: a stretch of bytes, a line or a word.
    fn piece(&mut self) -> &'a [u8] {
        let from = self.pick();
        let start = self.below(from.len());
        let rest = from.get(start..).unwrap_or_default();
        let end = match self.below(3) {
            0 => self.below(24).min(rest.len()),
            1 => rest
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(rest.len(), |at| at + 1),
            _ => rest
                .iter()
                .position(|byte| !byte.is_ascii_alphanumeric())
                .unwrap_or(rest.len()),
        };
        rest.get(..end).unwrap_or_default()
    }
}

/// Marks and words that turn one thing into another.
const DICTIONARY: [&str; 34] = [
    "\u{0}",
    "\n",
    "\r\n",
    " ",
    "#",
    ":",
    "*",
    "@",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "\"",
    "'",
    "//",
    "\\",
    ",",
    "-1",
    "9223372036854775807",
    "1e400",
    "null",
    "{}",
    "[]",
    " or ",
    " and ",
    " but not ",
    " from ",
    " with ",
    "\u{feff}",
    "\u{2028}",
];

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.pick().to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 => {
                    let bit = 1 << self.below(8);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= bit;
                    }
                }
                1 => {
                    let end = (at + self.below(16)).min(bytes.len());
                    bytes.drain(at..end);
                }
                2 => {
                    let word = DICTIONARY
                        .get(self.below(DICTIONARY.len()))
                        .copied()
                        .unwrap_or("");
                    bytes.splice(at..at, word.bytes());
                }
                3 => {
                    let piece = self.piece();
                    bytes.splice(at..at, piece.iter().copied());
                }
                4 => {
                    let piece = self.piece();
                    let end = (at + piece.len()).min(bytes.len());
                    bytes.splice(at..end, piece.iter().copied());
                }
                _ => {
                    let end = (at + self.below(32)).min(bytes.len());
                    let again: Vec<u8> = bytes.get(at..end).unwrap_or_default().to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        Some(bytes)
    }
}
