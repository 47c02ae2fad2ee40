//! Tessera's own APIs as protected resources (RFC 9728): where each begins, and what it is called by a resource indicator.

/// Where the APIs begin: administration, the permission API, and the same in AuthZEN.
pub const OWN_APIS: [&str; 3] = ["/admin/api", "/stores", "/access/v1"];

/// The API that a path belongs to.
pub fn of_path(path: &str) -> Option<&'static str> {
    OWN_APIS.into_iter().find(|api| {
        path.strip_prefix(api)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a resource indicator names one of the APIs of this issuer. Its tokens are for the issuer: what they open is decided by
/// permissions, not by the path.
pub fn is_named(resource: &str, issuer: &str) -> bool {
    resource
        .strip_prefix(issuer)
        .is_some_and(|path| OWN_APIS.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_one_api_or_none() {
        for (path, api) in [
            ("/admin/api", Some("/admin/api")),
            ("/admin/api/users/usr_1", Some("/admin/api")),
            ("/stores", Some("/stores")),
            ("/stores/01/check", Some("/stores")),
            ("/access/v1/evaluation", Some("/access/v1")),
            ("/admin", None),
            ("/admin/apix", None),
            ("/storesx", None),
            ("/", None),
        ] {
            assert_eq!(of_path(path), api, "{path}");
        }
    }

    #[test]
    fn an_api_is_named_by_its_exact_url() {
        let issuer = "https://id.example";
        for (resource, expect) in [
            ("https://id.example/admin/api", true),
            ("https://id.example/stores", true),
            ("https://id.example/stores/", false),
            ("https://id.example/admin", false),
            ("https://id.example", false),
            ("https://id.example.evil.example/stores", false),
            ("/stores", false),
        ] {
            assert_eq!(is_named(resource, issuer), expect, "{resource}");
        }
    }
}
