//! Random models, tuples and questions: the same ones on every machine.

use super::meaning::{CONDITIONS, definition, random_condition, random_request};
use super::*;
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
                Relation {
                    rewrite: Rewrite::This,
                    restrictions: TYPES.iter().map(|name| object_of(name)).collect(),
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
        conditions: BTreeMap::new(),
    };
    // Conditions change nothing of what is validated here, and compiling them takes long.
    validate(&model).ok()?;
    let names = [random.of(&CONDITIONS), random.of(&CONDITIONS)];
    let mut model = model;
    for definition in &mut model.types {
        for relation in definition.relations.values_mut() {
            vary(random, &mut relation.restrictions, &names);
        }
    }
    model.conditions = names
        .iter()
        .map(|name| ((*name).to_owned(), definition(name)))
        .collect();
    Some(model)
}

pub(super) fn object_of(name: &str) -> Restriction {
    Restriction {
        type_name: name.to_owned(),
        form: SubjectForm::Object,
        condition: None,
    }
}

/// Puts some restrictions under a condition, beside or instead of what they were.
fn vary(random: &mut Random, restrictions: &mut Vec<Restriction>, names: &[&str]) {
    for at in 0..restrictions.len() {
        let conditional = Restriction {
            condition: Some(random.of(names).to_owned()),
            ..restrictions[at].clone()
        };
        match random.below(6) {
            0 => restrictions[at] = conditional,
            1 => restrictions.push(conditional),
            _ => {}
        }
    }
}

pub(super) fn random_relation(random: &mut Random) -> Relation {
    let mut rewrite = random_rewrite(random, 2);
    // The text form has one `[..]` in a relation, JSON as many as one likes.
    while written_parts(&rewrite) > 1 && random.below(8) > 0 {
        rewrite = random_rewrite(random, 2);
    }
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
    Relation {
        rewrite,
        restrictions,
        origin: Origin::default(),
    }
}

/// How often a relation's own tuples are asked for in a rewrite.
pub(super) fn written_parts(rewrite: &Rewrite) -> usize {
    let parts = rewrite.walk();
    parts.iter().filter(|part| ***part == Rewrite::This).count()
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

/// A case without a question.
pub(super) fn random_case(random: &mut Random, most: usize) -> Option<Case> {
    let model = (0..50).find_map(|_| random_model(random))?;
    let count = 6 + random.below(most);
    let mut tuples = random_tuples(random, &model, count);
    if random.below(6) == 0 {
        widen(random, &model, &mut tuples);
    }
    let mut case = Case {
        model,
        stored: Vec::new(),
        contextual: Vec::new(),
        context: random_request(random),
        ask: random_objects(random),
    };
    // Out of four: how many tuples are contextual.
    let share = random.below(4) * random.below(2) + random.below(5) / 4;
    for tuple in tuples {
        let relationship = limited(random, &case.model, &tuple);
        if random.below(4) < share && case::admitted(&case.model, &relationship) {
            case.contextual.push(relationship);
            if random.below(4) == 0 {
                // The one that is stored as well does not count.
                case.stored.push(limited(random, &case.model, &tuple));
            }
        } else {
            case.stored.push(relationship);
        }
    }
    Some(case)
}

pub(super) fn random_objects(random: &mut Random) -> Ask {
    Ask::Objects {
        type_name: random.of(&TYPES).to_owned(),
        relation: random.of(&RELATIONS).to_owned(),
        subject: random_subject(random),
    }
}

pub(super) fn random_users(random: &mut Random) -> Ask {
    let object = Object::parse(&random_object(random)).unwrap();
    let relation = random.of(&RELATIONS).to_owned();
    let type_name = random.of(&["user", "user", "group", "doc"]).to_owned();
    let userset =
        (type_name != "user" && random.below(2) == 0).then(|| random.of(&RELATIONS).to_owned());
    Ask::Users {
        object,
        relation,
        type_name,
        userset,
    }
}

/// Puts many usersets on one relation of one object, with a few members each.
fn widen(random: &mut Random, model: &Model, tuples: &mut Vec<Tuple>) {
    let object = Object::parse(&random_object(random)).unwrap();
    let relation = random.of(&RELATIONS[..3]).to_owned();
    let restrictions = &model
        .find_relation(object.type_name(), &relation)
        .unwrap()
        .restrictions;
    for restriction in restrictions {
        let SubjectForm::Userset(userset) = &restriction.form else {
            continue;
        };
        for id in 0..8 {
            let group = Object::parse(&format!("{}:{id}", restriction.type_name)).unwrap();
            let subject = Subject::Userset(group.clone(), userset.clone());
            if group != object || *userset != relation {
                tuples.push(Tuple {
                    object: object.clone(),
                    relation: relation.clone(),
                    subject,
                });
            }
            if random.below(6) == 0 {
                tuples.push(Tuple {
                    object: group,
                    relation: userset.clone(),
                    subject: Subject::parse(&format!("user:{}", random.below(3))).unwrap(),
                });
            }
        }
    }
    tuples.sort();
    tuples.dedup();
}

/// The tuple with an end or a condition, or without; mostly as the model wants it.
fn limited(random: &mut Random, model: &Model, tuple: &Tuple) -> Relationship {
    let expires_at = match random.below(8) {
        0 => Some(Timestamp::from_ms(NOW_MS)),
        1 => Some(Timestamp::from_ms(NOW_MS + 1)),
        _ => None,
    };
    let with = |condition: Option<TupleCondition>| Relationship {
        tuple: tuple.clone(),
        limits: Limits {
            condition,
            expires_at,
        },
    };
    let names: Vec<&String> = model.conditions.keys().collect();
    let name = names[random.below(names.len())];
    let conditional = with(Some(random_condition(random, name)));
    let plain = with(None);
    // One in 16 is what the model does not want.
    let is_conditional = match (
        admit(model, &plain).is_ok(),
        admit(model, &conditional).is_ok(),
    ) {
        (true, true) => random.below(2) == 0,
        (is_plain, _) => is_plain == (random.below(16) == 0),
    };
    if is_conditional { conditional } else { plain }
}
