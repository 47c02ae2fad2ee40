//! The address of the client behind declared proxies.
//!
//! By default nobody is believed and the address is the peer's. When the peer stands in a trusted network, its forwarding
//! header is read from the right, hop by hop, until the first address that is not trusted: what stands further left was written
//! by whoever that is (SECURITY row 41). `Forwarded` (RFC 7239) wins over `X-Forwarded-For` when both are present.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header::FORWARDED;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most hops that are looked at, from the right.
const MAX_HOPS: usize = 32;

/// The address of the client, as far as declared proxies can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

tokio::task_local! {
    /// The address of the client whose request this task answers.
    static CURRENT: ClientAddress;
}

impl ClientAddress {
    /// The address of the client whose request the current task answers; `None` outside one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|address| *address).ok()
    }

    /// Runs `answer` as the answer to a request from this address.
    pub async fn scope<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }
}

/// The address that the middleware found. `0.0.0.0` where no connection stands behind the request (a router called in a test).
impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Self>()
            .copied()
            .unwrap_or(Self(peer(&parts.extensions))))
    }
}

/// The address of the connection itself.
pub fn peer(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| {
            peer.ip().to_canonical()
        })
}

/// The rightmost hop that is not a trusted proxy; the peer itself when it is not one.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    for hop in hops(headers).into_iter().take(MAX_HOPS) {
        if !is_trusted(&nearest) {
            break;
        }
        match hop {
            Some(address) => nearest = address.to_canonical(),
            // `unknown`, an obfuscated name or garbage: nothing further left can be believed either.
            None => break,
        }
    }
    nearest
}

/// The hops from the nearest to the farthest; `None` for one that is no address.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &HeaderName| -> Vec<&str> {
        headers
            .get_all(name)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("unknown").split(','))
            .collect()
    };
    let forwarded = list(&FORWARDED);
    if forwarded.is_empty() {
        let addresses = list(&X_FORWARDED_FOR);
        return addresses.into_iter().rev().map(address).collect();
    }
    forwarded
        .into_iter()
        .rev()
        .map(|element| address(forwarded_for(element)?))
        .collect()
}

/// The `for` parameter of one `Forwarded` element (RFC 7239 section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| {
            text.strip_prefix('[')?
                .strip_suffix(']')?
                .parse::<IpAddr>()
                .ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";
    const NAME: HeaderName = X_FORWARDED_FOR;

    #[track_caller]
    fn check(peer: &str, headers: &[(HeaderName, &str)], expected: &str) {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        let found = client_address(peer.parse().unwrap(), &map, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{headers:?}");
    }

    #[test]
    fn a_peer_that_is_not_a_declared_proxy_is_the_client_whatever_it_says() {
        check("192.0.2.9", &[(NAME, "198.51.100.1")], "192.0.2.9");
        check("192.0.2.9", &[(FORWARDED, "for=198.51.100.1")], "192.0.2.9");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        check(PROXY, &[(NAME, "198.51.100.1")], "198.51.100.1");
        check(PROXY, &[(NAME, "1.1.1.1, 198.51.100.1")], "198.51.100.1");
        check(
            PROXY,
            &[(NAME, "1.1.1.1, 198.51.100.1, 10.9.9.9")],
            "198.51.100.1",
        );
        check(
            PROXY,
            &[(NAME, "1.1.1.1"), (NAME, "198.51.100.1")],
            "198.51.100.1",
        );
        check(PROXY, &[(NAME, "10.0.0.7")], "10.0.0.7");
        check(PROXY, &[], PROXY);
    }

    #[test]
    fn an_unreadable_hop_ends_the_walk() {
        check(PROXY, &[(NAME, "198.51.100.1, unknown")], PROXY);
        check(PROXY, &[(NAME, "198.51.100.1, ")], PROXY);
        check(
            PROXY,
            &[(FORWARDED, "for=198.51.100.1, for=_hidden")],
            PROXY,
        );
        check(PROXY, &[(FORWARDED, "proto=https")], PROXY);
    }

    #[test]
    fn every_written_form_of_an_address_is_read() {
        check(PROXY, &[(NAME, "198.51.100.1:4711")], "198.51.100.1");
        check(
            PROXY,
            &[(FORWARDED, "For=\"[2001:db8::7]:4711\";proto=https")],
            "2001:db8::7",
        );
        check(PROXY, &[(NAME, "2001:db8::7")], "2001:db8::7");
        check(PROXY, &[(NAME, "::ffff:198.51.100.1")], "198.51.100.1");
        check("::ffff:10.0.0.1", &[(NAME, "2001:db8::7")], "2001:db8::7");
    }

    #[test]
    fn forwarded_wins_over_x_forwarded_for() {
        check(
            PROXY,
            &[(NAME, "198.51.100.1"), (FORWARDED, "for=198.51.100.2")],
            "198.51.100.2",
        );
    }
}
