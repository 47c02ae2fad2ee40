//! What expressions give.

use super::evaluate;
use crate::policy::engine::condition::ConditionError;

const VALUES: &str = r#"{
    "i": 7, "u": 7, "d": 7.5, "s": "h\u00e9llo", "b": true,
    "t": "2024-02-29T23:30:15.250Z", "l": [1, 2, 3], "m": {"k": "v", "n": null},
    "a": {"one": 1, "text": "x", "deep": {"list": [1, "x"]}}, "ip": "192.168.0.10", "span": "1h30m"
}"#;
const PARAMETERS: &str = "i: int, u: uint, d: double, s: string, b: bool, t: timestamp, l: list<int>, \
                          m: map<any>, a: any, ip: ipaddress, span: duration";

#[track_caller]
fn gives(expected: bool, expression: &str) {
    assert_eq!(
        evaluate(PARAMETERS, expression, VALUES),
        Ok(expected),
        "{expression}"
    );
}

#[track_caller]
fn fails(expression: &str, reason: &str) {
    let expected = ConditionError::Evaluation {
        condition: "c".to_owned(),
        reason: reason.to_owned(),
    };
    assert_eq!(
        evaluate(PARAMETERS, expression, VALUES),
        Err(expected),
        "{expression}"
    );
}

#[test]
fn arithmetic_and_order() {
    for expression in [
        "i + 1 == 8 && i - 8 == -1 && i * 2 == 14 && i / 2 == 3 && i % 4 == 3",
        "-7 / 2 == -3 && -7 % 4 == -3 && -i == -7",
        "u + 1u == 8u && u / 2u == 3u && u % 4u == 3u",
        "d + 0.5 == 8.0 && d / 2.0 == 3.75 && -d == -7.5",
        "d / 0.0 > 1e300",
        "i >= 7 && i <= 7 && !(i > 7) && !(i < 7) && i != 8",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
        "'a' < 'b' && 'a' + 'b' == 'ab'",
        "false < true",
        "0x10 == 16",
    ] {
        gives(true, expression);
    }
}

#[test]
fn values_of_unknown_type_compare_across_numbers() {
    for expression in [
        "a.one == 1 && a.one == 1u && a.one < 1.5 && a.one < 2 && a.one >= 1u",
        "dyn(i) == 7.0 && dyn(i) < 7.5 && dyn(u) == 7",
        "dyn(9007199254740993) != 9007199254740992.0",
        "dyn(-1) < 18446744073709551615u",
        "dyn(1) != 'a' && dyn('a') != 1 && dyn(null) != 0",
        "dyn(1) in [1.0] || 1 in [dyn(1.0)]",
        "{1: 'a'}[dyn(1.0)] == 'a' && {1: 'a'}[dyn(1u)] == 'a'",
    ] {
        gives(true, expression);
    }
    fails(
        "a.text < 1",
        "no such overload: '_<_' applied to '(string, int)'",
    );
    fails(
        "a.one + 1 == 2",
        "no such overload: '_+_' applied to '(double, int)'",
    );
}

#[test]
fn a_fault_on_one_side_does_not_matter_if_the_other_decides() {
    gives(true, "true || 1 / 0 == 1");
    gives(true, "1 / 0 == 1 || true");
    gives(false, "1 / 0 == 1 && false");
    gives(false, "false && 1 / 0 == 1");
    gives(true, "[0, 1].exists(x, 1 / x == 1)");
    gives(false, "[0, 1].all(x, 1 / x == 2)");
    gives(true, "b ? true : 1 / 0 == 1");
    fails("1 / 0 == 1 || false", "division by zero");
    fails("1 / 0 == 1 && true", "division by zero");
    fails("[0, 1].all(x, 1 / x == 1)", "division by zero");
    fails("[0].exists(x, 1 / x == 1)", "division by zero");
    fails(
        "a.text && true",
        "no such overload: '_&&_' applied to '(string)'",
    );
    fails(
        "a.text ? true : false",
        "no such overload: '_?_:_' applied to '(string)'",
    );
}

#[test]
fn texts() {
    for expression in [
        "s.startsWith('h\u{e9}') && s.endsWith('llo') && s.contains('\u{e9}ll') && size(s) == 5 && s.size() == 5",
        "s.matches('^h.l+o$') && matches(s, 'l{2}') && !s.matches('^l')",
        "string(i) == '7' && string(d) == '7.5' && string(b) == 'true' && string(u) == '7'",
        "string(1e6) == '1e+06' && string(123456789.0) == '1.23456789e+08' && string(0.00001) == '1e-05' && string(100.0) == '100'",
        "int('42') == 42 && uint('42') == 42u && double('4.5') == 4.5 && bool('true')",
        "int(d) == 7 && int(-7.9) == -7 && uint(d) == 7u && double(i) == 7.0 && int(u) == 7",
        "'''it's''' == \"it's\" && r'\\d' == '\\\\d' && '\\x41' == 'A' && '\\u00e9' == '\u{e9}'",
    ] {
        gives(true, expression);
    }
    fails(
        "int(s) == 1",
        "type conversion error from 'string' to 'int'",
    );
    fails(
        "int(1e30) == 1",
        "type conversion error from 'double' to 'int'",
    );
    fails(
        "int(0.0 / 0.0) == 1",
        "type conversion error from 'double' to 'int'",
    );
    fails(
        "uint(-1) == 1u",
        "type conversion error from 'int' to 'uint'",
    );
    fails("bool(s)", "type conversion error from 'string' to 'bool'");
}

