//! A client's TLS certificate (RFC 8705): its fingerprint, its names, its key. Parsed by `x509-cert`.
//!
//! Does not decide whether anybody vouches for the certificate: `oauth::client_ca` does. A name is compared as it was registered, without
//! folding of case or spaces (but for host names): what is compared strictly never matches too much.

use std::net::IpAddr;
use std::str::FromStr as _;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use x509_cert::Certificate as X509;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{self, Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::sha256;

/// Most attributes of one component of a distinguished name.
const ATTRIBUTES: usize = 8;

/// The names that a certificate can be told by; exactly one is registered (RFC 8705 section 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedName<'a> {
    /// The subject's distinguished name, in RFC 4514's text form.
    SubjectDn(&'a str),
    /// A host name.
    Dns(&'a str),
    /// A URI.
    Uri(&'a str),
    /// An address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(&'a str),
}

/// A certificate that can be read.
#[derive(Clone, Debug)]
pub struct Certificate {
    parsed: X509,
    der: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate from its DER form.
    pub fn parse(der: &[u8]) -> Option<Self> {
        Some(Self {
            parsed: X509::from_der(der).ok()?,
            der: der.to_vec(),
        })
    }

    /// Whether the certificate has this name.
    pub fn has_name(&self, expected: ExpectedName<'_>) -> bool {
        match expected {
            ExpectedName::SubjectDn(text) => {
                RdnSequence::from_str(text).is_ok_and(|wanted| same_names(self.subject(), &wanted))
            }
            ExpectedName::Dns(_)
            | ExpectedName::Uri(_)
            | ExpectedName::Ip(_)
            | ExpectedName::Email(_) => self
                .alternative_names()
                .iter()
                .any(|name| is_alternative(name, expected)),
        }
    }

    /// Whether the certificate is one that this key of the client stands for: of the same public key, and the very certificate when the
    /// key names one (`x5c`, RFC 8705 section 2.2.2).
    pub fn is_of(&self, jwk: &Jwk) -> bool {
        let named = jwk
            .common
            .x509_chain
            .as_ref()
            .and_then(|chain| chain.first());
        let is_named = named.is_none_or(|text| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .is_ok_and(|der| der == self.der)
        });
        is_named && self.has_key(jwk)
    }

    fn subject(&self) -> &RdnSequence {
        self.parsed.tbs_certificate().subject().as_ref()
    }

    fn alternative_names(&self) -> Vec<GeneralName> {
        let found = self
            .parsed
            .tbs_certificate()
            .get_extension::<SubjectAltName>();
        match found {
            Ok(Some((_, SubjectAltName(names)))) => names,
            Ok(None) | Err(_) => Vec::new(),
        }
    }

    fn has_key(&self, jwk: &Jwk) -> bool {
        let info = self.parsed.tbs_certificate().subject_public_key_info();
        let Some(own) = info.subject_public_key.as_bytes() else {
            return false;
        };
        let number = |text: &str| from_base64url(text);
        match &jwk.algorithm {
            AlgorithmParameters::RSA(key) => {
                let pair = (number(&key.n), number(&key.e));
                matches!((rsa_numbers(own), pair), (Some((n, e)), (Some(n2), Some(e2)))
                    if n == without_zeros(&n2) && e == without_zeros(&e2))
            }
            AlgorithmParameters::EllipticCurve(key) => {
                let point = number(&key.x)
                    .zip(number(&key.y))
                    .map(|(x, y)| [&[4_u8][..], &x, &y].concat());
                point.is_some_and(|point| point == own)
            }
            AlgorithmParameters::OctetKeyPair(key) => {
                number(&key.x).is_some_and(|bytes| bytes == own)
            }
            _ => false,
        }
    }
}

/// `x5t#S256`: SHA-256 of the certificate in DER (RFC 8705 section 3.1).
pub fn thumbprint(der: &[u8]) -> String {
    base64url(sha256(der).as_ref())
}

/// Whether a text is a distinguished name in RFC 4514's form.
pub fn is_distinguished_name(text: &str) -> bool {
    !text.is_empty()
        && RdnSequence::from_str(text)
            .is_ok_and(|name| name.iter().all(|part| part.len() <= ATTRIBUTES))
}

/// The modulus and the exponent of an RSA key (RFC 8017 appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(der).ok()?;
    reader
        .sequence(|inner| -> der::Result<_> {
            let n = UintRef::decode(inner)?.as_bytes().to_vec();
            let e = UintRef::decode(inner)?.as_bytes().to_vec();
            Ok((n, e))
        })
        .ok()
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.iter().skip(zeros).copied().collect()
}

/// Whether two distinguished names say the same, whatever kind of string their encoders chose.
fn same_names(one: &RdnSequence, other: &RdnSequence) -> bool {
    one.len() == other.len() && one.iter().zip(other.iter()).all(|(a, b)| same_parts(a, b))
}

fn same_parts(one: &RelativeDistinguishedName, other: &RelativeDistinguishedName) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .all(|a| other.iter().any(|b| same_attributes(a, b)))
}

fn same_attributes(one: &AttributeTypeAndValue, other: &AttributeTypeAndValue) -> bool {
    let is_text = |tag: Tag| matches!(tag, Tag::Utf8String | Tag::PrintableString | Tag::Ia5String);
    let (a, b) = (one.value.tag(), other.value.tag());
    one.oid == other.oid
        && (a == b || (is_text(a) && is_text(b)))
        && one.value.value() == other.value.value()
}

