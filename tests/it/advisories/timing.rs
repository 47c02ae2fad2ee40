//! Row 39: how long a failed sign-in takes tells nobody who has an account.
//!
//! Known and unknown names take turns, and what is judged is the median of the differences of neighbours: a busy machine slows both of a
//! pair, and its bursts are outliers that a median does not see. How far chance moves that median follows from the order of the
//! differences (the sign test), so the bound holds on a quiet machine and on a busy one. A short slice runs every time; the whole row is
//!
//! ```text
//! cargo test --release --test it -- --ignored --nocapture two_thousand_failures
//! ```

use std::time::Instant;

use crate::harness::browser::{Browser, Page};
use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::web::alice;

/// A difference that is no finding, in seconds: what the row demands.
const NOTHING: f64 = 0.001;
/// How many standard deviations chance is given: one false alarm in 16,000 runs.
const DEVIATIONS: usize = 4;

/// What the times of interleaved pairs say.
#[derive(Debug)]
struct Verdict {
    /// Median time of the first of each pair, in seconds.
    typical: f64,
    /// Where the median of the differences (second less first) lies, in seconds.
    between: (f64, f64),
}

impl Verdict {
    fn of(pairs: &[(f64, f64)]) -> Self {
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let firsts = sorted(pairs.iter().map(|(first, _)| *first).collect());
        let differences = sorted(pairs.iter().map(|(first, second)| second - first).collect());
        let n = differences.len();
        // The rank of a median spreads like half of the root of their number.
        let spread = DEVIATIONS * (n.isqrt() + 1) / 2;
        let (low, high) = ((n / 2).saturating_sub(spread), n / 2 + spread);
        Self {
            typical: firsts[n / 2],
            between: (differences[low], differences[high.min(n - 1)]),
        }
    }

    /// Whether no difference worth the name is there, and one of half of the work would have been seen.
    fn tells_nothing(&self) -> bool {
        let (low, high) = self.between;
        let is_seen = low > -self.typical / 2.0 && high < self.typical / 2.0;
        low < NOTHING && high > -NOTHING && is_seen
    }
}

async fn seconds(browser: &mut Browser, page: &Page, name: &str) -> f64 {
    let fields = [("identifier", name), ("password", "wrong wrong wrong")];
    let begun = Instant::now();
    let answer = browser.submit(page, &fields).await;
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(answer.status, http::StatusCode::UNPROCESSABLE_ENTITY);
    took
}

async fn compare(pairs: usize) -> Verdict {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        let limits = &mut config.sign_in;
        for limit in [
            &mut limits.account_failures,
            &mut limits.network_failures,
            &mut limits.server_failures,
        ] {
            *limit = 1_000_000;
        }
    })
    .await;
    alice(&t).await;
    let mut browser = Browser::new(&t);
    let page = browser.get("/login").await;
    let mut times = Vec::new();
    for n in 0..pairs {
        // Who comes first takes turns, too.
        let order = if n % 2 == 0 {
            ["alice", "nobody"]
        } else {
            ["nobody", "alice"]
        };
        let first = seconds(&mut browser, &page, order[0]).await;
        let second = seconds(&mut browser, &page, order[1]).await;
        times.push(if n % 2 == 0 {
            (first, second)
        } else {
            (second, first)
        });
    }
    let verdict = Verdict::of(&times);
    println!("{} failed sign-ins: {verdict:?}", 2 * pairs);
    verdict
}

/// Row 39, a slice of it: 300 requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sign_in_takes_as_long_for_a_name_that_nobody_has() {
    let verdict = compare(150).await;
    assert!(verdict.tells_nothing(), "{verdict:?}");
}

/// Row 39: 2,000 requests.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; see the head of this file"]
async fn two_thousand_failures_tell_nobody_who_has_an_account() {
    let verdict = compare(1_000).await;
    assert!(verdict.tells_nothing(), "{verdict:?}");
}

/// The statistics find what they are for, with noise that is twenty times as large and comes in bursts.
#[test]
fn a_leak_is_found_in_noise_and_noise_alone_is_none() {
    let mut state = 1_u64;
    let mut chance = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1_u32 << 24)
    };
    let mut took = |work: f64| {
        let burst = if chance() < 0.1 { 0.2 * chance() } else { 0.0 };
        work + 0.02 * chance() + burst
    };
    let mut pairs = |n: usize, known: f64, unknown: f64| -> Verdict {
        let times: Vec<(f64, f64)> = (0..n).map(|_| (took(known), took(unknown))).collect();
        Verdict::of(&times)
    };
    for (n, unknown, expect) in [
        (1_000, 0.050, true),
        (150, 0.050, true),
        (1_000, 0.0505, true),
        (1_000, 0.046, false),
        (1_000, 0.054, false),
        (150, 0.040, false),
        (150, 0.060, false),
        (150, 0.001, false),
    ] {
        let verdict = pairs(n, 0.050, unknown);
        assert_eq!(verdict.tells_nothing(), expect, "{unknown}: {verdict:?}");
    }
}