#[test]
fn times() {
    for expression in [
        "t.getFullYear() == 2024 && t.getMonth() == 1 && t.getDate() == 29 && t.getDayOfMonth() == 28",
        "t.getDayOfWeek() == 4 && t.getDayOfYear() == 59",
        "t.getHours() == 23 && t.getMinutes() == 30 && t.getSeconds() == 15 && t.getMilliseconds() == 250",
        "t.getHours('+02:00') == 1 && t.getMonth('02:00') == 2 && t.getHours('-08:00') == 15",
        "t + duration('30m') > timestamp('2024-03-01T00:00:00Z') && duration('1s') + t > t",
        "t - duration('1h') < t && t - timestamp('2024-02-29T23:30:15Z') == duration('250ms')",
        "timestamp(0) == timestamp('1970-01-01T00:00:00Z') && int(t) == 1709249415",
        "string(timestamp('2024-02-29T23:30:15.250Z')) == '2024-02-29T23:30:15.25Z'",
        "span.getHours() == 1 && span.getMinutes() == 90 && span.getSeconds() == 5400",
        "duration('1.25s').getMilliseconds() == 1250",
        "span + span == duration('3h') && span - span == duration('0s') && span > duration('1h')",
        "string(span) == '5400s' && string(duration('-1500ms')) == '-1.5s'",
    ] {
        gives(true, expression);
    }
    fails(
        "timestamp(s) < t",
        "type conversion error from 'string' to 'timestamp'",
    );
    fails(
        "duration(s) < span",
        "type conversion error from 'string' to 'duration'",
    );
}

