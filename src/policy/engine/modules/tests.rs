//! What merges, where its parts say they come from, and every fault.

use super::*;

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

const CORE: &str = "module core\ntype user\ntype org\n  relations\n    define member: [user with late]\n\
                    condition late(now: timestamp) { now > timestamp('2026-01-01T00:00:00Z') }\n";

/// The faults of files as texts.
#[track_caller]
fn faults(list: &[(&str, &str)]) -> Vec<String> {
    merge(Schema::V1_2, &files(list))
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn origin(module: &str, file: &str) -> Origin {
    Origin {
        module: module.to_owned(),
        file: file.to_owned(),
    }
}

#[test]
fn parts_say_where_they_come_from() {
    let wiki = "module wiki\nextend type org\n  relations\n    define writer: member\ntype page\n";
    // The extension is listed before the type.
    let model = merge(
        Schema::V1_2,
        &files(&[("a/wiki.fga", wiki), ("core.fga", CORE)]),
    )
    .unwrap();
    assert_eq!(model.schema, Schema::V1_2);
    let names: Vec<&str> = model.types.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["page", "user", "org"]);
    let org = model.find_type("org").unwrap();
    assert_eq!(org.origin, origin("core", "core.fga"));
    assert_eq!(org.relations["member"].origin, Origin::default());
    assert_eq!(org.relations["writer"].origin, origin("wiki", "a/wiki.fga"));
    assert_eq!(model.conditions["late"].origin, origin("core", "core.fga"));
    assert_eq!(
        model.find_type("page").unwrap().origin,
        origin("wiki", "a/wiki.fga")
    );
}

#[test]
fn what_two_files_define_names_both() {
    let other = "module b\ntype org\ncondition late(x: int) { x > 1 }\nextend type org\n  relations\n    define \
                 member: [user]\n";
    assert_eq!(
        faults(&[("core.fga", CORE), ("b.fga", other)]),
        [
            "b.fga, line 2, column 6: type `org` is defined in `core.fga` and in `b.fga`; keep one and write `extend type \
             org` in the other",
            "b.fga, line 3, column 11: condition `late` is defined in `core.fga` and in `b.fga`; keep one, or give one \
             another name",
            "b.fga, line 6, column 12: relation `org#member` is defined in `core.fga` and in `b.fga`; keep one, or give one \
             another name",
        ]
    );
}

#[test]
fn a_relation_that_two_extensions_add_names_both() {
    let add =
        |module| format!("module {module}\nextend type user\n  relations\n    define me: [user]\n");
    assert_eq!(
        faults(&[
            ("core.fga", CORE),
            ("b.fga", &add("b")),
            ("c.fga", &add("c"))
        ]),
        [
            "c.fga, line 4, column 12: relation `user#me` is defined in `b.fga` and in `c.fga`; keep one, or give one \
             another name"
        ]
    );
}

#[test]
fn what_one_file_defines_twice_is_refused() {
    for (text, fault) in [
        (
            "module a\ntype b\ntype b",
            "a.fga, line 3, column 6: type `b` is defined twice in `a.fga`; keep one",
        ),
        (
            "module a\ncondition c(x: int) { x > 1 }\ncondition c(x: int) { x > 1 }",
            "a.fga, line 3, column 11: condition `c` is defined twice in `a.fga`; keep one",
        ),
        (
            "module a\ntype b\n  relations\n    define c: [b]\n    define c: [b]",
            "a.fga, line 5, column 12: relation `c` is defined twice in type `b`; keep one",
        ),
        (
            "module a\nextend type b\n  relations\n    define c: [b]\nextend type b\n  relations\n    define d: [b]",
            "a.fga, line 5, column 13: type `b` is extended twice in this file; put the relations together",
        ),
    ] {
        assert_eq!(faults(&[("a.fga", text)]), [fault]);
    }
}

