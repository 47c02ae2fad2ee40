//! A context's JSON against the declared types, and which context wins.

use super::{compile, context, evaluate};
use crate::policy::engine::condition::{ConditionError, ContextError};

/// Whether `x`, declared so and given so, makes the expression true.
#[track_caller]
fn holds(kind: &str, json: &str, expression: &str) {
    let outcome = evaluate(
        &format!("x: {kind}"),
        expression,
        &format!("{{\"x\": {json}}}"),
    );
    assert_eq!(outcome, Ok(true), "{kind} {json}: {expression}");
}

#[track_caller]
fn wrong(kind: &str, json: &str, reason: &str) {
    let request = format!("{{\"x\": {json}}}");
    let compiled = compile(&format!("x: {kind}"), "true").expect("compiles");
    let outcome = compiled.evaluate(&context("{}"), &context(&request));
    let expected = ConditionError::Type {
        condition: "c".to_owned(),
        parameter: "x".to_owned(),
        reason: reason.to_owned(),
    };
    assert_eq!(outcome, Err(expected), "{kind} {json}");
    let expected = ContextError::Type {
        condition: "c".to_owned(),
        parameter: "x".to_owned(),
        reason: reason.to_owned(),
    };
    assert_eq!(
        compiled.admit_context(&context(&request)),
        Err(expected),
        "{kind} {json}"
    );
}

/// A type, a value of it, and what is true of it.
const TAKEN: &[(&str, &str, &str)] = &[
    ("bool", "true", "x"),
    ("string", "\"hello\"", "x == 'hello'"),
    ("int", "10", "x == 10"),
    ("int", "10.0", "x == 10"),
    ("int", "\"10\"", "x == 10"),
    ("int", "\"10.0\"", "x == 10"),
    ("int", "\"1e3\"", "x == 1000"),
    ("int", "\"+5\"", "x == 5"),
    ("int", "\"-0\"", "x == 0"),
    ("int", "1e3", "x == 1000"),
    ("int", "\"9223372036854775807\"", "x == 9223372036854775807"),
    ("int", "9223372036854775807", "x - 9223372036854775806 == 1"),
    (
        "int",
        "\"-9223372036854775808\"",
        "x < -9223372036854775807",
    ),
    ("uint", "10", "x == 10u"),
    ("uint", "\"10\"", "x == 10u"),
    ("uint", "18446744073709551615", "x == 18446744073709551615u"),
    (
        "uint",
        "\"18446744073709551615\"",
        "x == 18446744073709551615u",
    ),
    ("double", "10.5", "x == 10.5"),
    ("double", "10", "x == 10.0"),
    ("double", "\"10.5\"", "x == 10.5"),
    ("double", "\"0.1\"", "x == 0.1"),
    ("double", "\"1.79e+308\"", "x > 1e308"),
    ("double", "\".5\"", "x == 0.5"),
    ("duration", "\"1h\"", "x == duration('60m')"),
    ("duration", "\"1h3m\"", "x == duration('3780s')"),
    ("duration", "\"1.5h\"", "x == duration('90m')"),
    ("duration", "\"-1.5s\"", "x == duration('-1500ms')"),
    ("duration", "\"0\"", "x == duration('0s')"),
    ("duration", "\"100us1ns\"", "x == duration('100001ns')"),
    ("duration", "\"1\u{b5}s\"", "x == duration('1000ns')"),
    ("duration", "\".5s\"", "x == duration('500ms')"),
    (
        "duration",
        "\"2540400h10m10.000000000s\"",
        "x > duration('2540400h10m9s')",
    ),
    (
        "timestamp",
        "\"1972-01-01T10:00:20.021Z\"",
        "x == timestamp('1972-01-01T10:00:20.021Z')",
    ),
    (
        "timestamp",
        "\"1972-01-01T12:00:20.021+02:00\"",
        "x == timestamp('1972-01-01T10:00:20.021Z')",
    ),
    ("ipaddress", "\"127.0.0.1\"", "x == ipaddress('127.0.0.1')"),
    (
        "ipaddress",
        "\"::ffff:127.0.0.1\"",
        "x == ipaddress('127.0.0.1')",
    ),
    ("ipaddress", "\"2001:db8::1\"", "x.in_cidr('2001:db8::/32')"),
    ("list<string>", "[\"a\", \"b\"]", "x == ['a', 'b']"),
    ("list<int>", "[1, \"2\"]", "x == [1, 2]"),
    (
        "map<string>",
        "{\"hello\": \"world\"}",
        "x.hello == 'world'",
    ),
    ("map<list<int>>", "{\"a\": [1]}", "x.a[0] == 1"),
    ("any", "\"hello\"", "x == 'hello'"),
    ("any", "null", "x == null"),
    ("any", "1", "x == 1 && x == 1.0 && x == 1u"),
    (
        "map<any>",
        "{\"a\": 1, \"b\": [true], \"c\": {\"d\": \"e\"}}",
        "x.a < 2 && x.b[0] && x.c.d == 'e'",
    ),
];

