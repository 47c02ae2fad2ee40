//! The one HTTP client for everything that Tessera fetches: a guarded door, against server-side request forgery.
//!
//! `https` only, unless the address is one that the configuration allows (`outbound_allowed`). The name is resolved here, every
//! address is judged, and the connection goes to exactly those addresses (no second look-up that could answer otherwise). Private, loopback,
//! link-local, shared, documentation, multicast and IPv4-in-IPv6 forms are refused. No redirects, no proxy, 5 seconds, 256 KiB.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Longest time one exchange may take, in seconds.
const TIMEOUT_SECONDS: u64 = 5;
/// Largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 256 * 1024;

/// Why a fetch was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The URL's scheme, host or address is not allowed.
    #[error(
        "outbound call to `{url}` refused: {reason}; add its network to `outbound_allowed` if it is meant"
    )]
    Refused {
        /// Where it would have gone.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The exchange failed or took too long.
    #[error("outbound call failed: {0}")]
    Failed(#[from] reqwest::Error),
    /// The answer is larger than the limit.
    #[error("outbound call refused: the answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: http::StatusCode,
    /// The header fields.
    pub headers: http::HeaderMap,
    /// The body, at most 256 KiB.
    pub body: Vec<u8>,
}

impl Answer {
    /// The texts of a header field.
    pub fn texts(&self, name: http::HeaderName) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).collect()
    }
}

/// The guarded client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    allowed: Arc<[IpNet]>,
}

impl Outbound {
    /// A client that may reach public addresses over https, and `allowed` networks over http too.
    pub fn new(allowed: &[IpNet]) -> Result<Self, OutboundError> {
        // Fails when a provider is installed already, which is as good.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let allowed: Arc<[IpNet]> = allowed.into();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(TIMEOUT_SECONDS))
            .dns_resolver(Arc::new(GuardedResolver {
                allowed: Arc::clone(&allowed),
            }))
            .build()?;
        Ok(Self { client, allowed })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Answer, OutboundError> {
        let url = request.uri().to_string();
        self.admit(&url).await?;
        let mut response = self.client.execute(request.try_into()?).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Judges what the resolver does not see: the scheme, and a host that is an address already.
    async fn admit(&self, url: &str) -> Result<(), OutboundError> {
        let refused = |reason: &str| OutboundError::Refused {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let parsed = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refused("a URL with credentials"));
        }
        let addresses: Vec<IpAddr> = match parsed.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => resolve(name)
                .await
                .map_err(|error| refused(&error.to_string()))?,
            None => return Err(refused("a URL without a host")),
        };
        for address in &addresses {
            judge(*address, &self.allowed).map_err(|reason| refused(&reason))?;
        }
        let all_allowed = addresses
            .iter()
            .all(|address| contains(&self.allowed, *address));
        match parsed.scheme() {
            "https" => Ok(()),
            "http" if all_allowed => Ok(()),
            _ => Err(refused("only https leaves the allowed networks")),
        }
    }
}

/// Resolves a name once and hands out only addresses that were judged.
#[derive(Debug)]
struct GuardedResolver {
    allowed: Arc<[IpNet]>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let addresses = resolve(name.as_str()).await?;
            for address in &addresses {
                judge(*address, &allowed)?;
            }
            let addresses: Addrs = Box::new(
                addresses
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0)),
            );
            Ok(addresses)
        })
    }
}

async fn resolve(name: &str) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0))
        .await?
        .map(|address| address.ip())
        .collect())
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks
        .iter()
        .any(|network| network.contains(&address.to_canonical()))
}

/// Whether a connection to this address is allowed; the reason if not.
fn judge(address: IpAddr, allowed: &[IpNet]) -> Result<(), String> {
    let address = address.to_canonical();
    let inside = match address {
        IpAddr::V4(v4) => is_special_v4(v4),
        IpAddr::V6(v6) => is_special_v6(v6),
    };
    if inside && !contains(allowed, address) {
        return Err(format!("{address} is not a public address"));
    }
    Ok(())
}

/// IPv4 ranges that are not globally reachable (IANA special-purpose registry, RFC 6890), and multicast.
fn is_special_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || matches!(
            (a, b, c),
            (0 | 240.., _, _)
                | (100, 64..=127, _)
                | (192, 0, 0)
                | (198, 18..=19, _)
                | (192, 88, 99)
        )
}

/// IPv6 ranges that are not globally reachable, and those that carry an IPv4 address inside.
fn is_special_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let unicast = a & 0xe000 == 0x2000;
    // 2001:db8::/32 documentation, 2001::/23 protocol assignments (Teredo), 2002::/16 6to4, 3fff::/20 documentation.
    let carved =
        (a == 0x2001 && (b == 0x0db8 || b < 0x0200)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    !unicast || carved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, allowed: &[&str], expect: bool) {
        let allowed: Vec<IpNet> = allowed
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        assert_eq!(
            judge(address.parse().unwrap(), &allowed).is_ok(),
            expect,
            "{address} {allowed:?}"
        );
    }

    #[test]
    fn only_public_addresses_pass() {
        for address in [
            "93.184.216.34",
            "2606:2800:220:1:248:1893:25c8:1946",
            "100.128.0.1",
            "11.0.0.1",
        ] {
            check(address, &[], true);
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            check(address, &[], false);
        }
    }

    #[test]
    fn a_configured_network_passes_and_its_neighbour_does_not() {
        check("127.0.0.1", &["127.0.0.1/32"], true);
        check("::ffff:127.0.0.1", &["127.0.0.1/32"], true);
        check("127.0.0.2", &["127.0.0.1/32"], false);
    }

    async fn refused(outbound: &Outbound, url: &str) -> bool {
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        matches!(
            outbound.send(request).await,
            Err(OutboundError::Refused { .. })
        )
    }

    #[tokio::test]
    async fn nothing_inside_is_reached_by_any_spelling() {
        let outbound = Outbound::new(&[]).unwrap();
        for url in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "http://93.184.216.34/",
            "https://[::ffff:7f00:1]/",
            "https://u:p@93.184.216.34/",
        ] {
            assert!(refused(&outbound, url).await, "{url}");
        }
    }
}
