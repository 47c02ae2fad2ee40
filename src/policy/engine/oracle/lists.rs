//! The random comparison of the lists with the oracle: each entry, whole, in order, at every page size.
//!
//! What a list must hold is found by asking the oracle about every object or subject there is. For users without a
//! relation there is one more condition, straight from what OpenFGA answers: a tuple somewhere below names them.

use super::*;
use crate::policy::engine::list::{
    Listed, ObjectsQuestion, UsersFilter, UsersQuestion, Window, list_objects, list_users,
};

struct Case {
    model: Arc<Model>,
    program: Program,
    /// Without the contextual tuples.
    graph: Graph,
    contextual: Vec<Relationship>,
    context: Context,
    /// All of them.
    tuples: Vec<Tuple>,
}

fn case(random: &mut Random) -> Option<Case> {
    let model = Arc::new((0..50).find_map(|_| random_model(random))?);
    let count = 12 + random.below(40);
    let tuples = random_tuples(random, &model, count);
    let mut graph = Graph::default();
    let program = Program::compile(&model, graph.symbols()).unwrap();
    let contextual: Vec<Relationship> = tuples
        .iter()
        .skip(count * random.below(4) / 3)
        .cloned()
        .map(Relationship::from)
        .filter(|relationship| admit(&model, relationship).is_ok())
        .collect();
    let tuples = store(&mut graph, (random, &model), tuples, &contextual);
    Some(Case {
        model,
        program,
        graph,
        contextual,
        context: Context::new(),
        tuples,
    })
}

impl Case {
    fn oracle<'a>(&'a self, subject: &'a Subject) -> Oracle<'a> {
        Oracle {
            model: &self.model,
            tuples: &self.tuples,
            subject,
            work: 0,
        }
    }

    fn holds(&self, object: &Object, relation: &str, subject: &Subject) -> Result<bool, ()> {
        let value = self
            .oracle(subject)
            .holds(object, relation, &mut Vec::new())?;
        Ok(value == Some(true))
    }

    /// The subjects that tuples name anywhere below a relation, as far as subjects of the asked form can be there.
    fn named_below(&self, like: &Subject, object: &Object, relation: &str) -> HashSet<Subject> {
        let oracle = self.oracle(like);
        let mut seen: HashSet<(Object, String)> = HashSet::new();
        let mut named = HashSet::new();
        let mut open = vec![(object.clone(), relation.to_owned())];
        while let Some((object, relation)) = open.pop() {
            let Some(definition) = self.model.find_relation(object.type_name(), &relation) else {
                continue;
            };
            let is_possible = oracle.reachable(object.type_name(), &relation, &mut Vec::new());
            if !is_possible || !seen.insert((object.clone(), relation.clone())) {
                continue;
            }
            for part in definition.rewrite.walk() {
                match part {
                    Rewrite::This => {
                        for subject in oracle.written(&object, &relation) {
                            if let Subject::Userset(object, relation) = &subject {
                                open.push((object.clone(), relation.clone()));
                            }
                            named.insert(subject);
                        }
                    }
                    Rewrite::Computed(other) => open.push((object.clone(), other.clone())),
                    Rewrite::TupleToUserset { tupleset, computed } => {
                        for subject in oracle.written(&object, tupleset) {
                            if let Subject::Object(parent) = subject {
                                open.push((parent, computed.clone()));
                            }
                        }
                    }
                    Rewrite::Union(_) | Rewrite::Intersection(_) | Rewrite::Exclusion { .. } => {}
                }
            }
        }
        named
    }

    fn told(&self) -> String {
        let list: Vec<String> = self.tuples.iter().map(ToString::to_string).collect();
        format!(
            "{}\n{}\ncontextual: {:?}",
            super::super::dsl::print(&self.model),
            list.join("\n"),
            self.contextual
        )
    }
}

