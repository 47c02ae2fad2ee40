//! Which media types a request accepts (RFC 9110 section 12.5.1), as far as it names them: a wildcard asks for nothing in particular.

/// Whether the values of `Accept` name this media type and do not give it the weight zero.
pub fn accepts<'a>(accept: impl IntoIterator<Item = &'a str>, media_type: &str) -> bool {
    accept
        .into_iter()
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next();
            named.is_some_and(|named| named.eq_ignore_ascii_case(media_type))
                && !parts.any(is_weight_zero)
        })
}

fn is_weight_zero(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let weight = value.trim().parse::<f64>();
    name.trim().eq_ignore_ascii_case("q") && weight.is_ok_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &[&str], expect: bool) {
        let accepted = accepts(
            accept.iter().copied(),
            "application/token-introspection+jwt",
        );
        assert_eq!(accepted, expect, "{accept:?}");
    }

    #[test]
    fn a_media_type_is_asked_for_by_name() {
        check(&[], false);
        check(&["*/*"], false);
        check(&["application/*"], false);
        check(&["application/json"], false);
        check(&["application/token-introspection+jwt"], true);
        check(&["Application/Token-Introspection+JWT"], true);
        check(
            &["application/json, application/token-introspection+jwt;q=0.5"],
            true,
        );
        check(
            &["application/json", "application/token-introspection+jwt"],
            true,
        );
        check(&["application/token-introspection+jwt;q=0"], false);
        check(&["application/token-introspection+jwt ; Q = 0.000"], false);
        check(&["application/token-introspection+jwt2"], false);
    }
}
