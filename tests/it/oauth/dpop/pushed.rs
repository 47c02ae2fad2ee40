//! A proof beside a pushed request binds the code to its key (RFC 9449 section 10.1).

use http::StatusCode;

use super::super::par::{fields, open, request_uri};
use super::super::party::{answered, setup};
use super::{Key, redeem};
use crate::harness::database::engines;

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_beside_a_pushed_request_binds_the_code_to_its_key() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let (key, thief) = (Key::new(), Key::new());
        for (holder, expect) in [(&thief, None), (&key, Some("DPoP"))] {
            let proof = key.proof_with(&t, "POST /par", &[]);
            let form = fields(&party, &[]);
            let pushed = party.post_with("/par", &borrowed(&form), &[&proof]).await;
            let page = open(&mut browser, "web", &request_uri(&pushed)).await;
            let code = answered(&page)["code"].clone();
            let answer = redeem(&party, &code, &[&holder.proof(&t)]).await;
            match expect {
                None => assert_eq!(answer.error(), "invalid_grant", "{engine:?}"),
                Some(token_type) => assert_eq!(answer.json["token_type"], token_type),
            }
        }
        // The proof must be made for this endpoint, and for the key that the request names.
        let named = [("dpop_jkt", thief.jkt())];
        let named: Vec<(&str, &str)> = named.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for (changes, proof, error) in [
            (
                &[][..],
                key.proof_with(&t, "POST /token", &[]),
                "invalid_dpop_proof",
            ),
            (
                &named[..],
                key.proof_with(&t, "POST /par", &[]),
                "invalid_request",
            ),
        ] {
            let form = fields(&party, changes);
            let answer = party.post_with("/par", &borrowed(&form), &[&proof]).await;
            assert_eq!(
                (answer.status, answer.error()),
                (StatusCode::BAD_REQUEST, error)
            );
        }
    }
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
