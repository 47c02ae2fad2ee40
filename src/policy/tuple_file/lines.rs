//! A stream of tuples, NDJSON or CSV, read as it comes: bytes go in, tuples with the lines they begin on come out.
//!
//! Holds one line and what was given last, however long the stream is. A CSV record may hold line ends between quotation marks.

use super::csv::CsvReader;
use super::{LineFormat, TupleKey};
use crate::policy::engine::relationship::Relationship;

/// Longest line or record, in bytes: the largest context that a tuple may have, quoted and escaped, with room.
pub const LINE_BYTES: usize = 128 * 1024;
/// What a text in UTF-8 may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A tuple and the line it begins on, from 1.
pub type Line = (u64, Relationship);

/// A line that is no tuple.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LineFault {
    /// Which, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// Reads a stream of tuples.
#[derive(Debug)]
pub struct TupleReader {
    csv: Option<CsvReader>,
    from_line: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the line begins.
    start: usize,
    /// Up to where in the buffer a line's end was looked for.
    seen: usize,
    /// Whether a quotation mark is open there.
    is_open: bool,
    /// The number of the line that begins at `start`, and of the one at `seen`.
    line: u64,
    line_seen: u64,
    ended: bool,
}

impl TupleReader {
    /// A reader that leaves out the tuples before a line; the header of CSV is read in any case.
    pub fn new(format: LineFormat, from_line: u64) -> Self {
        Self {
            csv: match format {
                LineFormat::Ndjson => None,
                LineFormat::Csv => Some(CsvReader::new()),
            },
            from_line,
            buffer: Vec::new(),
            start: 0,
            seen: 0,
            is_open: false,
            line: 1,
            line_seen: 1,
            ended: false,
        }
    }

    /// Takes more of the stream. Ask [`Self::next_line`] for all that is in it before giving it more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The stream is at its end: what is left is its last line.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the stream is at its end.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Lines that are done: the one to go on from, less one.
    pub const fn lines_done(&self) -> u64 {
        self.line - 1
    }

    /// The next tuple; `None` when the stream must be given more of, or is at its end. Blank lines are none.
    pub fn next_line(&mut self) -> Option<Result<Line, LineFault>> {
        loop {
            let line = self.line;
            let fault = |message| Some(Err(LineFault { line, message }));
            let Some(record) = self.record() else {
                let csv = self.csv.as_ref().filter(|_| self.ended);
                return csv
                    .filter(|csv| !csv.has_header())
                    .and_then(|_| fault("the header is missing".to_owned()));
            };
            let text = match record {
                Ok(range) => self.buffer.get(range).unwrap_or_default(),
                Err(message) => return fault(message),
            };
            let text = match text.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) if line == 1 => rest,
                Some(_) | None => text,
            };
            let is_header = self
                .csv
                .as_ref()
                .is_some_and(|csv| !csv.has_header() && !text.trim_ascii().is_empty());
            if text.trim_ascii().is_empty() || (line < self.from_line && !is_header) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(text) else {
                return fault("the line is not UTF-8".to_owned());
            };
            let key = match &mut self.csv {
                None => serde_json::from_str(text)
                    .map(Some)
                    .map_err(|error| error.to_string()),
                Some(csv) => csv.read(text),
            };
            match key
                .and_then(|key: Option<TupleKey>| key.map(|key| key.relationship()).transpose())
            {
                Ok(None) => {}
                Ok(Some(relationship)) => return Some(Ok((line, relationship))),
                Err(message) => return fault(message),
            }
        }
    }

    /// Where in the buffer the next line or record is, without its end; `None`: not wholly there.
    fn record(&mut self) -> Option<Result<std::ops::Range<usize>, String>> {
        loop {
            let rest = self.buffer.get(self.seen..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n');
            let part = end.map_or(rest, |end| rest.get(..end).unwrap_or_default());
            if self.csv.is_some() {
                let flip = |open, byte: &u8| open ^ (*byte == b'"');
                self.is_open = part.iter().fold(self.is_open, flip);
            }
            let stop = self.seen + part.len();
            let is_open = self.is_open;
            if stop - self.start > LINE_BYTES {
                return Some(Err(too_long(is_open)));
            }
            self.seen = stop + usize::from(end.is_some());
            self.line_seen += u64::from(end.is_some());
            if end.is_some() && is_open {
                continue;
            }
            if end.is_none() && (!self.ended || self.start == stop) {
                return None;
            }
            if is_open {
                return Some(Err("a quotation mark is never closed".to_owned()));
            }
            let text = self.buffer.get(self.start..stop).unwrap_or_default();
            let length = text.strip_suffix(b"\r").unwrap_or(text).len();
            let range = self.start..self.start + length;
            self.line_seen += u64::from(end.is_none());
            (self.start, self.line, self.is_open) = (self.seen, self.line_seen, false);
            return Some(Ok(range));
        }
    }
}

