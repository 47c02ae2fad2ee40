//! What was encrypted can be read by whoever holds the private key, by the RFC's steps in reverse, and whose keys are chosen.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use serde_json::json;

use super::*;
use crate::base::encoding::from_base64url;

/// The members of a JWK.
fn members(jwk: &Value) -> Map<String, Value> {
    jwk.as_object().cloned().unwrap_or_default()
}

/// A text as the recipient sees it.
struct Parts {
    header: Value,
    raw_header: String,
    key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

fn parts(text: &str) -> Parts {
    let all: Vec<&str> = text.split('.').collect();
    assert_eq!(all.len(), 5);
    let bytes = |index: usize| from_base64url(all[index]).unwrap();
    Parts {
        header: serde_json::from_slice(&bytes(0)).unwrap(),
        raw_header: all[0].to_owned(),
        key: bytes(1),
        iv: bytes(2),
        ciphertext: bytes(3),
        tag: bytes(4),
    }
}

/// Decrypts with the content encryption key.
fn open(parts: &Parts, key: &[u8]) -> Vec<u8> {
    use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use aws_lc_rs::cipher;
    let enc = ContentEncryption::parse(parts.header["enc"].as_str().unwrap()).unwrap();
    let aad = parts.raw_header.as_bytes();
    let mut text = parts.ciphertext.clone();
    let (block, mac) = match enc {
        ContentEncryption::A128Gcm | ContentEncryption::A256Gcm => {
            let algorithm = if key.len() == 16 {
                &AES_128_GCM
            } else {
                &AES_256_GCM
            };
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
            let nonce = Nonce::try_assume_unique_for_key(&parts.iv).unwrap();
            text.extend(&parts.tag);
            let opened = key.open_in_place(nonce, Aad::from(aad), &mut text);
            return opened.unwrap().to_vec();
        }
        ContentEncryption::A128CbcHs256 => (&cipher::AES_128, aws_lc_rs::hmac::HMAC_SHA256),
        ContentEncryption::A256CbcHs512 => (&cipher::AES_256, aws_lc_rs::hmac::HMAC_SHA512),
    };
    let (mac_key, cipher_key) = key.split_at(key.len() / 2);
    let mut message = [aad, &parts.iv, &parts.ciphertext].concat();
    message.extend((u64::try_from(aad.len()).unwrap() * 8).to_be_bytes());
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(mac, mac_key), &message);
    assert_eq!(tag.as_ref()[..mac_key.len()], parts.tag);
    let key = cipher::UnboundCipherKey::new(block, cipher_key).unwrap();
    let iv = <[u8; 16]>::try_from(parts.iv.as_slice()).unwrap();
    let context = cipher::DecryptionContext::Iv128(iv.into());
    let key = cipher::PaddedBlockDecryptingKey::cbc_pkcs7(key).unwrap();
    key.decrypt(&mut text, context).unwrap().to_vec()
}

/// Public key and private key of RSA.
fn rsa(size: KeySize) -> (Value, OaepPrivateDecryptingKey) {
    use aws_lc_rs::encoding::AsDer as _;
    let private = PrivateDecryptingKey::generate(size).unwrap();
    let public: PublicEncryptingKey = private.public_key();
    let der = public.as_der().unwrap();
    let public = aws_lc_rs::rsa::PublicKey::from_der(der.as_ref()).unwrap();
    let jwk = json!({
        "kty": "RSA", "use": "enc", "kid": "r1",
        "n": base64url(public.modulus().big_endian_without_leading_zero()),
        "e": base64url(public.exponent().big_endian_without_leading_zero()),
    });
    (jwk, OaepPrivateDecryptingKey::new(private).unwrap())
}

/// Public key and private key of a curve.
fn curve(name: &str, algorithm: &'static agreement::Algorithm) -> (Value, PrivateKey) {
    let private = PrivateKey::generate(algorithm).unwrap();
    let public = private.compute_public_key().unwrap();
    let jwk = if name == "X25519" {
        json!({"kty": "OKP", "crv": name, "x": base64url(public.as_ref())})
    } else {
        let (x, y) = public.as_ref()[1..].split_at((public.as_ref().len() - 1) / 2);
        json!({"kty": "EC", "crv": name, "x": base64url(x), "y": base64url(y)})
    };
    (jwk, private)
}