#[test]
fn values_of_their_type_are_taken() {
    for (kind, json, expression) in TAKEN.iter().copied() {
        holds(kind, json, expression);
    }
}

/// A type, a value not of it, and what is said.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "bool",
        "\"true\"",
        "expected type value 'bool', but found 'string'",
    ),
    (
        "bool",
        "1",
        "expected type value 'bool', but found 'number'",
    ),
    (
        "bool",
        "null",
        "expected type value 'bool', but found 'null'",
    ),
    (
        "string",
        "1",
        "expected type value 'string', but found 'number'",
    ),
    (
        "string",
        "true",
        "expected type value 'string', but found 'bool'",
    ),
    (
        "string",
        "[]",
        "expected type value 'string', but found 'list'",
    ),
    ("int", "true", "expected type value 'int', but found 'bool'"),
    ("int", "{}", "expected type value 'int', but found 'map'"),
    (
        "int",
        "10.5",
        "expected an int value, but found numeric value '10.5'",
    ),
    (
        "int",
        "\"10.5\"",
        "expected an int value, but found numeric value '10.5'",
    ),
    (
        "int",
        "\"ten\"",
        "expected an int value, but found invalid string value 'ten'",
    ),
    (
        "int",
        "\"\"",
        "expected an int value, but found invalid string value ''",
    ),
    (
        "int",
        "\" 1\"",
        "expected an int value, but found invalid string value ' 1'",
    ),
    (
        "int",
        "\"0x10\"",
        "expected an int value, but found invalid string value '0x10'",
    ),
    (
        "int",
        "\"1e999999999\"",
        "expected an int value, but found numeric value '1e999999999'",
    ),
    (
        "int",
        "9223372036854775808",
        "expected an int value, but found '9223372036854775808', which has more than 64 bits",
    ),
    (
        "int",
        "1e300",
        "expected an int value, but found numeric value '1e+300'",
    ),
    (
        "uint",
        "-10",
        "expected a uint value, but found int64 value '-10'",
    ),
    (
        "uint",
        "\"-10\"",
        "expected a uint value, but found int64 value '-10'",
    ),
    (
        "uint",
        "10.5",
        "expected a uint value, but found numeric value '10.5'",
    ),
    (
        "uint",
        "\"18446744073709551616\"",
        "expected a uint value, but found '18446744073709551616', which has more than 64 bits",
    ),
    (
        "double",
        "\"invalid\"",
        "expected a double value, but found invalid string value 'invalid'",
    ),
    (
        "double",
        "\"NaN\"",
        "expected a double value, but found invalid string value 'NaN'",
    ),
    (
        "double",
        "\"1.79e+309\"",
        "number cannot be represented as a float64: 1.79e+309",
    ),
    (
        "double",
        "false",
        "expected type value 'double', but found 'bool'",
    ),
    (
        "duration",
        "1",
        "expected type value 'duration', but found 'number'",
    ),
    (
        "duration",
        "\"2sm\"",
        "expected a valid duration string, but found: '2sm'",
    ),
    (
        "duration",
        "\"\"",
        "expected a valid duration string, but found: ''",
    ),
    (
        "duration",
        "\"-\"",
        "expected a valid duration string, but found: '-'",
    ),
    (
        "duration",
        "\"1\"",
        "expected a valid duration string, but found: '1'",
    ),
    (
        "duration",
        "\"1d\"",
        "expected a valid duration string, but found: '1d'",
    ),
    (
        "duration",
        "\".s\"",
        "expected a valid duration string, but found: '.s'",
    ),
    (
        "duration",
        "\"3000000h\"",
        "expected a valid duration string, but found: '3000000h'",
    ),
    (
        "timestamp",
        "\"2023-0914\"",
        "expected RFC 3339 formatted timestamp string, but found '2023-0914'",
    ),
    (
        "timestamp",
        "\"2023-09-14 10:00:00Z\"",
        "expected RFC 3339 formatted timestamp string, but found '2023-09-14 10:00:00Z'",
    ),
    (
        "timestamp",
        "\"2023-02-30T10:00:00Z\"",
        "expected RFC 3339 formatted timestamp string, but found '2023-02-30T10:00:00Z'",
    ),
    (
        "timestamp",
        "\"2016-12-31T23:59:60Z\"",
        "expected RFC 3339 formatted timestamp string, but found '2016-12-31T23:59:60Z'",
    ),
    (
        "timestamp",
        "5",
        "expected type value 'timestamp', but found 'number'",
    ),
    (
        "ipaddress",
        "\"invalid\"",
        "expected a well-formed IP address, but found: 'invalid'",
    ),
    (
        "ipaddress",
        "\"010.0.0.1\"",
        "expected a well-formed IP address, but found: '010.0.0.1'",
    ),
    (
        "ipaddress",
        "1",
        "expected type value 'ipaddress', but found 'number'",
    ),
    (
        "list<string>",
        "\"hello\"",
        "list requires a list, found: string",
    ),
    (
        "list<string>",
        "[\"a\", 1]",
        "found an invalid list item at index `1`: expected type value 'string', but found 'number'",
    ),
    ("map<string>", "[]", "map requires a map, found: list"),
    (
        "map<string>",
        "{\"hello\": 1}",
        "found an invalid value for key 'hello': expected type value 'string', but found 'number'",
    ),
];

