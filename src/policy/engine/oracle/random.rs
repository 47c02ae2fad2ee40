//! Random models, tuples and questions: the same ones on every machine.

use super::*;
use crate::policy::engine::model::{Condition, ParameterType};
use crate::policy::engine::relationship::{Limits, TupleCondition};

/// A small generator of its own (xorshift64*): the same cases on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(value).unwrap() % bound
    }

    pub(super) fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

pub(super) const RELATIONS: [&str; 4] = ["a", "b", "c", "p"];
pub(super) const TYPES: [&str; 2] = ["group", "doc"];

pub(super) fn random_model(random: &mut Random) -> Option<Model> {
    let mut types = vec![TypeDefinition {
        name: "user".to_owned(),
        relations: BTreeMap::new(),
        origin: Origin::default(),
    }];
    for type_name in TYPES {
        let mut relations = BTreeMap::new();
        for name in RELATIONS {
            // `p` leads to objects, so that `from p` is possible.
            let relation = if name == "p" {
                let mut restrictions = TYPES.iter().map(|name| object_of(name)).collect();
                vary(random, &mut restrictions);
                Relation {
                    rewrite: Rewrite::This,
                    restrictions,
                    origin: Origin::default(),
                }
            } else {
                random_relation(random)
            };
            relations.insert(name.to_owned(), relation);
        }
        types.push(TypeDefinition {
            name: type_name.to_owned(),
            relations,
            origin: Origin::default(),
        });
    }
    let model = Model {
        schema: Schema::V1_1,
        types,
        conditions: [(SMALL.to_owned(), small())].into(),
    };
    validate(&model).is_ok().then_some(model)
}

pub(super) fn object_of(name: &str) -> Restriction {
    Restriction {
        type_name: name.to_owned(),
        form: SubjectForm::Object,
        condition: None,
    }
}

const SMALL: &str = "small";

fn small() -> Condition {
    Condition {
        parameters: [("x".to_owned(), ParameterType::Int)].into(),
        expression: "x < 10".to_owned(),
        origin: Origin::default(),
    }
}

/// A tuple with the condition and what it fixes of it.
pub(super) fn under_condition(mut relationship: Relationship, x: i64) -> Relationship {
    relationship.limits.condition = Some(TupleCondition {
        name: SMALL.to_owned(),
        context: Context::from_iter([("x".to_owned(), x.into())]),
    });
    relationship
}

/// Puts some restrictions under the condition, beside or instead of what they were.
fn vary(random: &mut Random, restrictions: &mut Vec<Restriction>) {
    for at in 0..restrictions.len() {
        let conditional = Restriction {
            condition: Some(SMALL.to_owned()),
            ..restrictions[at].clone()
        };
        match random.below(8) {
            0 => restrictions[at] = conditional,
            1 => restrictions.push(conditional),
            _ => {}
        }
    }
}

pub(super) fn random_relation(random: &mut Random) -> Relation {
    let rewrite = random_rewrite(random, 2);
    let mut restrictions = Vec::new();
    if rewrite.walk().contains(&&Rewrite::This) {
        restrictions.push(object_of("user"));
        if random.below(2) == 0 {
            restrictions.push(Restriction {
                type_name: "user".to_owned(),
                form: SubjectForm::Wildcard,
                condition: None,
            });
        }
        for type_name in TYPES {
            for relation in &RELATIONS[..3] {
                if random.below(3) == 0 {
                    restrictions.push(Restriction {
                        type_name: type_name.to_owned(),
                        form: SubjectForm::Userset((*relation).to_owned()),
                        condition: None,
                    });
                }
            }
        }
    }
    vary(random, &mut restrictions);
    Relation {
        rewrite,
        restrictions,
        origin: Origin::default(),
    }
}