fn is_alternative(name: &GeneralName, expected: ExpectedName<'_>) -> bool {
    match (name, expected) {
        (GeneralName::DnsName(own), ExpectedName::Dns(wanted)) => {
            own.as_str().eq_ignore_ascii_case(wanted)
        }
        (GeneralName::UniformResourceIdentifier(own), ExpectedName::Uri(wanted))
        | (GeneralName::Rfc822Name(own), ExpectedName::Email(wanted)) => own.as_str() == wanted,
        (GeneralName::IpAddress(own), ExpectedName::Ip(IpAddr::V4(wanted))) => {
            own.as_bytes() == wanted.octets()
        }
        (GeneralName::IpAddress(own), ExpectedName::Ip(IpAddr::V6(wanted))) => {
            own.as_bytes() == wanted.octets()
        }
        (_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, PKCS_ECDSA_P256_SHA256,
        PKCS_ED25519, PublicKeyData as _, SanType, SignatureAlgorithm,
    };
    use serde_json::json;

    use super::*;

    fn certificate(algorithm: &'static SignatureAlgorithm) -> (Certificate, KeyPair) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::CountryName, "DE");
        let organization = "Acme, Inc".try_into().unwrap();
        name.push(
            DnType::OrganizationName,
            DnValue::PrintableString(organization),
        );
        name.push(DnType::CommonName, "Wörker");
        let text = |text: &str| Ia5String::try_from(text).unwrap();
        params.subject_alt_names = vec![
            SanType::DnsName(text("app.example")),
            SanType::URI(text("spiffe://acme/app")),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
            SanType::Rfc822Name(text("ops@app.example")),
        ];
        let made = params.self_signed(&key).unwrap();
        (Certificate::parse(made.der()).unwrap(), key)
    }

    #[test]
    fn names_match_whole_and_by_their_kind() {
        let (certificate, _) = certificate(&PKCS_ECDSA_P256_SHA256);
        for (expected, matches) in [
            (
                ExpectedName::SubjectDn(r"CN=Wörker,O=Acme\, Inc,C=DE"),
                true,
            ),
            (
                ExpectedName::SubjectDn(r"cn=Wörker,o=Acme\2c Inc,c=DE"),
                true,
            ),
            (
                ExpectedName::SubjectDn(r"C=DE,O=Acme\, Inc,CN=Wörker"),
                false,
            ),
            (
                ExpectedName::SubjectDn(r"CN=wörker,O=Acme\, Inc,C=DE"),
                false,
            ),
            (ExpectedName::SubjectDn("CN=Wörker"), false),
            (ExpectedName::SubjectDn(""), false),
            (ExpectedName::Dns("APP.example"), true),
            (ExpectedName::Dns("xapp.example"), false),
            (ExpectedName::Dns("spiffe://acme/app"), false),
            (ExpectedName::Uri("spiffe://acme/app"), true),
            (ExpectedName::Uri("spiffe://acme/ap"), false),
            (ExpectedName::Ip("192.0.2.7".parse().unwrap()), true),
            (ExpectedName::Ip("2001:db8::7".parse().unwrap()), true),
            (ExpectedName::Ip("192.0.2.8".parse().unwrap()), false),
            (ExpectedName::Email("ops@app.example"), true),
            (ExpectedName::Email("app.example"), false),
        ] {
            assert_eq!(certificate.has_name(expected), matches, "{expected:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_distinguished_name_is_told() {
        for (text, fits) in [
            ("CN=app,O=Acme,C=DE", true),
            ("2.5.4.3=app", true),
            ("", false),
            ("app.example", false),
            ("CN=app, O=Acme", false),
            ("CN=#zz", false),
        ] {
            assert_eq!(is_distinguished_name(text), fits, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_of_its_key_and_of_no_other() {
        let (certificate, key) = certificate(&PKCS_ECDSA_P256_SHA256);
        let point = key.der_bytes();
        let jwk = |x: &[u8], y: &[u8], x5c: Option<&[u8]>| -> Jwk {
            let mut key =
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) });
            if let Some(der) = x5c {
                use base64::Engine as _;
                key["x5c"] = json!([base64::engine::general_purpose::STANDARD.encode(der)]);
            }
            serde_json::from_value(key).unwrap()
        };
        let (x, y) = (&point[1..33], &point[33..]);
        assert!(certificate.is_of(&jwk(x, y, None)));
        assert!(certificate.is_of(&jwk(x, y, Some(&certificate.der))));
        assert!(!certificate.is_of(&jwk(x, y, Some(b"another"))));
        assert!(!certificate.is_of(&jwk(y, x, None)));
        assert!(
            !certificate.is_of(&jwk(y, x, Some(&certificate.der))),
            "a certificate in the key set is not enough"
        );
    }

    #[test]
    fn keys_of_every_type_are_compared() {
        let (certificate, key) = certificate(&PKCS_ED25519);
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(key.der_bytes()) });
        assert!(certificate.is_of(&serde_json::from_value(jwk).unwrap()));
        let other = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&[7; 32]) });
        assert!(!certificate.is_of(&serde_json::from_value(other).unwrap()));

        // SEQUENCE { INTEGER 0x00c1, INTEGER 3 }
        let (n, e) = rsa_numbers(&[0x30, 7, 2, 2, 0, 0xc1, 2, 1, 3]).unwrap();
        assert_eq!((n, e), (vec![0xc1], vec![3]));
        assert!(rsa_numbers(&[0x30, 3, 2, 1, 3]).is_none());
        assert_eq!(without_zeros(&[0, 0, 1, 0]), [1, 0]);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert!(Certificate::parse(b"").is_none());
        let (certificate, _) = certificate(&PKCS_ED25519);
        let cut = certificate.der.split_last().unwrap().1;
        assert!(Certificate::parse(cut).is_none());
    }
}
