//! What ends a token, alone and together with everything else that does.

use tessera::store::q;

use crate::harness::database::engines;
use crate::oauth::Party;
use crate::oauth::party::setup;

/// Each end, and how it is taken back.
const ENDS: &[(&str, &str)] = &[
    (
        "UPDATE users SET state = 'locked'",
        "UPDATE users SET state = 'active'",
    ),
    (
        "UPDATE users SET tokens_valid_from = 1735689600001",
        "UPDATE users SET tokens_valid_from = 0",
    ),
    (
        "UPDATE clients SET state = 'disabled' WHERE client_id = 'web'",
        "UPDATE clients SET state = 'active' WHERE client_id = 'web'",
    ),
    (
        "UPDATE sessions SET expires_at = 0",
        "UPDATE sessions SET expires_at = 1735700000000",
    ),
    (
        "UPDATE grants SET revoked_at = 1, revoked_reason = 'test'",
        "UPDATE grants SET revoked_at = NULL, revoked_reason = NULL",
    ),
];

/// Row 19: whatever ends a token ends it, in every combination.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_stands_only_where_nothing_of_all_that_ends_it_holds() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let service = Party::register(&t, "service", |_| {}).await;
        let tokens = party.tokens(&mut browser, &[("scope", "openid api")]).await;
        for subset in 0_u32..1 << ENDS.len() {
            let mut tx = t.app.db.write().await.unwrap();
            for (at, (end, undo)) in ENDS.iter().enumerate() {
                let sql = if subset >> at & 1 == 1 { end } else { undo };
                tx.exec(q(sql)).await.unwrap();
            }
            tx.commit().await.unwrap();
            let active = service.is_active(&tokens.access).await;
            assert_eq!(active, subset == 0, "{engine:?} {subset:05b}");
        }
    }
}