pub(super) fn random_rewrite(random: &mut Random, depth: u32) -> Rewrite {
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0..=2 => Rewrite::This,
        3 => Rewrite::Computed(random.of(&RELATIONS[..3]).to_owned()),
        4 | 5 => Rewrite::TupleToUserset {
            tupleset: "p".to_owned(),
            computed: random.of(&RELATIONS[..3]).to_owned(),
        },
        6 | 7 => Rewrite::Union(vec![
            random_rewrite(random, depth - 1),
            random_rewrite(random, depth - 1),
        ]),
        8 => Rewrite::Intersection(vec![
            random_rewrite(random, depth - 1),
            random_rewrite(random, depth - 1),
        ]),
        _ => Rewrite::Exclusion {
            base: Box::new(random_rewrite(random, depth - 1)),
            subtract: Box::new(random_rewrite(random, depth - 1)),
        },
    }
}

pub(super) fn random_object(random: &mut Random) -> String {
    format!("{}:{}", random.of(&TYPES), random.below(3))
}

pub(super) fn random_subject(random: &mut Random) -> Subject {
    let text = match random.below(6) {
        0 => "user:*".to_owned(),
        1..=3 => format!("user:{}", random.below(3)),
        4 => random_object(random),
        _ => format!("{}#{}", random_object(random), random.of(&RELATIONS[..3])),
    };
    Subject::parse(&text).unwrap()
}

/// Tuples, one in eight without regard to what the model admits: those must change nothing.
pub(super) fn random_tuples(random: &mut Random, model: &Model, count: usize) -> Vec<Tuple> {
    let mut tuples = HashSet::new();
    for _ in 0..count {
        let object = Object::parse(&random_object(random)).unwrap();
        let relation = random.of(&RELATIONS).to_owned();
        let allowed = &model
            .find_relation(object.type_name(), &relation)
            .unwrap()
            .restrictions;
        let subject = if allowed.is_empty() || random.below(8) == 0 {
            random_subject(random)
        } else {
            let restriction = &allowed[random.below(allowed.len())];
            let id = random.below(3);
            let text = match &restriction.form {
                SubjectForm::Object => format!("{}:{id}", restriction.type_name),
                SubjectForm::Wildcard => format!("{}:*", restriction.type_name),
                SubjectForm::Userset(relation) => {
                    format!("{}:{id}#{relation}", restriction.type_name)
                }
            };
            Subject::parse(&text).unwrap()
        };
        // `o#r@o#r` is never written (`NotAdmitted::Implicit`).
        if subject != Subject::Userset(object.clone(), relation.clone()) {
            tuples.insert(Tuple {
                object,
                relation,
                subject,
            });
        }
    }
    let mut tuples: Vec<Tuple> = tuples.into_iter().collect();
    tuples.sort();
    tuples
}

pub(super) const NOW_MS: i64 = 1_000;

pub(super) fn at_now(context: &Context) -> Circumstances<'_> {
    Circumstances::at(context, Timestamp::from_ms(NOW_MS))
}

/// Puts the tuples that are not contextual into the graph, some with an end or a condition; those that count, now.
pub(super) fn store(
    graph: &mut Graph,
    (random, model): (&mut Random, &Model),
    tuples: Vec<Tuple>,
    contextual: &[Relationship],
) -> Vec<Tuple> {
    let mut counting = Vec::new();
    for tuple in tuples {
        if contextual.iter().any(|one| one.tuple == tuple) {
            counting.push(tuple);
            continue;
        }
        let expires_at = match random.below(6) {
            0 => Some(Timestamp::from_ms(NOW_MS)),
            1 => Some(Timestamp::from_ms(NOW_MS + 1)),
            _ => None,
        };
        let limits = Limits {
            expires_at,
            ..Limits::default()
        };
        let plain = Relationship { tuple, limits };
        let x = [0, 9, 10, 50][random.below(4)];
        let conditional = under_condition(plain.clone(), x);
        let is_conditional = random.below(3) > 0 && admit(model, &conditional).is_ok()
            || admit(model, &plain).is_err();
        let relationship = if is_conditional { conditional } else { plain };
        let counts = !is_conditional || x < 10;
        if counts
            && !relationship.limits.expired(Timestamp::from_ms(NOW_MS))
            && admit(model, &relationship).is_ok()
        {
            counting.push(relationship.tuple.clone());
        }
        graph.insert(&relationship).unwrap();
    }
    counting
}