#[test]
fn an_extension_needs_a_type_and_relations() {
    let text = "module b\nextend type nobody\n  relations\n    define c: [user]";
    assert_eq!(
        faults(&[("core.fga", CORE), ("b.fga", text)]),
        [
            "b.fga, line 2, column 13: no file defines type `nobody`; write `type nobody`, or list the file that does"
        ]
    );
    assert_eq!(
        faults(&[("core.fga", CORE), ("b.fga", "module b\nextend type org\n")]),
        [
            "b.fga, line 2, column 13: `extend type org` adds nothing; write its `relations`, or leave it out"
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other_fault_and_makes_none() {
    let extends = "module b\nextend type lost\n  relations\n    define c: [user]\ntype org";
    assert_eq!(
        faults(&[
            ("a.fga", "module a\ntype lost what"),
            ("core.fga", CORE),
            ("b.fga", extends)
        ]),
        [
            "a.fga, line 2, column 11: expected the end of the line, found `what`",
            "b.fga, line 5, column 6: type `org` is defined in `core.fga` and in `b.fga`; keep one and write `extend type \
             org` in the other",
        ]
    );
}

#[test]
fn a_file_begins_with_its_module() {
    for (text, fault) in [
        (
            "# c\nmodel\n  schema 1.2",
            "a.fga, line 2, column 1: expected `module` and the module's name before everything else, found `model`",
        ),
        (
            "",
            "a.fga, line 1, column 1: expected `module` and the module's name before everything else, found the end of the \
             text",
        ),
        (
            "module\ntype a",
            "a.fga, line 1, column 7: expected the module's name, found the end of the line",
        ),
        (
            "module a\nmodel",
            "a.fga, line 2, column 1: expected `type`, `extend type` or `condition`, found `model`",
        ),
    ] {
        assert_eq!(faults(&[("a.fga", text)]), [fault]);
    }
}

#[test]
fn schema_1_1_has_no_modules() {
    let faults = merge(Schema::V1_1, &files(&[("core.fga", CORE)])).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "fga.mod, line 1, column 1: schema `1.1` has no modules; write `schema: '1.2'`"
    );
    assert_eq!(faults.len(), 1);
}

#[test]
fn the_list_gives_the_schema_and_the_files_in_their_order() {
    let text = "# ours\nschema: '1.2'\ncontents:\n  - core.fga\n  - sub_1/wi-ki.fga\n";
    assert_eq!(
        parse_mod(text),
        Ok((
            Schema::V1_2,
            vec!["core.fga".to_owned(), "sub_1/wi-ki.fga".to_owned()]
        ))
    );
}

#[test]
fn a_path_that_leads_elsewhere_is_refused_where_it_stands() {
    let long = format!("{}.fga", "a".repeat(101));
    for path in [
        "../a.fga",
        "/a.fga",
        "a/../b.fga",
        "a.fga.txt",
        "a",
        ".fga",
        "a b.fga",
        "'a\\b.fga'",
        "a%2e/a.fga",
        &long,
    ] {
        let text = format!("schema: '1.2'\ncontents:\n  - core.fga\n  - {path}\n");
        let fault = parse_mod(&text).unwrap_err();
        assert_eq!((fault.line, fault.column), (4, 5), "{fault}");
        assert!(
            fault.message.contains("no file of a modular model"),
            "{fault}"
        );
    }
    let most = format!("schema: '1.2'\ncontents: [{}.fga]", "a".repeat(100));
    assert!(parse_mod(&most).is_ok());
}

#[test]
fn a_list_that_is_none_says_what_it_lacks() {
    for (text, line, part) in [
        ("", 1, "missing field `schema`"),
        ("schema: '1.2'", 1, "missing field `contents`"),
        ("contents: [a.fga]", 1, "missing field `schema`"),
        ("contents: [a.fga]\nschema: 1.2", 2, "in quotes"),
        (
            "contents: [a.fga]\nschema: '1.1'",
            2,
            "schema `1.1` has no modules",
        ),
        ("schema: '1.2'\ncontents: a.fga", 2, "a list of files"),
        ("schema: '1.2'\ncontents: []", 2, "no files are listed"),
        (
            "schema: '1.2'\ncontents: [a.fga, a.fga]",
            2,
            "`a.fga` is listed twice",
        ),
        ("schema: '1.2'\ncontents: [1]", 2, "a file, such as"),
        ("schema: '1.2'\ncontents: [", 3, "did not find"),
    ] {
        let fault = parse_mod(text).unwrap_err();
        assert_eq!(fault.file, MOD_FILE);
        assert!(fault.message.contains(part), "{text}: {fault}");
        assert!(!fault.message.contains("column"), "{text}: {fault}");
        assert_eq!(fault.line, line, "{text}: {fault}");
    }
}

#[test]
fn every_fault_of_every_file_is_told() {
    let one = "module a\ntype b c\n  relations\n    define d: [b\n    define e: (d\ncondition f(x: text) { true }\ncondition g(x: int) { true }\nmodel\n";
    let two = "module b\nextend type b\n  relations\n    defin d: [b]\n    define f [b]\n";
    let found = faults(&[("a.fga", one), ("b.fga", two)]);
    let expected = [
        "a.fga, line 2, column 8: expected the end of the line, found `c`",
        "a.fga, line 5, column 5: expected `]`, found `define`",
        "a.fga, line 6, column 1: expected `)`, found `condition`",
        "a.fga, line 6, column 16: `text` is no type here",
        "a.fga, line 8, column 1: expected `type`, `extend type` or `condition`, found `model`",
        "b.fga, line 4, column 5: expected `define`, `type` or `condition`, found `defin`",
        "b.fga, line 5, column 14: expected `:`, found `[`",
    ];
    for (at, expected) in expected.iter().enumerate() {
        let found = found.get(at).map_or("nothing", String::as_str);
        assert!(found.starts_with(expected), "{found:?} for {expected:?}");
    }
}