#[test]
fn values_of_other_types_are_errors() {
    for (kind, json, reason) in REFUSED.iter().copied() {
        wrong(kind, json, reason);
    }
}

#[test]
fn the_stored_context_wins() {
    let compiled = compile("x: int, y: int", "x == 1 && y == 2").expect("compiles");
    assert_eq!(
        compiled.evaluate(&context("{\"x\": 1}"), &context("{\"x\": 5, \"y\": 2}")),
        Ok(true)
    );
    assert_eq!(
        compiled.evaluate(&context("{\"x\": 5}"), &context("{\"x\": 1, \"y\": 2}")),
        Ok(false)
    );
}

#[test]
fn a_value_that_the_stored_context_hides_is_not_looked_at() {
    let compiled = compile("x: int", "x == 1").expect("compiles");
    assert_eq!(
        compiled.evaluate(&context("{\"x\": 1}"), &context("{\"x\": \"no number\"}")),
        Ok(true)
    );
}

#[test]
fn a_missing_parameter_is_an_error_even_if_it_does_not_matter() {
    let compiled = compile(
        "x: string, y: string, z: string",
        "x == 'ok' || y == 'ok' || z == 'ok'",
    )
    .expect("compiles");
    let error = compiled
        .evaluate(&context("{}"), &context("{\"x\": \"ok\"}"))
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        "failed to evaluate relationship condition: 'c' - context is missing parameters '[y z]'"
    );
    let declared_only = compile("x: string", "true").expect("compiles");
    assert!(matches!(
        declared_only.evaluate(&context("{}"), &context("{}")),
        Err(ConditionError::Missing { .. })
    ));
}

#[test]
fn undeclared_keys_of_a_request_are_ignored() {
    assert_eq!(
        evaluate("x: int", "x == 1", "{\"x\": 1, \"other\": [null]}"),
        Ok(true)
    );
    assert_eq!(evaluate("", "true", "{\"other\": 1}"), Ok(true));
}

#[test]
fn undeclared_keys_of_a_stored_context_are_refused() {
    let compiled = compile("x: int", "x == 1").expect("compiles");
    assert_eq!(compiled.admit_context(&context("{\"x\": 1}")), Ok(()));
    assert_eq!(compiled.admit_context(&context("{}")), Ok(()));
    let error = compiled
        .admit_context(&context("{\"y\": 1}"))
        .expect_err("unknown");
    assert_eq!(error.to_string(), "found invalid context parameter: y");
}

#[test]
fn a_wrong_type_is_told_in_the_words_of_openfga() {
    let error =
        evaluate("param1: string", "param1 == 'ok'", "{\"param1\": true}").expect_err("wrong type");
    assert_eq!(
        error.to_string(),
        "failed to evaluate relationship condition: parameter type error on condition 'c' - failed to convert context parameter 'param1': expected type value 'string', but found 'bool'"
    );
}
