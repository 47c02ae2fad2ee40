//! The random comparison of the lists with the oracle: each entry, whole, in order, at every page size, with contextual
//! tuples, and each error in its page.
//!
//! What a list must hold is found by asking the oracle about every object or subject there is. When there is no list:
//! - of objects, when an object cannot be decided that the subject leads to along tuples that count or may count (by the
//!   first operand of an `and`, by the base of a `but not`), and the page reaches it;
//! - of users, when a tuple below the relation, on any side of any operator, cannot be decided.
//!
//! For users without a relation there is one more condition, straight from what OpenFGA answers: a tuple somewhere below
//! names them.

use super::*;
use crate::policy::engine::check::CheckError;
use crate::policy::engine::list::{Listed, Window};

/// How many entries a page may have; the last holds every list there is here.
const SIZES: [usize; 6] = [1, 2, 3, 4, 5, 100];

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Its entries, and whether there are more.
    Part(Vec<String>, bool),
    Failed,
}

/// The whole list, if there is one.
pub(super) fn whole(answer: &Answer) -> Option<Vec<String>> {
    match answer {
        Answer::List(sizes) => match &sizes[SIZES.len() - 1][..] {
            [Page::Part(entries, false)] => Some(entries.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The engine's pages of each size; `names` gives an entry's text, and where the page after it begins.
pub(super) fn pages<T>(
    list: impl Fn(Window<'_>) -> Result<Listed<T>, CheckError>,
    names: impl Fn(&T) -> (String, String),
) -> Result<Vec<Vec<Page>>, CheckError> {
    let mut sizes = Vec::new();
    for limit in SIZES {
        let mut pages = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let listed = match list(Window {
                after: after.as_deref(),
                limit,
            }) {
                Ok(listed) => listed,
                Err(CheckError::Condition(_)) => {
                    pages.push(Page::Failed);
                    break;
                }
                Err(error) => return Err(error),
            };
            let (texts, cursors): (Vec<_>, Vec<_>) = listed.entries.iter().map(&names).unzip();
            pages.push(Page::Part(texts, listed.has_more));
            after = cursors.into_iter().last();
            if !listed.has_more || after.is_none() {
                break;
            }
        }
        sizes.push(pages);
    }
    Ok(sizes)
}

/// The oracle's pages of each size, from all that could be entries, in order.
fn expected_pages(entries: &[(String, Truth)]) -> Vec<Vec<Page>> {
    SIZES
        .iter()
        .map(|limit| {
            let mut pages = vec![];
            let mut page: Vec<String> = vec![];
            for (text, truth) in entries {
                match truth {
                    Truth::Failed => {
                        pages.push(Page::Failed);
                        return pages;
                    }
                    Truth::Yes => {
                        if page.len() == *limit {
                            pages.push(Page::Part(std::mem::take(&mut page), true));
                        }
                        page.push(text.clone());
                    }
                    Truth::No | Truth::Cycle => {}
                }
            }
            pages.push(Page::Part(page, false));
            pages
        })
        .collect()
}

pub(super) fn expected(case: &Case) -> Result<Answer, ()> {
    let tuples = case.tuples();
    let entries = match &case.ask {
        Ask::Check { .. } => return Err(()),
        Ask::Objects {
            type_name,
            relation,
            subject,
        } => objects(case, &tuples, (type_name, relation), subject)?,
        Ask::Users { .. } => match users(case, &tuples)? {
            Some(entries) => entries,
            None => return Ok(Answer::List(vec![vec![Page::Failed]; SIZES.len()])),
        },
    };
    Ok(Answer::List(expected_pages(&entries)))
}

/// The ids of a type that there are, sorted by their text.
fn ids(tuples: &[Relationship], type_name: &str) -> Vec<String> {
    let mut ids: Vec<String> = (0..3).map(|id| id.to_string()).collect();
    for relationship in tuples {
        let Tuple {
            object, subject, ..
        } = &relationship.tuple;
        let named = match subject {
            Subject::Object(object) | Subject::Userset(object, _) => Some(object),
            Subject::Wildcard(_) => None,
        };
        for object in [Some(object), named].into_iter().flatten() {
            if object.type_name() == type_name {
                ids.push(object.id().to_owned());
            }
        }
    }
    ids.sort();
    ids.dedup();
    ids
}

fn objects(
    case: &Case,
    tuples: &[Relationship],
    (type_name, relation): (&str, &str),
    subject: &Subject,
) -> Result<Vec<(String, Truth)>, ()> {
    let mut entries = Vec::new();
    for id in ids(tuples, type_name) {
        let object = Object::parse(&format!("{type_name}:{id}")).unwrap();
        let truth = case.holds(tuples, (&object, relation), subject)?;
        let is_met = case
            .oracle(tuples, subject)
            .is_met(&object, relation, &mut HashSet::new());
        assert!(is_met || truth != Truth::Yes, "{object}: {case:?}");
        if is_met {
            entries.push((object.to_string(), truth));
        }
    }
    Ok(entries)
}

/// `None` when there is no list.
fn users(case: &Case, tuples: &[Relationship]) -> Result<Option<Vec<(String, Truth)>>, ()> {
    let Ask::Users {
        object,
        relation,
        type_name,
        userset,
    } = &case.ask
    else {
        return Err(());
    };
    let mut candidates: Vec<String> = ids(tuples, type_name)
        .iter()
        .map(|id| match userset {
            Some(relation) => format!("{type_name}:{id}#{relation}"),
            None => format!("{type_name}:{id}"),
        })
        .collect();
    let like = Subject::parse(&candidates[0]).unwrap();
    if userset.is_none() {
        candidates.push(format!("{type_name}:*"));
    }
    candidates.sort();
    let Some(named) = case.oracle(tuples, &like).named_below(object, relation) else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    for text in candidates {
        let subject = Subject::parse(&text).unwrap();
        let truth = case.holds(tuples, (object, relation), &subject)?;
        if !matches!(subject, Subject::Object(_)) || named.contains(&subject) {
            entries.push((text, truth));
        }
    }
    Ok(Some(entries))
}

impl Oracle<'_> {
    /// Whether tuples that count, or may, lead from the subject to the relation.
    fn is_met(
        &self,
        object: &Object,
        relation: &str,
        seen: &mut HashSet<(Object, String)>,
    ) -> bool {
        if *self.subject == Subject::Userset(object.clone(), relation.to_owned()) {
            return true;
        }
        let Some(definition) = self.model.find_relation(object.type_name(), relation) else {
            return false;
        };
        seen.insert((object.clone(), relation.to_owned()))
            && self.part_is_met(&definition.rewrite, object, relation, seen)
    }

    fn part_is_met(
        &self,
        part: &Rewrite,
        object: &Object,
        relation: &str,
        seen: &mut HashSet<(Object, String)>,
    ) -> bool {
        let may_count = |relation: &str| {
            let written = self.written(object, relation);
            written
                .into_iter()
                .filter(|(_, counts)| *counts != Truth::No)
                .map(|(subject, _)| subject)
        };
        match part {
            Rewrite::This => may_count(relation).any(|subject| match &subject {
                _ if self.names_asked(&subject) => true,
                Subject::Userset(object, relation) => self.is_met(object, relation, seen),
                Subject::Object(_) | Subject::Wildcard(_) => false,
            }),
            Rewrite::Computed(other) => self.is_met(object, other, seen),
            Rewrite::TupleToUserset { tupleset, computed } => may_count(tupleset)
                .any(|subject| matches!(subject, Subject::Object(parent) if self.is_met(&parent, computed, seen))),
            Rewrite::Union(parts) => parts
                .iter()
                .any(|part| self.part_is_met(part, object, relation, seen)),
            Rewrite::Intersection(parts) => self.part_is_met(&parts[0], object, relation, seen),
            Rewrite::Exclusion { base, .. } => self.part_is_met(base, object, relation, seen),
        }
    }

    /// The subjects that tuples name anywhere below a relation, as far as subjects like the one asked about can be there;
    /// `None` if some tuple cannot be decided.
    fn named_below(&self, object: &Object, relation: &str) -> Option<HashSet<Subject>> {
        let mut seen: HashSet<(Object, String)> = HashSet::new();
        let mut named = HashSet::new();
        let mut open = vec![(object.clone(), relation.to_owned())];
        while let Some((object, relation)) = open.pop() {
            let Some(definition) = self.model.find_relation(object.type_name(), &relation) else {
                continue;
            };
            let is_possible = self.reachable(object.type_name(), &relation, &mut Vec::new());
            if !is_possible || !seen.insert((object.clone(), relation.clone())) {
                continue;
            }
            for part in definition.rewrite.walk() {
                match part {
                    Rewrite::This => {
                        for (subject, counts) in self.written(&object, &relation) {
                            let userset = match &subject {
                                Subject::Userset(object, relation) => Some((object, relation)),
                                Subject::Object(_) | Subject::Wildcard(_) => None,
                            };
                            if userset.is_none() && !self.is_like_asked(&subject) {
                                continue;
                            }
                            match counts {
                                Truth::Failed => return None,
                                Truth::Yes => {}
                                Truth::No | Truth::Cycle => continue,
                            }
                            open.extend(
                                userset
                                    .map(|(object, relation)| (object.clone(), relation.clone())),
                            );
                            named.insert(subject);
                        }
                    }
                    Rewrite::Computed(other) => open.push((object.clone(), other.clone())),
                    Rewrite::TupleToUserset { tupleset, computed } => {
                        for (subject, counts) in self.written(&object, tupleset) {
                            let Subject::Object(parent) = subject else {
                                continue;
                            };
                            if self
                                .model
                                .find_relation(parent.type_name(), computed)
                                .is_none()
                            {
                                continue;
                            }
                            match counts {
                                Truth::Failed => return None,
                                Truth::Yes => open.push((parent, computed.clone())),
                                Truth::No | Truth::Cycle => {}
                            }
                        }
                    }
                    Rewrite::Union(_) | Rewrite::Intersection(_) | Rewrite::Exclusion { .. } => {}
                }
            }
        }
        Some(named)
    }

    /// Whether objects or the wildcard of its type are asked about, and this is one.
    fn is_like_asked(&self, subject: &Subject) -> bool {
        matches!(self.subject, Subject::Object(_))
            && subject.type_name() == self.subject.type_name()
    }
}

#[derive(Default, Debug)]
struct Lists {
    compared: u32,
    entries: usize,
    failed: u32,
    given_up: u32,
}

impl Lists {
    fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.entries += other.entries;
        self.failed += other.failed;
        self.given_up += other.given_up;
    }

    fn compare(&mut self, case: &Case, engine: &Engine, seed: u64) {
        let Ok(expected) = expected(case) else {
            self.given_up += 1;
            return;
        };
        if engine.answer(case) != expected {
            shrink::report(case, &Engine::answer_fresh, seed);
        }
        self.compared += 1;
        match whole(&expected) {
            Some(entries) => self.entries += entries.len(),
            None => self.failed += 1,
        }
    }
}

fn compare(seed: u64, (objects, users): &mut (Lists, Lists)) {
    let mut random = Random(seed.wrapping_mul(0xd1b5_4a32_d192_ed03) | 1);
    let Some(mut case) = random_case(&mut random, 80) else {
        return;
    };
    let engine = Engine::with_history(&case, &mut random);
    for _ in 0..6 {
        case.ask = random_objects(&mut random);
        objects.compare(&case, &engine, seed);
        case.ask = random_users(&mut random);
        users.compare(&case, &engine, seed);
    }
}

#[test]
fn the_lists_agree_with_the_oracle() {
    let (mut objects, mut users) = (Lists::default(), Lists::default());
    for found in on_all_cores(seeds(1_500), compare) {
        objects.add(&found.0);
        users.add(&found.1);
    }
    println!("objects {objects:?}, users {users:?}");
    for tally in [objects, users] {
        assert!(tally.compared >= 5_000, "{tally:?}");
        assert!(tally.entries > 2_000, "the cases say something: {tally:?}");
        assert!(
            tally.failed > tally.compared / 100,
            "lists that cannot be had are among them: {tally:?}"
        );
        assert!(tally.given_up < tally.compared / 20, "{tally:?}");
    }
}