fn too_long(is_open: bool) -> String {
    let advice = if is_open {
        "; is a quotation mark never closed?"
    } else {
        ""
    };
    format!("longer than {LINE_BYTES} bytes{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "\u{feff}user_type,user_id,relation,object_type,object_id,condition_name,condition_context\r\n\
        user,anne,viewer,doc,1,,\r\n\r\nuser,bob,viewer,doc,2,office,\"{\r\n\"\"a\"\": 1}\"\r\nuser,cy,viewer,doc,3,,";

    fn read(text: &[u8], format: LineFormat, (from_line, step): (u64, usize)) -> Vec<String> {
        let mut reader = TupleReader::new(format, from_line);
        let mut found = Vec::new();
        let mut chunks = text.chunks(step);
        loop {
            while let Some(line) = reader.next_line() {
                match line {
                    Ok((line, relationship)) => {
                        found.push(format!("{line} {}", relationship.tuple));
                    }
                    Err(fault) => {
                        found.push(fault.to_string());
                        return found;
                    }
                }
            }
            match chunks.next() {
                Some(chunk) => reader.push(chunk),
                None if reader.ended => {
                    found.push(format!("{} lines", reader.lines_done()));
                    return found;
                }
                None => reader.end(),
            }
        }
    }

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut() {
        for step in 1..CSV.len() {
            assert_eq!(
                read(CSV.as_bytes(), LineFormat::Csv, (1, step)),
                [
                    "2 doc:1#viewer@user:anne",
                    "4 doc:2#viewer@user:bob",
                    "6 doc:3#viewer@user:cy",
                    "6 lines"
                ],
                "{step}"
            );
            let text = "{\"user\":\"u:a\",\"relation\":\"r\",\"object\":\"d:1\"}\n\n{\"user\":\"u:b\",\"relation\":\"r\",\"object\":\"d:1\"}\n";
            let expected = ["1 d:1#r@u:a", "3 d:1#r@u:b", "3 lines"];
            let found = read(text.as_bytes(), LineFormat::Ndjson, (1, step));
            assert_eq!(found, expected, "{step}");
        }
    }

    #[test]
    fn what_stands_before_a_line_is_left_out_but_for_the_header() {
        let found = read(CSV.as_bytes(), LineFormat::Csv, (5, 7));
        assert_eq!(found, ["6 doc:3#viewer@user:cy", "6 lines"]);
        let text = "nonsense\n{\"user\":\"u:b\",\"relation\":\"r\",\"object\":\"d:1\"}";
        let found = read(text.as_bytes(), LineFormat::Ndjson, (2, 7));
        assert_eq!(found, ["2 d:1#r@u:b", "2 lines"]);
    }

    #[test]
    fn a_line_has_a_longest_length_whether_or_not_it_ends() {
        for end in ["", "\n"] {
            let text = format!("{{}}\n{}{end}", "x".repeat(LINE_BYTES + 1));
            let found = read(text.as_bytes(), LineFormat::Ndjson, (2, 999));
            assert_eq!(found, ["line 2: longer than 131072 bytes"]);
        }
        let text = format!("user_type,\"user{}", "\n".repeat(LINE_BYTES));
        assert_eq!(
            read(text.as_bytes(), LineFormat::Csv, (1, 999)),
            ["line 1: longer than 131072 bytes; is a quotation mark never closed?"]
        );
        let mut reader = TupleReader::new(LineFormat::Ndjson, 1);
        for _ in 0..1_000 {
            reader.push(b"{\"user\":\"u:a\",\"relation\":\"r\",\"object\":\"d:1\"}\n");
            assert!(reader.next_line().unwrap().is_ok() && reader.next_line().is_none());
        }
        assert!(reader.buffer.capacity() < 1_000, "the buffer stays small");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let found = read(b"\n\xff\xfe\n", LineFormat::Ndjson, (1, 1));
        assert_eq!(found, ["line 2: the line is not UTF-8"]);
    }
}
