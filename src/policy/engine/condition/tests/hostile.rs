//! Conditions and contexts made to hang, crash or exhaust the engine.

use std::collections::BTreeMap;

use super::{compile, context, evaluate, on_a_small_stack};
use crate::policy::engine::condition::eval::{Evaluation, Failure};
use crate::policy::engine::condition::{ConditionError, convert};

/// What an evaluation costs: the smallest limit that it keeps.
fn cost(parameters: &str, expression: &str, request: &str) -> u64 {
    let compiled = compile(parameters, expression).expect("compiles");
    let request = context(request);
    let values: BTreeMap<&str, _> = compiled
        .parameters
        .iter()
        .map(|(name, kind)| {
            (
                name.as_str(),
                convert::convert(kind, &request[name]).expect("converts"),
            )
        })
        .collect();
    (0..10_000)
        .find(|limit| {
            let outcome =
                Evaluation::new(&values, &compiled.patterns, *limit).run(&compiled.expression);
            !matches!(outcome, Err(Failure::CostLimit))
        })
        .expect("a cost")
}

/// What cel-go 0.31 counts, then parameters, an expression and a context.
const COSTS: &[(u64, &str, &str, &str)] = &[
    (3, "x: int, y: int", "x < y", r#"{"x": 1, "y": 2}"#),
    (
        3,
        "x: string, y: string",
        "x == y",
        r#"{"x": "ab", "y": "ab"}"#,
    ),
    (
        4,
        "l: list<string>",
        "'d' in l",
        r#"{"l": ["a", "b", "c"]}"#,
    ),
    (17, "l: list<int>", "l.all(x, x > 0)", r#"{"l": [1, 2, 3]}"#),
    (
        17,
        "l: list<int>",
        "l.exists(x, x == 2)",
        r#"{"l": [1, 2, 3]}"#,
    ),
    (
        45,
        "l: list<int>",
        "l.map(x, x * 2) == [2, 4, 6]",
        r#"{"l": [1, 2, 3]}"#,
    ),
    (
        36,
        "l: list<int>",
        "l.filter(x, x > 1).size() == 2",
        r#"{"l": [1, 2, 3]}"#,
    ),
    (
        11,
        "l: list<int>",
        "l.exists_one(x, x == 2)",
        r#"{"l": [1, 2, 3]}"#,
    ),
    (
        10,
        "m: map<any>",
        "m.k == 'v' && m['k'] == 'v' && has(m.k) && 'k' in m",
        r#"{"m": {"k": "v"}}"#,
    ),
    (1, "s: string", "s in ['a', 'b', 'c']", r#"{"s": "b"}"#),
    (
        6,
        "s: string",
        "s.startsWith('ab') && s.contains('b') && s.matches('^a.*')",
        r#"{"s": "abcdef"}"#,
    ),
    (
        1,
        "",
        "timestamp('2023-10-11T10:00:00Z') < timestamp('2024-10-11T10:00:00Z')",
        "{}",
    ),
    (2, "x: int", "x > 0 ? true : false", r#"{"x": 1}"#),
    (13, "x: int", "[x, 1].size() == 2", r#"{"x": 1}"#),
    (34, "x: int", "{'a': x}.a == 1", r#"{"x": 1}"#),
    (4, "x: int", "{'a': 1}.a == x", r#"{"x": 1}"#),
    (
        4,
        "",
        "{'a': 1} == {'a': 1} && {'a': 1} != {'a': 2} && {'a': 1}.size() == 1",
        "{}",
    ),
    (4, "a: any", "a.b.c == 1", r#"{"a": {"b": {"c": 1}}}"#),
    (18, "l: list<bool>", "l.filter(x, x)[0]", r#"{"l": [true]}"#),
    (
        3,
        "l: list<int>",
        "l + [4] == [1, 2, 3, 4]",
        r#"{"l": [1, 2, 3]}"#,
    ),
    (3, "s: string", "s + 'b' == 'ab'", r#"{"s": "a"}"#),
    (6, "x: int", "!(x == 1) || -x == -1", r#"{"x": 1}"#),
    (5, "a: any", "a < 2.5 && a + 1.0 == 2.0", r#"{"a": 1}"#),
    (2, "", "duration('1.25s').getMilliseconds() == 1250", "{}"),
];

#[test]
fn costs_are_those_of_cel_go() {
    for (expected, parameters, expression, request) in COSTS.iter().copied() {
        let found = cost(parameters, expression, request);
        assert_eq!(found, expected, "{expression}");
    }
}

#[track_caller]
fn too_costly(parameters: &str, expression: &str, request: &str) {
    let outcome = evaluate(parameters, expression, request);
    assert_eq!(
        outcome,
        Err(ConditionError::CostLimit {
            condition: "c".to_owned()
        }),
        "{expression}"
    );
}

#[test]
fn nested_macros_end_at_the_cost_limit() {
    let list = format!("{{\"l\": [{}0]}}", "0,".repeat(20_000));
    for expression in [
        "l.all(a, l.all(b, l.all(c, l.all(d, a == b || c == d))))",
        "l.map(a, l.map(b, l)).size() > 0",
        "l.filter(a, true).size() == 1",
        "l.exists(a, a == 1) || true",
        "true && l.exists(a, a == 1)",
        "5 in l",
    ] {
        too_costly("l: list<int>", expression, &list);
    }
    let text = format!("{{\"s\": \"{}\"}}", "a".repeat(100_000));
    too_costly("s: string", "s == s", &text);
    too_costly("s: string", "s + s + s + s == ''", &text);
    too_costly("s: string", "s.matches('a*a*a*a*a*b')", &text);
    too_costly("s: string", "s.contains(s)", &text);
    too_costly(
        "s: string",
        "[s].map(x, x + x).map(x, x + x).size() == 1",
        &text,
    );
}

#[test]
fn the_cost_limit_is_told() {
    let list = format!("{{\"l\": [{}0]}}", "0,".repeat(200));
    let error = evaluate("l: list<int>", "l.all(x, x == 0)", &list).expect_err("too costly");
    assert_eq!(
        error.to_string(),
        "failed to evaluate relationship condition: 'c' - failed to evaluate condition expression: operation cancelled: actual cost limit exceeded"
    );
}

#[test]
fn deep_texts_do_not_overflow_the_stack() {
    on_a_small_stack(|| {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{1:", "}"),
            ("!", ""),
            ("-", ""),
            ("x[", "]"),
            ("f(", ")"),
            ("x?", ":x"),
            ("x.", "x"),
            ("x+", "x"),
            ("x&&", "x"),
            ("x.all(y,", ")"),
            ("!(", ")"),
            ("\"", "\""),
            ("x ? x : ", "x"),
        ] {
            for (count, closed) in [
                (510, false),
                (250, true),
                (120, true),
                (60, true),
                (40, true),
            ] {
                let mut text = open.repeat(count);
                text.push('x');
                if closed {
                    text.push_str(&close.repeat(count));
                }
                text.truncate(512);
                // It may compile or not; it must come back.
                if let Ok(compiled) = compile("x: any", &text) {
                    let _ = compiled.evaluate(&context("{}"), &context("{\"x\": true}"));
                }
                if let Ok(compiled) =
                    compile("x: any", &format!("{text} == 1").replace("x == 1", "true"))
                {
                    let _ = compiled.evaluate(&context("{}"), &context("{\"x\": true}"));
                }
            }
        }
    });
}

#[test]
fn five_hundred_brackets_are_refused() {
    on_a_small_stack(|| {
        let fault = compile("", &format!("{}true{}", "(".repeat(250), ")".repeat(250)))
            .expect_err("too deep");
        assert!(fault.to_string().contains("ecursion"), "{fault}");
        compile("", &format!("{}true{}", "(".repeat(40), ")".repeat(40)))
            .expect("deep enough for all");
    });
}

#[test]
fn a_long_chain_evaluates_on_a_small_stack() {
    on_a_small_stack(|| {
        let sum = format!("{}1 > 0", "1+".repeat(90));
        assert_eq!(evaluate("", &sum, "{}"), Ok(true));
        let chain = format!("a{} == 1", ".a".repeat(90));
        assert!(evaluate("a: any", &chain, "{\"a\": 1}").is_err());
        let longest = format!("a{} == 1", ".a".repeat(250));
        assert!(evaluate("a: any", &longest, "{\"a\": 1}").is_err());
    });
}

#[test]
fn overflows_are_errors() {
    for (expression, reason) in [
        ("9223372036854775807 + x == 0", "integer overflow"),
        ("-9223372036854775807 - x - x == 0", "integer overflow"),
        ("9223372036854775807 * (x + x) == 0", "integer overflow"),
        ("(-9223372036854775807 - x) / -x == 0", "integer overflow"),
        ("(-9223372036854775807 - x) % -x == 0", "integer overflow"),
        ("-(-9223372036854775807 - x) == 0", "integer overflow"),
        ("x / (x - x) == 0", "division by zero"),
        ("x % (x - x) == 0", "modulus by zero"),
        ("0u - 1u == 0u", "integer overflow"),
        ("1u / 0u == 0u", "division by zero"),
        ("18446744073709551615u * 2u == 0u", "integer overflow"),
        (
            "timestamp('9999-12-31T23:59:59Z') + duration('1s') > timestamp(0)",
            "integer overflow",
        ),
        (
            "timestamp('0001-01-01T00:00:00Z') - duration('1s') > timestamp(0)",
            "integer overflow",
        ),
        (
            "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z') > duration('1s')",
            "integer overflow",
        ),
        (
            "duration('2562047h') + duration('2562047h') > duration('1s')",
            "integer overflow",
        ),
        (
            "timestamp(9223372036854775807) > timestamp(0)",
            "type conversion error from 'int' to 'timestamp'",
        ),
        (
            "timestamp('9999-12-31T23:59:59Z').getFullYear('+10:00') > 0",
            "timestamp overflow",
        ),
    ] {
        let expected = ConditionError::Evaluation {
            condition: "c".to_owned(),
            reason: reason.to_owned(),
        };
        assert_eq!(
            evaluate("x: int", expression, "{\"x\": 1}"),
            Err(expected),
            "{expression}"
        );
    }
}

#[test]
fn patterns_are_bounded() {
    for pattern in [
        "a{1000}{1000}",
        "((a{100}){100}){100}",
        "(",
        "[",
        "*",
        "\\\\",
        "(?P<a>",
        "\\pX",
    ] {
        let request = serde_json::json!({"p": pattern}).to_string();
        let outcome = evaluate("p: string", "'a'.matches(p)", &request);
        assert!(
            matches!(outcome, Ok(false) | Err(ConditionError::Evaluation { .. })),
            "{pattern}: {outcome:?}"
        );
    }
    let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    let request = serde_json::json!({"p": nested}).to_string();
    assert!(evaluate("p: string", "'a'.matches(p)", &request).is_err());
    assert!(compile("s: string", "s.matches('a{1000}{1000}')").is_err());
}

#[test]
fn not_a_number_equals_and_orders_with_nothing() {
    for expression in [
        "0.0/0.0 == 0.0/0.0",
        "0.0/0.0 < 1.0",
        "0.0/0.0 >= 1.0",
        "dyn(0.0/0.0) == 1",
        "dyn(0.0/0.0) in [1]",
        "{1: true}[dyn(0.0/0.0)] || false",
    ] {
        assert_ne!(evaluate("", expression, "{}"), Ok(true), "{expression}");
    }
}

#[test]
fn deep_values_are_compared_and_dropped_without_harm() {
    on_a_small_stack(|| {
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        assert_eq!(
            evaluate("a: any", "a == a", &format!("{{\"a\": {deep}}}")),
            Ok(true)
        );
    });
}

/// What random expressions are made of.
const TOKENS: &[&str] = &[
    "x",
    "l",
    "m",
    "a",
    "t",
    "1",
    "0",
    "1u",
    "2.5",
    "'a'",
    "''",
    "true",
    "null",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "?",
    ".",
    "+",
    "-",
    "*",
    "/",
    "%",
    "!",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    " in ",
    ".all(y,",
    ".map(y,",
    ".exists(x,",
    "has(",
    ".k",
    "size(",
    "int(",
    "string(",
    "matches(",
    "duration('1h')",
    "timestamp(",
    "dyn(",
    "b'a'",
    "r'",
    "\"",
    "\\",
    "\u{e9}",
    "`",
    "\n",
    "//",
];

proptest::proptest! {
    #[test]
    fn no_sequence_of_tokens_panics(chosen in proptest::collection::vec(0..TOKENS.len(), 0..14)) {
        let text: String = chosen.into_iter().map(|token| TOKENS[token]).collect();
        let parameters = "x: int, l: list<int>, m: map<any>, a: any, t: timestamp";
        let request = r#"{"x": 1, "l": [1, 2], "m": {"k": 1}, "a": [1], "t": "2024-01-01T00:00:00Z"}"#;
        match compile(parameters, &text) {
            Ok(compiled) => {
                let _ = compiled.evaluate(&context("{}"), &context(request));
            }
            Err(fault) => assert!(!fault.to_string().contains("cannot be parsed"), "{text}: {fault}"),
        }
    }
}
