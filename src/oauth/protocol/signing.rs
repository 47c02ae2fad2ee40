//! The algorithms that we sign with (RFC 7518 section 3.1), and what follows from the choice: the hash in `at_hash` and its kin.
//!
//! `none` and the symmetric algorithms are not among them, so nothing signed by them can be asked for or verified (RFC 8725 section 3.1).

use super::client::words;
use crate::base::encoding::base64url;
use crate::base::secret::{sha256, sha512};

words! {
    /// An algorithm that tokens are signed with. Each has keys of its own.
    SigningAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256; everybody can verify it.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

impl SigningAlgorithm {
    /// What signs where nobody chose: the key is there from the first start.
    pub const DEFAULT: Self = Self::Rs256;

    /// `at_hash`, `c_hash`, `s_hash`: the left half of the value's hash, with the hash function of the ID token's algorithm (OpenID
    /// Connect Core 1.0 sections 3.1.3.6 and 3.3.2.11). Ed25519 hashes with SHA-512.
    pub fn left_half_hash(self, value: &str) -> String {
        let value = value.as_bytes();
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => left_half(sha256(value).as_ref()),
            Self::EdDsa => left_half(sha512(value).as_ref()),
        }
    }
}

fn left_half(digest: &[u8]) -> String {
    let (half, _) = digest.split_at(digest.len() / 2);
    base64url(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_hash_is_the_example_of_the_specification() {
        // OpenID Connect Core 1.0 appendices A.3 and A.4.
        for (value, expect) in [
            (
                "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
                "77QmUPtjPfzWtF2AnpK9RQ",
            ),
            (
                "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk",
                "LDktKdoQak3Pk0cnXxCltA",
            ),
        ] {
            for algorithm in [
                SigningAlgorithm::Rs256,
                SigningAlgorithm::Ps256,
                SigningAlgorithm::Es256,
            ] {
                assert_eq!(algorithm.left_half_hash(value), expect);
            }
        }
    }

    #[test]
    fn ed25519_hashes_with_sha_512() {
        // SHA-512 of "abc" (FIPS 180-4), its first 32 bytes.
        let expect = [
            0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba, 0xcc, 0x41, 0x73, 0x49, 0xae, 0x20,
            0x41, 0x31, 0x12, 0xe6, 0xfa, 0x4e, 0x89, 0xa9, 0x7e, 0xa2, 0x0a, 0x9e, 0xee, 0xe6,
            0x4b, 0x55, 0xd3, 0x9a,
        ];
        assert_eq!(
            SigningAlgorithm::EdDsa.left_half_hash("abc"),
            base64url(&expect)
        );
    }

    #[test]
    fn only_asymmetric_algorithms_have_a_name() {
        for text in ["none", "HS256", "RS1", "ES256K", "rs256", ""] {
            assert_eq!(SigningAlgorithm::parse(text), None, "{text}");
        }
    }
}
