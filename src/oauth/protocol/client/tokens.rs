//! How what a client is told is signed and encrypted (OpenID Connect Dynamic Client Registration 1.0 section 2, RFC 9701 section 6, JARM section 3).

use serde::{Deserialize, Serialize};

use super::ClientKeys;
use crate::oauth::protocol::jwe::{ContentEncryption, Encryption, KeyManagement, fits};
use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::signing::SigningAlgorithm;

/// The algorithms that a client chose, answer by answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenFormats {
    /// What signs ID tokens; RS256 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// How the key of an encrypted ID token reaches the client; not encrypted when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_alg: Option<KeyManagement>,
    /// What encrypts ID tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_enc: Option<ContentEncryption>,
    /// What signs the answers of the userinfo endpoint; plain JSON when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,
    /// How the key of an encrypted userinfo answer reaches the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_alg: Option<KeyManagement>,
    /// What encrypts userinfo answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_enc: Option<ContentEncryption>,
    /// What signs introspection answers where a JWT is asked for; RS256 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<SigningAlgorithm>,
    /// How the key of an encrypted introspection answer reaches the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_encrypted_response_alg: Option<KeyManagement>,
    /// What encrypts introspection answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_encrypted_response_enc: Option<ContentEncryption>,
    /// What signs authorization answers in the modes of JARM; RS256 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signed_response_alg: Option<SigningAlgorithm>,
    /// How the key of an encrypted authorization answer reaches the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_encrypted_response_alg: Option<KeyManagement>,
    /// What encrypts authorization answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_encrypted_response_enc: Option<ContentEncryption>,
}

/// How one answer is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// What signs it.
    pub signing: SigningAlgorithm,
    /// How it is encrypted then.
    pub encryption: Option<Encryption>,
}

/// How an answer of the userinfo endpoint looks (OpenID Connect Core 1.0 section 5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserInfoFormat {
    /// JSON.
    Plain,
    /// Claims that are encrypted and not signed.
    Encrypted(Encryption),
    /// A signed JWT.
    Signed(Protection),
}

impl TokenFormats {
    /// How ID tokens are protected.
    pub fn id_token(&self) -> Protection {
        Protection {
            signing: self
                .id_token_signed_response_alg
                .unwrap_or(SigningAlgorithm::DEFAULT),
            encryption: encryption(
                self.id_token_encrypted_response_alg,
                self.id_token_encrypted_response_enc,
            ),
        }
    }

    /// How answers of the userinfo endpoint look.
    pub fn userinfo(&self) -> UserInfoFormat {
        let encryption = encryption(
            self.userinfo_encrypted_response_alg,
            self.userinfo_encrypted_response_enc,
        );
        match (self.userinfo_signed_response_alg, encryption) {
            (None, None) => UserInfoFormat::Plain,
            (None, Some(encryption)) => UserInfoFormat::Encrypted(encryption),
            (Some(signing), encryption) => UserInfoFormat::Signed(Protection {
                signing,
                encryption,
            }),
        }
    }

    /// How introspection answers are protected where a JWT is asked for.
    pub fn introspection(&self) -> Protection {
        Protection {
            signing: self
                .introspection_signed_response_alg
                .unwrap_or(SigningAlgorithm::DEFAULT),
            encryption: encryption(
                self.introspection_encrypted_response_alg,
                self.introspection_encrypted_response_enc,
            ),
        }
    }

    /// How authorization answers are protected in the modes of JARM.
    pub fn authorization(&self) -> Protection {
        Protection {
            signing: self
                .authorization_signed_response_alg
                .unwrap_or(SigningAlgorithm::DEFAULT),
            encryption: encryption(
                self.authorization_encrypted_response_alg,
                self.authorization_encrypted_response_enc,
            ),
        }
    }

