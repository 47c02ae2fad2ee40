//! What a refresh costs besides its signatures: reading the token, the decision, making the next head.
//!
//! `cargo bench --bench refresh`

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark fails by panicking"
)]

use aws_lc_rs::hmac;
use divan::black_box;
use tessera::base::id::GrantId;
use tessera::base::time::{Seconds, Timestamp};
use tessera::oauth::protocol::refresh::{Family, Presented, Previous, Windows, decide};
use tessera::oauth::protocol::refresh_token::RefreshToken;
use tessera::store::seal::{open_with, seal_with};

fn main() {
    divan::main();
}

const NOW: Timestamp = Timestamp::from_ms(1_735_689_600_000);

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
}

fn token(generation: i64) -> RefreshToken {
    RefreshToken::generate(&GrantId::new(NOW), generation).unwrap()
}

/// The decision alone.
#[divan::bench]
fn decide_on_the_previous_token(bencher: divan::Bencher<'_, '_>) {
    let (head, previous) = (token(5), token(4));
    let family = Family {
        head_generation: 5,
        head_hash: head.hash(),
        head_issued_at: NOW,
        head_presented: false,
        previous: Some(Previous {
            generation: 4,
            hash: previous.hash(),
            first_used_at: NOW,
        }),
        recoveries: 0,
    };
    let presented = Presented {
        generation: 4,
        hash: previous.hash(),
    };
    let windows = Windows {
        grace: Seconds::new(10),
        recovery: Seconds::new(600),
        max_recoveries: 6,
        rotates: true,
    };
    let now = NOW.plus(Seconds::new(60));
    bencher.bench(|| decide(black_box(&family), black_box(&presented), windows, now));
}

/// A presented text to a genuine token: what garbage costs before the database is asked.
#[divan::bench]
fn parse_a_token(bencher: divan::Bencher<'_, '_>) {
    let key = key();
    let text = token(1).text(&key).unwrap();
    bencher.bench(|| RefreshToken::parse(black_box(text.expose()), &key).unwrap());
}

/// The next head, sealed for who presented the one before.
#[divan::bench]
fn make_and_seal_a_head(bencher: divan::Bencher<'_, '_>) {
    let (key, presented) = (key(), token(1));
    bencher.bench(|| {
        let text = token(2).text(&key).unwrap();
        let sealing = presented.successor_key().unwrap();
        seal_with(sealing.expose(), b"family", text.expose().as_bytes()).unwrap()
    });
}

/// The sealed head, opened again.
#[divan::bench]
fn open_a_sealed_head(bencher: divan::Bencher<'_, '_>) {
    let presented = token(1);
    let sealing = presented.successor_key().unwrap();
    let text = token(2).text(&key()).unwrap();
    let sealed = seal_with(sealing.expose(), b"family", text.expose().as_bytes()).unwrap();
    bencher.bench(|| {
        let opening = presented.successor_key().unwrap();
        open_with(opening.expose(), b"family", black_box(&sealed)).unwrap()
    });
}
