//! Engines that are wrong on purpose: each is found, and what is kept of it is small and says what is right.

use super::*;
use crate::policy::store_test::{Report, run_text};

/// An engine that is wrong on purpose.
type Wrong = fn(&Case) -> Answer;
/// What it is asked.
type Asker = fn(&mut Random) -> Ask;

/// `but not` subtracts nothing.
fn never_subtracts(case: &Case) -> Answer {
    fn base(rewrite: &Rewrite) -> Rewrite {
        match rewrite {
            Rewrite::Exclusion { base: left, .. } => base(left),
            Rewrite::Union(parts) => Rewrite::Union(parts.iter().map(base).collect()),
            Rewrite::Intersection(parts) => Rewrite::Intersection(parts.iter().map(base).collect()),
            other => other.clone(),
        }
    }
    let mut case = case.clone();
    for relation in relations(&mut case.model) {
        relation.rewrite = base(&relation.rewrite);
    }
    Engine::answer_fresh(&case)
}

/// Tuples of the request do not count.
fn forgets_contextual(case: &Case) -> Answer {
    let mut case = case.clone();
    case.contextual.clear();
    Engine::answer_fresh(&case)
}

/// What cannot be evaluated is no.
fn denies_on_failure(case: &Case) -> Answer {
    match Engine::answer_fresh(case) {
        Answer::Failed => Answer::Check(false),
        other => other,
    }
}

/// The first wrong answer, and what it shrinks to.
fn found(engine: Wrong, ask: Asker) -> (Case, Case) {
    for seed in 0..5_000 {
        let mut random = Random(seed * 77 + 1);
        let Some(mut case) = random_case(&mut random, 24) else {
            continue;
        };
        case.ask = ask(&mut random);
        if relations(&mut case.model).any(|one| written_parts(&one.rewrite) > 1) {
            continue;
        }
        if differs(&case, &engine) {
            let small = shrink(case.clone(), &engine);
            return (case, small);
        }
    }
    panic!("no case shows that the engine is wrong");
}

fn random_check(random: &mut Random) -> Ask {
    Ask::Check {
        object: Object::parse(&random_object(random)).unwrap(),
        relation: random.of(&RELATIONS).to_owned(),
        subject: random_subject(random),
    }
}

fn run(text: &str) -> Report {
    let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    run_text("case.yaml", text, std::path::Path::new(""), now).unwrap()
}

#[test]
fn a_wrong_engine_is_found_and_its_case_is_small_and_runs_as_a_store_test() {
    let wrong: [(Wrong, Asker, usize); 7] = [
        (never_subtracts, random_check, 3),
        (never_subtracts, random_objects, 3),
        (never_subtracts, random_users, 3),
        (forgets_contextual, random_check, 2),
        (forgets_contextual, random_objects, 2),
        (forgets_contextual, random_users, 2),
        (denies_on_failure, random_check, 2),
    ];
    for (engine, ask, most) in wrong {
        let (_, small) = found(engine, ask);
        let text = small.yaml("a wrong engine");
        assert!(differs(&small, &engine), "{text}");
        assert!(
            small.stored.len() + small.contextual.len() <= most,
            "{text}"
        );
        assert!(text.len() < 1_000, "{text}");
        let report = run(&text);
        assert_eq!(
            (report.tests, report.wrong.as_slice()),
            (1, &[][..]),
            "{text}"
        );
    }
}

#[test]
fn a_kept_case_fails_where_the_answer_is_wrong() {
    let (_, small) = found(never_subtracts, random_check);
    let text = small.yaml("a wrong engine");
    let wrong = if text.contains(": false\n") {
        text.replace(": false\n", ": true\n")
    } else {
        text.replace(": true\n", ": false\n")
    };
    assert_ne!(text, wrong);
    assert_eq!(run(&wrong).wrong.len(), 1, "{wrong}");
}

#[test]
fn what_differs_only_where_names_are_unknown_is_no_difference() {
    let (case, _) = found(never_subtracts, random_check);
    let mut nonsense = case;
    nonsense.model.types.retain(|one| one.name != "user");
    assert!(!differs(&nonsense, &never_subtracts));
}