/// The whole list from pages of each size.
fn paged<T>(
    told: &str,
    expected: &[String],
    text: impl Fn(&T) -> String,
    cursor: impl Fn(&T) -> String,
    page: impl Fn(Window<'_>) -> Listed<T>,
) {
    for limit in 1..=expected.len() + 1 {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let listed = page(Window {
                after: after.as_deref(),
                limit,
            });
            assert!(listed.entries.len() <= limit, "{told}");
            assert!(
                !listed.has_more || listed.entries.len() == limit,
                "a page is short: {told}"
            );
            found.extend(listed.entries.iter().map(&text));
            after = listed.entries.last().map(&cursor).or(after);
            if !listed.has_more {
                break;
            }
        }
        assert_eq!(found, expected, "pages of {limit}: {told}");
    }
}

#[derive(Default, Debug)]
struct Lists {
    compared: u32,
    entries: usize,
    given_up: u32,
}

fn compare_objects(case: &Case, random: &mut Random, tally: &mut Lists) -> Result<(), ()> {
    let type_name = random.of(&TYPES);
    let relation = random.of(&RELATIONS);
    let subject = random_subject(random);
    let mut expected = Vec::new();
    for id in 0..3 {
        let object = Object::parse(&format!("{type_name}:{id}")).unwrap();
        if case.holds(&object, relation, &subject)? {
            expected.push(object.to_string());
        }
    }
    let question = ObjectsQuestion {
        type_name,
        relation,
        subject: &subject,
        circumstances: at_now(&case.context),
    };
    let told = format!("objects {question:?}\n{}", case.told());
    paged(
        &told,
        &expected,
        Object::to_string,
        |object| object.id().to_owned(),
        |window| {
            list_objects(
                &case.program,
                &case.graph,
                &case.contextual,
                question,
                window,
            )
            .unwrap()
        },
    );
    tally.compared += 1;
    tally.entries += expected.len();
    Ok(())
}

fn compare_users(case: &Case, random: &mut Random, tally: &mut Lists) -> Result<(), ()> {
    let object = Object::parse(&random_object(random)).unwrap();
    let relation = random.of(&RELATIONS);
    let type_name = random.of(&["user", "user", "group", "doc"]);
    let filter = UsersFilter {
        type_name,
        relation: (type_name != "user" && random.below(2) == 0).then(|| random.of(&RELATIONS)),
    };
    let mut candidates: Vec<String> = (0..3)
        .map(|id| match filter.relation {
            Some(relation) => format!("{type_name}:{id}#{relation}"),
            None => format!("{type_name}:{id}"),
        })
        .collect();
    if filter.relation.is_none() {
        candidates.push(format!("{type_name}:*"));
    }
    candidates.sort();
    let mut expected = Vec::new();
    let like = Subject::parse(&candidates[candidates.len() - 1]).unwrap();
    let named = case.named_below(&like, &object, relation);
    for text in candidates {
        let subject = Subject::parse(&text).unwrap();
        let is_named = !matches!(subject, Subject::Object(_)) || named.contains(&subject);
        if case.holds(&object, relation, &subject)? && is_named {
            expected.push(text);
        }
    }
    let question = UsersQuestion {
        object: &object,
        relation,
        filter,
        circumstances: at_now(&case.context),
    };
    let told = format!("users {question:?}\n{}", case.told());
    paged(
        &told,
        &expected,
        Subject::to_string,
        Subject::to_string,
        |window| {
            list_users(
                &case.program,
                &case.graph,
                &case.contextual,
                question,
                window,
            )
            .unwrap()
        },
    );
    tally.compared += 1;
    tally.entries += expected.len();
    Ok(())
}

#[test]
fn the_lists_agree_with_the_oracle() {
    let seeds = seeds(1_500);
    let mut objects = Lists::default();
    let mut users = Lists::default();
    for seed in 0..seeds {
        let mut random = Random(seed.wrapping_mul(0xd1b5_4a32_d192_ed03) | 1);
        let Some(case) = case(&mut random) else {
            continue;
        };
        for _ in 0..6 {
            if compare_objects(&case, &mut random, &mut objects).is_err() {
                objects.given_up += 1;
            }
            if compare_users(&case, &mut random, &mut users).is_err() {
                users.given_up += 1;
            }
        }
    }
    println!("objects {objects:?}, users {users:?}");
    for tally in [objects, users] {
        assert!(tally.compared >= 5_000, "{tally:?}");
        assert!(tally.entries > 2_000, "the cases say something: {tally:?}");
        assert!(tally.given_up < tally.compared / 20, "{tally:?}");
    }
}
