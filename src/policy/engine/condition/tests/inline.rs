//! Conditions whose text stands in the tuple.

use super::context;
use crate::policy::engine::condition::InlineConditions;
use crate::policy::engine::relationship::Context;

fn evaluate(stored: &str, request: &str) -> Result<bool, String> {
    let condition = InlineConditions::default()
        .get(&context(stored))
        .map_err(|fault| fault.to_string())?;
    condition
        .evaluate(&Context::new(), &context(request))
        .map_err(|error| error.to_string())
}

#[test]
fn the_text_is_evaluated_on_the_values_of_the_request() {
    for (stored, request, expected) in [
        (r#"{"expression": "true"}"#, r#"{"other": 1}"#, true),
        (
            r#"{"expression": "channel == 'x'"}"#,
            r#"{"channel": "x"}"#,
            true,
        ),
        (
            r#"{"expression": "channel == 'x'"}"#,
            r#"{"channel": "y"}"#,
            false,
        ),
        (
            r#"{"expression": "n > 5 && on", "parameters": {"n": "int", "on": "bool"}}"#,
            r#"{"n": 6, "on": true}"#,
            true,
        ),
        (
            r#"{"expression": "l[0][0] == m.k && who == 'a'", "parameters": {"l": "list<list<int>>", "m": "map<int>"}}"#,
            r#"{"l": [[1]], "m": {"k": 1}, "who": "a"}"#,
            true,
        ),
        // What a macro binds is no parameter; the same name outside of it is.
        (r#"{"expression": "[1, 2].exists(x, x > 1)"}"#, "{}", true),
        (
            r#"{"expression": "[1, 2].exists(x, x > 1) && x == 'a'"}"#,
            r#"{"x": "a"}"#,
            true,
        ),
        (
            r#"{"expression": "ip.in_cidr('10.0.0.0/8')", "parameters": {"ip": "ipaddress"}}"#,
            r#"{"ip": "10.1.2.3"}"#,
            true,
        ),
        // The reserved keys may be names too, and are no values.
        (
            r#"{"expression": "expression == 'a'"}"#,
            r#"{"expression": "a"}"#,
            true,
        ),
        (
            r#"{"expression": "matches == 'a' && 'ab'.matches('^a')"}"#,
            r#"{"matches": "a"}"#,
            true,
        ),
        (r#"{"expression": "true", "more": 1}"#, "{}", true),
    ] {
        assert_eq!(evaluate(stored, request), Ok(expected), "{stored}");
    }
}

#[test]
fn what_is_no_condition_is_refused_and_says_why() {
    let long = format!(r#"{{"expression": "{}true"}}"#, "true && ".repeat(70));
    let names: Vec<String> = (0..26).map(|n| format!("a{n} == a{n}")).collect();
    let many = format!(r#"{{"expression": "{}"}}"#, names.join(" && "));
    let deep = format!(
        r#"{{"expression": "true", "parameters": {{"l": "{}int{}"}}}}"#,
        "list<".repeat(4_000),
        ">".repeat(4_000)
    );
    for (stored, reason) in [
        ("{}", "`expression` must be a non-empty string"),
        (
            r#"{"expression": ""}"#,
            "`expression` must be a non-empty string",
        ),
        (
            r#"{"expression": 1}"#,
            "`expression` must be a non-empty string",
        ),
        (
            r#"{"expression": "x =="}"#,
            "failed to compile expression on condition '$expression'",
        ),
        (
            r#"{"expression": "x"}"#,
            "expected a bool condition expression output, but got 'string'",
        ),
        (r#"{"expression": "x > 1"}"#, "found no matching overload"),
        (
            r#"{"expression": "true", "parameters": []}"#,
            "`parameters` must be an object",
        ),
        (
            r#"{"expression": "true", "parameters": {"x": "text"}}"#,
            "for parameter `x`",
        ),
        (
            r#"{"expression": "true", "parameters": {"x": 1}}"#,
            "for parameter `x`",
        ),
        (
            r#"{"expression": "true", "parameters": {"x": "list"}}"#,
            "for parameter `x`",
        ),
        (
            r#"{"expression": "true", "parameters": {"x": "list<int"}}"#,
            "for parameter `x`",
        ),
        (
            r#"{"expression": "true", "parameters": {"x": "list<int>>"}}"#,
            "for parameter `x`",
        ),
        (
            r#"{"expression": "true", "parameters": {"x": "list<list<list<list<list<list<int>>>>>>"}}"#,
            "nested deeper than 5 levels",
        ),
        (&deep, "for parameter `l`"),
        (&long, "at most 512 are allowed"),
        (&many, "it has 26 parameters"),
    ] {
        let fault = evaluate(stored, "{}").unwrap_err();
        assert!(fault.contains(reason), "{stored}: {fault}");
    }
}

#[test]
fn a_value_that_is_missing_or_of_another_type_is_an_error() {
    let stored = r#"{"expression": "n > 5", "parameters": {"n": "int"}, "n": 6}"#;
    for (request, reason) in [
        ("{}", "'$expression' - context is missing parameters '[n]'"),
        (
            r#"{"n": "x"}"#,
            "parameter type error on condition '$expression'",
        ),
    ] {
        let error = evaluate(stored, request).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn two_tuples_with_one_text_and_different_types_are_two_conditions() {
    let conditions = InlineConditions::default();
    let request = context(r#"{"a": "10", "b": "9"}"#);
    let holds = |stored: &str| {
        let condition = conditions.get(&context(stored)).unwrap();
        condition.evaluate(&Context::new(), &request).unwrap()
    };
    let texts = r#"{"expression": "a < b"}"#;
    let numbers = r#"{"expression": "a < b", "parameters": {"a": "int", "b": "int"}}"#;
    for _ in 0..2 {
        assert!(holds(texts));
        assert!(!holds(numbers));
    }
}

#[test]
fn however_many_there_are_few_are_kept() {
    let conditions = InlineConditions::default();
    for n in 0..5_000 {
        let stored = format!(r#"{{"expression": "a == '{n}'"}}"#);
        let condition = conditions.get(&context(&stored)).unwrap();
        let request = context(&format!(r#"{{"a": "{n}"}}"#));
        assert_eq!(condition.evaluate(&Context::new(), &request), Ok(true));
    }
    assert!(
        (1..=2_048).contains(&conditions.len()),
        "{}",
        conditions.len()
    );
}
