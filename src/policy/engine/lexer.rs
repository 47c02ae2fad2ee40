//! The model language's text as words and marks, each with its place.

use winnow::Parser as _;
use winnow::ascii::line_ending;
use winnow::combinator::{alt, repeat};
use winnow::error::ContextError;
use winnow::stream::{LocatingSlice, Location as _};
use winnow::token::{take, take_till, take_while};

/// A word or mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or a name.
    Word(&'a str),
    /// One of `: , # ( ) [ ] *`, or any other character that no name contains.
    Mark(char),
    /// What stands between `{` and the `}` that closes it. A `{` that is not closed is a [`Token::Mark`].
    Braces(&'a str),
    /// The end of a line.
    Line,
    /// The end of the text.
    End,
}

/// A token with the byte where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) at: usize,
}

type Input<'a> = LocatingSlice<&'a str>;

/// Splits a text. Never fails: what is not understood is a [`Token::Mark`] that the parser will refuse.
pub(super) fn lex(text: &str) -> Vec<Spanned<'_>> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        skip_blank(&mut input, text);
        let at = input.current_token_start();
        let token = token(&mut input);
        // Nothing after a `{` that is never closed can be understood.
        match token {
            Some(token) => tokens.push(Spanned { token, at }),
            None => break,
        }
        if token == Some(Token::Mark('{')) {
            break;
        }
    }
    tokens.push(Spanned {
        token: Token::End,
        at: text.len(),
    });
    tokens
}

/// Skips blanks and comments. A `#` begins a comment at the start of a line or after a blank: `group#member` has none.
fn skip_blank(input: &mut Input<'_>, text: &str) {
    let blank = take_while::<_, _, ContextError>(1.., [' ', '\t']).void();
    let comment = ('#', take_till::<_, _, ContextError>(0.., ['\n', '\r'])).void();
    let at = input.current_token_start();
    let after_blank = text
        .get(..at)
        .and_then(|before| before.chars().next_back())
        .is_none_or(char::is_whitespace);
    let mut both = alt((blank, comment));
    if after_blank {
        repeat::<_, _, (), _, _>(0.., both)
            .parse_next(input)
            .unwrap_or(());
    } else if take_while::<_, _, ContextError>(1.., [' ', '\t'])
        .parse_next(input)
        .is_ok()
    {
        while both.parse_next(input).is_ok() {}
    }
}

fn token<'a>(input: &mut Input<'a>) -> Option<Token<'a>> {
    let word = take_while::<_, _, ContextError>(1.., is_word).map(Token::Word);
    let line = line_ending::<_, ContextError>.value(Token::Line);
    let mark = winnow::token::any::<_, ContextError>.map(Token::Mark);
    alt((word, line, braces.map(Token::Braces), mark))
        .parse_next(input)
        .ok()
}

fn braces<'a>(input: &mut Input<'a>) -> Result<&'a str, ContextError> {
    let rest: &str = input;
    let end = rest
        .strip_prefix('{')
        .and_then(closing)
        .ok_or_else(ContextError::new)?;
    let between = take(end);
    ('{', between, '}')
        .map(|(_, between, _)| between)
        .parse_next(input)
}

/// Where the `}` stands that closes a `{` before `text`. Braces in texts and comments of CEL do not count.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut before = ' ';
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return text.get(..at).map(|between| between.chars().count()),
            '}' => open -= 1,
            _ => {}
        }
        at += match c {
            '"' | '\'' => quoted(rest, c, matches!(before, 'r' | 'R'))?,
            '/' if rest.starts_with("//") => rest.find('\n')?,
            _ => c.len_utf8(),
        };
        before = c;
    }
    None
}

/// The bytes of the CEL text that `text` begins with, its quotes included.
fn quoted(text: &str, quote: char, is_raw: bool) -> Option<usize> {
    let three = String::from_iter([quote; 3]);
    let end = if text.starts_with(&three) {
        three
    } else {
        quote.to_string()
    };
    let mut at = end.len();
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with(&end) {
            return Some(at + end.len());
        }
        let mut chars = rest.chars();
        let c = chars.next()?;
        at += c.len_utf8();
        if c == '\\' && !is_raw {
            at += chars.next()?.len_utf8();
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')
}

/// Line and column of a byte, both from 1; columns count characters.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |last| last.chars().count())
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        lex(text).into_iter().map(|spanned| spanned.token).collect()
    }

    #[test]
    fn a_hash_inside_a_word_is_no_comment() {
        use Token::{End, Line, Mark, Word};
        assert_eq!(
            tokens("# top\n a#b # c#d\n"),
            [Line, Word("a"), Mark('#'), Word("b"), Line, End]
        );
        assert_eq!(tokens("a:*"), [Word("a"), Mark(':'), Mark('*'), End]);
        assert_eq!(tokens(""), [End]);
    }

    #[test]
    fn braces_are_taken_up_to_the_one_that_closes_them() {
        use Token::{Braces, End, Mark, Word};
        assert_eq!(tokens("{ {a} } b"), [Braces(" {a} "), Word("b"), End]);
        assert_eq!(tokens(r"{'\'}'}"), [Braces(r"'\'}'"), End]);
        assert_eq!(tokens(r"{r'\'}"), [Braces(r"r'\'"), End]);
        assert_eq!(
            tokens("{\"\"\"a\"}\"\"\"}"),
            [Braces("\"\"\"a\"}\"\"\""), End]
        );
        assert_eq!(tokens("{ä // }\n}"), [Braces("ä // }\n"), End]);
        assert_eq!(tokens("{ a"), [Mark('{'), End]);
    }

    #[test]
    fn places_count_characters() {
        assert_eq!(place("ä\nüb", "ä\nü".len()), (2, 2));
        assert_eq!(place("", 0), (1, 1));
    }
}
