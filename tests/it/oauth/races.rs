//! Races, in a loop: whatever arrives at once, one lineage comes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tessera::base::time::Seconds;
use tessera::store::q;

use super::exchange::{Bench, FILES, exchange};
use super::party::{Answer, Party, claims, setup};
use crate::harness::database::engines;

const PARALLEL: usize = 64;
const ROUNDS: usize = 5;

async fn at_once<F>(party: &Arc<Party>, request: impl Fn(Arc<Party>) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..PARALLEL {
        tasks.spawn(request(Arc::clone(party)));
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_parallel_redemptions_of_a_code_gets_tokens() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let party = Arc::new(party);
        for round in 0..ROUNDS {
            let code = party.code(&mut browser, &[]).await;
            let answers = at_once(&party, |party| {
                let code = code.clone();
                async move { party.redeem(&code).await }
            })
            .await;
            let won: Vec<_> = answers.iter().filter(|a| a.error() == "ok").collect();
            assert_eq!(won.len(), 1, "{engine:?} round {round}");
            assert!(
                answers
                    .iter()
                    .all(|a| matches!(a.error(), "ok" | "invalid_grant"))
            );
            // The other uses were second uses.
            assert!(!party.is_active(&won[0].tokens().access).await);
        }
        let mut conn = t.app.db.read().await.unwrap();
        let families: i64 = conn
            .one(q("SELECT COUNT(*) FROM refresh_families"))
            .await
            .unwrap();
        assert_eq!(families, i64::try_from(ROUNDS).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_parallel_refreshes_of_one_token_get_one_successor() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let party = Arc::new(party);
        let mut refresh = party.tokens(&mut browser, &[]).await.refresh().to_owned();
        let mut generations = 1;
        for round in 0..ROUNDS {
            t.clock.advance(Seconds::new(20));
            let answers = at_once(&party, |party| {
                let refresh = refresh.clone();
                async move { party.refresh(&refresh).await }
            })
            .await;
            let heads: BTreeSet<String> = answers
                .iter()
                .map(|answer| answer.tokens().refresh().to_owned())
                .collect();
            assert_eq!(heads.len(), 1, "{engine:?} round {round}: one successor");
            refresh = heads.into_iter().next().unwrap();
            generations += 1;
            let mut conn = t.app.db.read().await.unwrap();
            let head: i64 = conn
                .one(q("SELECT head_generation FROM refresh_families"))
                .await
                .unwrap();
            assert_eq!(head, generations, "{engine:?} round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_parallel_recoveries_make_one_head() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let party = Arc::new(party);
        let first = party.tokens(&mut browser, &[]).await.refresh().to_owned();
        t.clock.advance(Seconds::new(20));
        party.refresh(&first).await.tokens();
        for round in 0..ROUNDS {
            t.clock.advance(Seconds::new(20));
            let answers = at_once(&party, |party| {
                let refresh = first.clone();
                async move { party.refresh(&refresh).await }
            })
            .await;
            let heads: BTreeSet<String> = answers
                .iter()
                .map(|answer| answer.tokens().refresh().to_owned())
                .collect();
            assert_eq!(heads.len(), 1, "{engine:?} round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_of_one_token_each_get_their_own() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let token = bench.token().await;
        let api = Arc::new(bench.api.at(&bench.t.url));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (api, token) = (api.clone(), token.clone());
            tasks.spawn(async move { exchange(&api, &token, &[("resource", FILES)]).await });
        }
        let ids: BTreeSet<String> = tasks
            .join_all()
            .await
            .iter()
            .map(|answer| claims(&answer.tokens().access)["jti"].to_string())
            .collect();
        assert_eq!(ids.len(), 16, "{engine:?}");
    }
}
