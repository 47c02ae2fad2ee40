//! The functions and operators whose arguments have fixed types: what they take and what they give.
//!
//! The generic ones (`==`, `in`, `size`, `? :`, indexing, lists in `+`) are in `typing`.

use super::typing::Type;
use super::typing::Type::{Bool, Double, Duration, Int, Ip, String, Timestamp, Uint};

/// Types that have arithmetic or an order, for the tables below.
const INT: &[Type] = &[Int, Int];
const UINT: &[Type] = &[Uint, Uint];
const DOUBLE: &[Type] = &[Double, Double];
const STRING: &[Type] = &[String, String];
const DURATION: &[Type] = &[Duration, Duration];

/// One form of a function: its arguments' types, the target first, and what it gives.
type Form = (&'static [Type], Type);

const ADD: &[Form] = &[
    (INT, Int),
    (UINT, Uint),
    (DOUBLE, Double),
    (STRING, String),
    (DURATION, Duration),
    (&[Timestamp, Duration], Timestamp),
    (&[Duration, Timestamp], Timestamp),
];
const SUBTRACT: &[Form] = &[
    (INT, Int),
    (UINT, Uint),
    (DOUBLE, Double),
    (DURATION, Duration),
    (&[Timestamp, Duration], Timestamp),
    (&[Timestamp, Timestamp], Duration),
];
const MULTIPLY: &[Form] = &[(INT, Int), (UINT, Uint), (DOUBLE, Double)];
const MODULO: &[Form] = &[(INT, Int), (UINT, Uint)];
const NEGATE: &[Form] = &[(&[Int], Int), (&[Double], Double)];
const NOT: &[Form] = &[(&[Bool], Bool)];
const LOGIC: &[Form] = &[(&[Bool, Bool], Bool)];
const ORDER: &[Form] = &[
    (&[Bool, Bool], Bool),
    (INT, Bool),
    (UINT, Bool),
    (DOUBLE, Bool),
    (STRING, Bool),
    (DURATION, Bool),
    (&[Timestamp, Timestamp], Bool),
];
const TEXT_TEST: &[Form] = &[(STRING, Bool)];
const DATE_PART: &[Form] = &[(&[Timestamp], Int), (&[Timestamp, String], Int)];
const TIME_PART: &[Form] = &[
    (&[Timestamp], Int),
    (&[Timestamp, String], Int),
    (&[Duration], Int),
];
const TO_INT: &[Form] = &[
    (&[Int], Int),
    (&[Uint], Int),
    (&[Double], Int),
    (&[String], Int),
    (&[Timestamp], Int),
];
const TO_UINT: &[Form] = &[
    (&[Int], Uint),
    (&[Uint], Uint),
    (&[Double], Uint),
    (&[String], Uint),
];
const TO_DOUBLE: &[Form] = &[
    (&[Int], Double),
    (&[Uint], Double),
    (&[Double], Double),
    (&[String], Double),
];
const TO_STRING: &[Form] = &[
    (&[Bool], String),
    (&[Int], String),
    (&[Uint], String),
    (&[Double], String),
    (&[String], String),
    (&[Duration], String),
    (&[Timestamp], String),
];
const TO_BOOL: &[Form] = &[(&[Bool], Bool), (&[String], Bool)];
const TO_DURATION: &[Form] = &[(&[Duration], Duration), (&[String], Duration)];
const TO_TIMESTAMP: &[Form] = &[
    (&[Timestamp], Timestamp),
    (&[String], Timestamp),
    (&[Int], Timestamp),
];
const TO_ADDRESS: &[Form] = &[(&[String], Ip)];
const IN_RANGE: &[Form] = &[(&[Ip, String], Bool)];

/// The forms of a function; none if there is no such function. `member` means `target.name(..)`.
pub(super) fn forms(name: &str, member: bool) -> Option<&'static [Form]> {
    Some(match (name, member) {
        ("_+_", false) => ADD,
        ("_-_", false) => SUBTRACT,
        ("_*_" | "_/_", false) => MULTIPLY,
        ("_%_", false) => MODULO,
        ("-_", false) => NEGATE,
        ("!_" | "@not_strictly_false", false) => NOT,
        ("_&&_" | "_||_", false) => LOGIC,
        ("_<_" | "_<=_" | "_>_" | "_>=_", false) => ORDER,
        ("startsWith" | "endsWith" | "contains", true) | ("matches", _) => TEXT_TEST,
        (
            "getFullYear" | "getMonth" | "getDate" | "getDayOfMonth" | "getDayOfWeek"
            | "getDayOfYear",
            true,
        ) => DATE_PART,
        ("getHours" | "getMinutes" | "getSeconds" | "getMilliseconds", true) => TIME_PART,
        ("int", false) => TO_INT,
        ("uint", false) => TO_UINT,
        ("double", false) => TO_DOUBLE,
        ("string", false) => TO_STRING,
        ("bool", false) => TO_BOOL,
        ("duration", false) => TO_DURATION,
        ("timestamp", false) => TO_TIMESTAMP,
        ("ipaddress", false) => TO_ADDRESS,
        ("in_cidr", true) => IN_RANGE,
        _ => return None,
    })
}