fn encryptions(algs: &[KeyManagement]) -> Vec<Encryption> {
    let of = |alg: &KeyManagement| {
        let alg = *alg;
        ContentEncryption::ALL
            .iter()
            .map(move |enc| Encryption { alg, enc: *enc })
    };
    algs.iter().flat_map(of).collect()
}

#[test]
fn the_holder_of_the_rsa_key_reads_it() {
    let (jwk, private) = rsa(KeySize::Rsa2048);
    for encryption in encryptions(&[KeyManagement::RsaOaep, KeyManagement::RsaOaep256]) {
        let recipient = Recipient::choose(&[members(&jwk)], encryption.alg).unwrap();
        let text = encrypt(&recipient, encryption, Plaintext::Jwt("a.b.c")).unwrap();
        let parts = parts(&text);
        assert_eq!(parts.header["alg"], encryption.alg.as_str());
        assert_eq!(parts.header["kid"], "r1");
        assert_eq!(parts.header["cty"], "JWT");
        let oaep = match encryption.alg {
            KeyManagement::RsaOaep => &OAEP_SHA1_MGF1SHA1,
            _ => &OAEP_SHA256_MGF1SHA256,
        };
        let mut key = vec![0; private.min_output_size()];
        let key = private.decrypt(oaep, &parts.key, &mut key, None).unwrap();
        assert_eq!(open(&parts, key), b"a.b.c", "{encryption:?}");
    }
}

#[test]
fn the_holder_of_the_key_on_a_curve_reads_it() {
    for (name, algorithm) in [
        ("P-256", &agreement::ECDH_P256),
        ("P-384", &agreement::ECDH_P384),
        ("P-521", &agreement::ECDH_P521),
        ("X25519", &agreement::X25519),
    ] {
        let (jwk, private) = curve(name, algorithm);
        for encryption in encryptions(&[
            KeyManagement::EcdhEs,
            KeyManagement::EcdhEsA128Kw,
            KeyManagement::EcdhEsA256Kw,
        ]) {
            let recipient = Recipient::choose(&[members(&jwk)], encryption.alg).unwrap();
            let text = encrypt(&recipient, encryption, Plaintext::Claims(b"{}")).unwrap();
            let parts = parts(&text);
            assert!(parts.header.get("cty").is_none());
            let key = agreed_key(&parts, &private, encryption);
            assert_eq!(open(&parts, &key), b"{}", "{name} {encryption:?}");
        }
    }
}

fn agreed_key(parts: &Parts, private: &PrivateKey, encryption: Encryption) -> Vec<u8> {
    let epk = &parts.header["epk"];
    let member = |name: &str| from_base64url(epk[name].as_str().unwrap()).unwrap();
    let public = if epk["kty"] == "OKP" {
        member("x")
    } else {
        [vec![4], member("x"), member("y")].concat()
    };
    let (id, bytes) = match encryption.alg {
        KeyManagement::EcdhEsA128Kw => (encryption.alg.as_str(), 16),
        KeyManagement::EcdhEsA256Kw => (encryption.alg.as_str(), 32),
        _ => (encryption.enc.as_str(), encryption.enc.key_bytes()),
    };
    let mut info = u32::try_from(id.len()).unwrap().to_be_bytes().to_vec();
    info.extend(id.as_bytes());
    info.extend([0; 8]);
    info.extend((u32::try_from(bytes).unwrap() * 8).to_be_bytes());
    let digest = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).unwrap();
    let mut derived = vec![0; bytes];
    let public = UnparsedPublicKey::new(private.algorithm(), &public);
    agreement::agree(private, public, (), |secret| {
        sskdf_digest(digest, secret, &info, &mut derived).map_err(|_| ())
    })
    .unwrap();
    let cipher = match encryption.alg {
        KeyManagement::EcdhEsA128Kw => &AES_128,
        KeyManagement::EcdhEsA256Kw => &AES_256,
        _ => {
            assert!(parts.key.is_empty());
            return derived;
        }
    };
    let mut key = vec![0; parts.key.len()];
    let wrapping = AesKek::new(cipher, &derived).unwrap();
    wrapping.unwrap(&parts.key, &mut key).unwrap().to_vec()
}

