//! Addresses and ranges. An address of version 4 in version 6 (`::ffff:10.0.0.1`) is the one of version 4.

use std::net::IpAddr;

use ipnet::IpNet;

/// The bits of version 6 before an address of version 4 in it.
const MAPPED_PREFIX_BITS: u8 = 96;

/// The text as an address.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// Whether the address lies in the range; an error if the range is malformed.
pub(super) fn in_cidr(address: IpAddr, cidr: &str) -> Result<bool, String> {
    let malformed = || format!("'{cidr}' is a malformed CIDR string");
    let (base, bits) = cidr.split_once('/').ok_or_else(malformed)?;
    let base: IpAddr = base.parse().map_err(|_| malformed())?;
    let plain = bits == "0" || bits.starts_with(|c: char| matches!(c, '1'..='9'));
    let bits: u8 = bits.parse().ok().filter(|_| plain).ok_or_else(malformed)?;
    let range = match base.to_canonical() {
        mapped @ IpAddr::V4(_) if base.is_ipv6() && bits >= MAPPED_PREFIX_BITS => {
            IpNet::new(mapped, bits - MAPPED_PREFIX_BITS)
        }
        _ => IpNet::new(base, bits),
    };
    Ok(range.map_err(|_| malformed())?.contains(&address))
}