    /// The algorithms that must have keys for this client.
    pub fn signing_algorithms(&self) -> Vec<SigningAlgorithm> {
        [
            self.id_token_signed_response_alg,
            self.userinfo_signed_response_alg,
            self.introspection_signed_response_alg,
            self.authorization_signed_response_alg,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(
        new: &NewClient,
        keys: &ClientKeys,
        faults: &mut Faults,
    ) -> Self {
        let signing: Known<SigningAlgorithm> = (SigningAlgorithm::ALL, SigningAlgorithm::as_str);
        let alg: Known<KeyManagement> = (KeyManagement::ALL, KeyManagement::as_str);
        let enc: Known<ContentEncryption> = (ContentEncryption::ALL, ContentEncryption::as_str);
        macro_rules! words {
            ($($field:ident: $known:expr),+ $(,)?) => {
                Self { $($field: word(faults, stringify!($field), new.$field.as_deref(), $known)),+ }
            };
        }
        let formats = words! {
            id_token_signed_response_alg: signing,
            id_token_encrypted_response_alg: alg,
            id_token_encrypted_response_enc: enc,
            userinfo_signed_response_alg: signing,
            userinfo_encrypted_response_alg: alg,
            userinfo_encrypted_response_enc: enc,
            introspection_signed_response_alg: signing,
            introspection_encrypted_response_alg: alg,
            introspection_encrypted_response_enc: enc,
            authorization_signed_response_alg: signing,
            authorization_encrypted_response_alg: alg,
            authorization_encrypted_response_enc: enc,
        };
        formats.check_together(keys, faults);
        formats
    }

    /// Rules between fields.
    fn check_together(&self, keys: &ClientKeys, faults: &mut Faults) {
        for (field, alg, enc) in [
            (
                "id_token_encrypted_response_enc",
                self.id_token_encrypted_response_alg,
                self.id_token_encrypted_response_enc,
            ),
            (
                "userinfo_encrypted_response_enc",
                self.userinfo_encrypted_response_alg,
                self.userinfo_encrypted_response_enc,
            ),
            (
                "introspection_encrypted_response_enc",
                self.introspection_encrypted_response_alg,
                self.introspection_encrypted_response_enc,
            ),
            (
                "authorization_encrypted_response_enc",
                self.authorization_encrypted_response_alg,
                self.authorization_encrypted_response_enc,
            ),
        ] {
            let Some(encryption) = encryption(alg, enc) else {
                if enc.is_some() {
                    faults.add(field, "needs the `.._encrypted_response_alg` beside it");
                }
                continue;
            };
            // A faulty set was named already; a published one is read when it is needed.
            if faults.has("jwks") || faults.has("jwks_uri") || keys.jwks_uri.is_some() {
                continue;
            }
            match &keys.jwks {
                Some(jwks) => {
                    faults.keep("jwks", fits(jwks.keys(), encryption));
                }
                None => faults.add(
                    "jwks",
                    "encrypted answers need the client's public key; give jwks or jwks_uri",
                ),
            }
        }
    }
}

/// A closed set of words: the list, and how each is written.
type Known<T> = (&'static [T], fn(T) -> &'static str);

/// One of the known words; an empty text is none.
fn word<T: Copy + 'static>(
    faults: &mut Faults,
    field: &'static str,
    text: Option<&str>,
    (known, name): Known<T>,
) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let found = known.iter().copied().find(|one| name(*one) == text);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|one| name(*one)).collect();
        let names = names.join(", ");
        faults.add(
            field,
            format!("`{text}` is not supported; use one of {names}"),
        );
    }
    found
}