#[test]
fn every_text_has_a_key_and_a_vector_of_its_own() {
    let (jwk, _) = curve("P-256", &agreement::ECDH_P256);
    for encryption in encryptions(&[KeyManagement::EcdhEs]) {
        let recipient = Recipient::choose(&[members(&jwk)], encryption.alg).unwrap();
        let one = parts(&encrypt(&recipient, encryption, Plaintext::Claims(b"{}")).unwrap());
        let two = parts(&encrypt(&recipient, encryption, Plaintext::Claims(b"{}")).unwrap());
        assert_ne!(one.iv, two.iv);
        assert_ne!(one.header["epk"], two.header["epk"]);
    }
}

#[test]
fn only_a_key_that_is_meant_for_it_is_chosen() {
    let (rsa, _) = rsa(KeySize::Rsa2048);
    let (ec, _) = curve("P-256", &agreement::ECDH_P256);
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    for (keys, alg, chosen) in [
        (vec![rsa.clone()], KeyManagement::RsaOaep256, true),
        (vec![ec.clone()], KeyManagement::RsaOaep256, false),
        (vec![rsa.clone()], KeyManagement::EcdhEs, false),
        (vec![ec.clone(), rsa.clone()], KeyManagement::RsaOaep, true),
        (vec![], KeyManagement::EcdhEs, false),
        (
            vec![with(&rsa, "use", "sig".into())],
            KeyManagement::RsaOaep,
            false,
        ),
        (
            vec![with(&rsa, "alg", "RS256".into())],
            KeyManagement::RsaOaep,
            false,
        ),
        (
            vec![with(&rsa, "alg", "RSA-OAEP".into())],
            KeyManagement::RsaOaep,
            true,
        ),
        (
            vec![with(&rsa, "alg", "RSA-OAEP".into())],
            KeyManagement::RsaOaep256,
            false,
        ),
        (
            vec![with(&ec, "key_ops", json!(["verify"]))],
            KeyManagement::EcdhEs,
            false,
        ),
        (
            vec![with(&ec, "key_ops", json!(["deriveKey"]))],
            KeyManagement::EcdhEs,
            true,
        ),
        (
            vec![with(&ec, "crv", "secp256k1".into())],
            KeyManagement::EcdhEs,
            false,
        ),
        (
            vec![with(&ec, "x", "AA".into())],
            KeyManagement::EcdhEs,
            false,
        ),
        (vec![json!("x"), json!({})], KeyManagement::EcdhEs, false),
    ] {
        let keys: Vec<_> = keys.iter().map(members).collect();
        let found = Recipient::choose(&keys, alg);
        assert_eq!(found.is_ok(), chosen, "{keys:?} {alg:?}");
    }
}

#[test]
fn a_weak_or_false_key_is_refused() {
    let encryption = |alg| Encryption {
        alg,
        enc: ContentEncryption::DEFAULT,
    };
    let small = json!({"kty": "RSA", "n": base64url(&[0xff; 128]), "e": "AQAB"});
    // On no curve: the point of an invalid-curve attack.
    let off =
        json!({"kty": "EC", "crv": "P-256", "x": base64url(&[1; 32]), "y": base64url(&[1; 32])});
    // X25519's point of order one: the agreement would be all zeros (RFC 7748 section 6.1).
    let zero = json!({"kty": "OKP", "crv": "X25519", "x": base64url(&[0; 32])});
    for (key, alg) in [
        (small, KeyManagement::RsaOaep256),
        (off, KeyManagement::EcdhEs),
        (zero, KeyManagement::EcdhEsA256Kw),
    ] {
        let found = fits(&[members(&key)], encryption(alg));
        assert_eq!(found, Err(JweError::UnfitKey(alg)));
    }
}