/// The year, the day of the year from 0, hours and minutes of an instant in a zone.
#[track_caller]
fn shows(instant: &str, zone: &str, expected: (i64, i64, i64, i64)) {
    let at = format!("timestamp('{instant}')");
    let (year, day, hour, minute) = expected;
    let expression = format!(
        "{at}.getFullYear(z) == {year} && {at}.getDayOfYear(z) == {day} && {at}.getHours(z) == {hour} \
         && {at}.getMinutes(z) == {minute}"
    );
    let context = format!(r#"{{"z": "{zone}"}}"#);
    assert_eq!(
        evaluate("z: string", &expression, &context),
        Ok(true),
        "{expression} in {zone}"
    );
}

#[test]
fn zones_change_their_clocks_when_they_do() {
    for (instant, zone, expected) in [
        // Forward at 2:00, back at 2:00.
        (
            "2024-03-10T06:59:59Z",
            "America/New_York",
            (2024, 69, 1, 59),
        ),
        ("2024-03-10T07:00:00Z", "America/New_York", (2024, 69, 3, 0)),
        (
            "2024-11-03T05:59:59Z",
            "America/New_York",
            (2024, 307, 1, 59),
        ),
        (
            "2024-11-03T06:00:00Z",
            "America/New_York",
            (2024, 307, 1, 0),
        ),
        ("2024-03-31T00:59:59Z", "Europe/Berlin", (2024, 90, 1, 59)),
        ("2024-03-31T01:00:00Z", "Europe/Berlin", (2024, 90, 3, 0)),
        ("2024-10-27T01:00:00Z", "Europe/Berlin", (2024, 300, 2, 0)),
        // On the southern half it is the other way about, and here by half an hour.
        (
            "2024-04-06T14:59:59Z",
            "Australia/Lord_Howe",
            (2024, 97, 1, 59),
        ),
        (
            "2024-04-06T15:00:00Z",
            "Australia/Lord_Howe",
            (2024, 97, 1, 30),
        ),
        // Years that no table lists follow the rule; quarters of an hour; a day that was left out.
        (
            "2150-07-01T12:00:00Z",
            "America/New_York",
            (2150, 181, 8, 0),
        ),
        ("2024-12-31T23:30:00Z", "Asia/Kathmandu", (2025, 0, 5, 15)),
        ("2011-12-30T09:59:59Z", "Pacific/Apia", (2011, 362, 23, 59)),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", (2011, 364, 0, 0)),
        // Before there were zones the sun's time counted: 4:56:02 behind.
        (
            "1883-11-18T12:00:00Z",
            "America/New_York",
            (1883, 321, 7, 3),
        ),
        ("0001-01-01T12:00:00Z", "America/New_York", (1, 0, 7, 3)),
        (
            "9999-12-31T12:00:00Z",
            "America/New_York",
            (9999, 364, 7, 0),
        ),
        ("2024-07-01T12:00:00Z", "US/Central", (2024, 182, 7, 0)),
        ("2024-07-01T12:00:00Z", "UTC", (2024, 182, 12, 0)),
        ("2024-07-01T12:00:00Z", "", (2024, 182, 12, 0)),
        ("2024-07-01T12:00:00Z", "Etc/GMT+5", (2024, 182, 7, 0)),
        ("2024-07-01T12:00:00Z", "-00:30", (2024, 182, 11, 30)),
        ("2024-07-01T12:00:00Z", "-5:45", (2024, 182, 6, 15)),
    ] {
        shows(instant, zone, expected);
    }
}

#[test]
fn an_unknown_zone_is_an_error_when_it_is_asked_and_named() {
    for zone in [
        "Europe/Bern",
        "europe/berlin",
        "Local",
        "Z",
        "../etc/passwd",
        "/etc/localtime",
        "24:00",
        "+02:60",
        "+02:-1",
        ":30",
        "02:",
        "+200:00",
        "-",
    ] {
        fails(
            &format!("t.getHours('{zone}') == 1"),
            &format!(
                "unknown time zone '{zone}': give a name such as `Europe/Berlin`, `UTC`, or an offset such as `+02:00`"
            ),
        );
    }
    fails(
        "t.getHours(s) == 1",
        "unknown time zone 'héllo': give a name such as `Europe/Berlin`, `UTC`, or an offset such as `+02:00`",
    );
}

#[test]
fn lists_and_maps() {
    for expression in [
        "{'a': 1, 'a': 2}.a == 2",
        "2 in l && !(4 in l) && l[0] == 1 && l.size() == 3 && l + [4] == [1, 2, 3, 4]",
        "l.map(x, x * 2) == [2, 4, 6]",
        "l.filter(x, x > 1) == [2, 3]",
        "l.map(x, x > 1, x * 2) == [4, 6]",
        "l.exists_one(x, x == 2)",
        "!l.exists_one(x, x > 1)",
        "l.all(x, x > 0) && !l.all(x, x > 1)",
        "[].all(x, false) && ![].exists(x, true)",
        "[1, 2].exists(x, [2].exists(y, x == y))",
        "m.k == 'v' && m['k'] == 'v' && 'k' in m && !('z' in m) && m.n == null",
        "has(m.k) && has(m.n) && !has(m.z)",
        "m.exists(key, key == 'k')",
        "a.deep.list[1] == 'x' && has(a.deep) && !has(a.deep.other)",
        "{'a': 1} == {'a': 1} && {'a': 1} != {'a': 2} && {'a': 1}.size() == 1",
        "[1, 2] == [1, 2] && [1, 2] != [2, 1] && [1] != [1, 2]",
    ] {
        gives(true, expression);
    }
    fails("m.z == 'v'", "no such key: z");
    fails("m['z'] == 'v'", "no such key");
    fails("l[3] == 1", "index out of bounds: 3");
    fails("l[-1] == 1", "index out of bounds: -1");
    fails(
        "a.one.two == 1",
        "no such key: two in a value of type 'double'",
    );
    fails("a.text.all(x, true)", "no range: a value of type 'string'");
}

#[test]
fn a_macros_variable_hides_a_parameter() {
    gives(true, "l.all(i, i < 4) && i == 7");
}

#[test]
fn addresses() {
    for expression in [
        "ip.in_cidr('192.168.0.0/24') && !ip.in_cidr('192.168.1.0/24')",
        "ip.in_cidr('0.0.0.0/0') && ip.in_cidr('192.168.0.10/32')",
        "ip.in_cidr('192.168.0.77/24')",
        "ip.in_cidr('::ffff:192.168.0.0/120') && !ip.in_cidr('::/0')",
        "ipaddress('::ffff:192.168.0.10') == ip && ipaddress('::ffff:c0a8:000a').in_cidr('192.168.0.0/24')",
        "ipaddress('2001:db8::1').in_cidr('2001:db8::/32') && !ipaddress('2001:db8::1').in_cidr('10.0.0.0/8')",
    ] {
        gives(true, expression);
    }
    for malformed in [
        "malformed",
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0/8",
        "::/129",
        "10.0.0.0/",
        "",
    ] {
        fails(
            &format!("ip.in_cidr('{malformed}')"),
            &format!("'{malformed}' is a malformed CIDR string"),
        );
    }
    fails(
        "ipaddress('192.168.0').in_cidr('192.168.0.0/24')",
        "'192.168.0' is not a well-formed IP address",
    );
}