fn encryption(alg: Option<KeyManagement>, enc: Option<ContentEncryption>) -> Option<Encryption> {
    let enc = enc.unwrap_or(ContentEncryption::DEFAULT);
    alg.map(|alg| Encryption { alg, enc })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
    use serde_json::json;

    use super::*;
    use crate::base::encoding::base64url;

    #[expect(clippy::unnecessary_wraps, reason = "what the field takes")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// A set with one key of P-256 for encryption.
    #[expect(clippy::unnecessary_wraps, reason = "what the field takes")]
    fn jwks() -> Option<serde_json::Value> {
        let public = PrivateKey::generate(&ECDH_P256)
            .unwrap()
            .compute_public_key()
            .unwrap();
        let (x, y) = public.as_ref()[1..].split_at(32);
        let key = json!({"kty": "EC", "crv": "P-256", "use": "enc", "x": base64url(x), "y": base64url(y)});
        Some(json!({ "keys": [key] }))
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut NewClient), expect: &[&str]) -> TokenFormats {
        let mut new = NewClient {
            client_id: text("web"),
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            ..NewClient::default()
        };
        change(&mut new);
        let checked = new.check();
        let fields: Vec<&str> = match &checked {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.field).collect(),
        };
        assert_eq!(fields, expect);
        checked
            .map(|checked| checked.settings.metadata.tokens)
            .unwrap_or_default()
    }

    #[test]
    fn without_a_word_id_tokens_are_rs256_and_userinfo_is_plain() {
        let formats = check(|_| {}, &[]);
        let rs256 = Protection {
            signing: SigningAlgorithm::Rs256,
            encryption: None,
        };
        assert_eq!(formats.id_token(), rs256);
        assert_eq!(formats.introspection(), rs256);
        assert_eq!(formats.authorization(), rs256);
        assert_eq!(formats.userinfo(), UserInfoFormat::Plain);
        assert_eq!(serde_json::to_string(&formats).unwrap(), "{}");
    }

    #[test]
    fn unknown_words_and_none_are_refused() {
        for wrong in ["none", "HS256", "RS512", "es256"] {
            check(
                |new| {
                    new.id_token_signed_response_alg = text(wrong);
                    new.userinfo_signed_response_alg = text(wrong);
                    new.introspection_signed_response_alg = text(wrong);
                },
                &[
                    "id_token_signed_response_alg",
                    "userinfo_signed_response_alg",
                    "introspection_signed_response_alg",
                ],
            );
        }
        for wrong in ["RSA1_5", "dir", "A128KW"] {
            check(
                |new| new.id_token_encrypted_response_alg = text(wrong),
                &["id_token_encrypted_response_alg"],
            );
        }
    }

    #[test]
    fn encryption_needs_a_key_that_fits() {
        let field = "jwks";
        check(
            |new| new.id_token_encrypted_response_alg = text("ECDH-ES"),
            &[field],
        );
        check(
            |new| {
                new.jwks = jwks();
                new.userinfo_encrypted_response_alg = text("RSA-OAEP-256");
            },
            &[field],
        );
        check(
            |new| {
                new.jwks = Some(json!({ "keys": [] }));
                new.userinfo_encrypted_response_alg = text("RSA-OAEP-256");
            },
            &[field],
        );
        check(
            |new| {
                new.jwks_uri = text("https://app.example/jwks");
                new.userinfo_encrypted_response_alg = text("RSA-OAEP-256");
            },
            &[],
        );
        check(
            |new| new.introspection_encrypted_response_enc = text("A256GCM"),
            &["introspection_encrypted_response_enc"],
        );
    }

    #[test]
    fn what_was_chosen_is_kept() {
        let formats = check(
            |new| {
                new.jwks = jwks();
                new.id_token_signed_response_alg = text("ES256");
                new.id_token_encrypted_response_alg = text("ECDH-ES+A256KW");
                new.userinfo_encrypted_response_alg = text("ECDH-ES");
                new.userinfo_encrypted_response_enc = text("A256GCM");
                new.introspection_signed_response_alg = text("EdDSA");
            },
            &[],
        );
        assert_eq!(
            formats.id_token(),
            Protection {
                signing: SigningAlgorithm::Es256,
                encryption: Some(Encryption {
                    alg: KeyManagement::EcdhEsA256Kw,
                    enc: ContentEncryption::A128CbcHs256,
                }),
            }
        );
        assert_eq!(
            formats.userinfo(),
            UserInfoFormat::Encrypted(Encryption {
                alg: KeyManagement::EcdhEs,
                enc: ContentEncryption::A256Gcm,
            })
        );
        assert_eq!(
            formats.signing_algorithms(),
            [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa]
        );
        let kept = serde_json::to_string(&formats).unwrap();
        assert_eq!(
            serde_json::from_str::<TokenFormats>(&kept).unwrap(),
            formats
        );
    }
}
