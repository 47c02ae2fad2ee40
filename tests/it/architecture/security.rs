//! The table of what must hold for security (`tests/it/conformance/security.tsv`): every requirement about the authorization server, tokens and
//! keys, and the rows of the catalogue about nonces, device codes and telling who has an account, each with a file and a test.

use std::collections::BTreeSet;
use std::fs;

use super::requirements::faults_of_row;
use super::source::root;

const TABLE: &str = "tests/it/conformance/security.tsv";
const HEAD: &str = "id\trequirement\tfile\ttest";

#[test]
fn every_security_requirement_names_a_file_and_a_test_that_exist() {
    let table = fs::read_to_string(root().join(TABLE)).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some(HEAD));
    let (mut wrong, mut found, mut rows) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, requirement, file, test] = cells[..] else {
            wrong.push(format!("not four cells: {line}"));
            continue;
        };
        if !rows.insert((id, requirement)) {
            wrong.push(format!("twice: {line}"));
        }
        found.insert(id.to_owned());
        wrong.extend(faults_of_row(&cells, file, test));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rows = ["row 34", "row 35", "row 39"].map(str::to_owned);
    let expected: BTreeSet<String> = (38..=75).map(|n| format!("R{n}")).chain(rows).collect();
    assert_eq!(found, expected);
}
