//! Why a question is answered so, and what would change that.

use super::*;

const COLUMNS: &str = "user_type,user_id,user_relation,relation,object_type,object_id\n";

#[test]
fn a_check_is_explained() {
    let place = place();
    let explained = |user| {
        policy(
            &place,
            &["check", "--explain", user, "viewer", "doc:plan"],
            &FILES,
        )
    };
    let allowed = explained("user:bob");
    assert!(allowed.contains("group:eng#member@user:bob"), "{allowed}");
    let denied = explained("user:carl");
    assert!(denied.contains("banned"), "{denied}");
}

#[test]
fn what_a_change_of_tuples_would_change_is_told_and_not_made() {
    let place = place();
    for (name, rows) in [
        ("add.csv", "user,dora,,member,group,eng\n"),
        ("take.csv", "user,anne,,editor,doc,plan\n"),
        (
            "asked.csv",
            "user,anne,,viewer,doc,plan\nuser,bob,,viewer,doc,plan\nuser,dora,,viewer,doc,plan\n",
        ),
    ] {
        write(&place, name, &format!("{COLUMNS}{rows}"));
    }
    let asked = [
        "what-if",
        "--write",
        "add.csv",
        "--delete",
        "take.csv",
        "--checks",
        "asked.csv",
    ];
    let told = policy(&place, &asked, &FILES);
    let expected = "user:anne viewer doc:plan: allowed -> denied\nuser:dora viewer doc:plan: denied -> allowed\n2 of 3 answers would change\n";
    assert_eq!(told, expected);
    let nothing = ["what-if", "--checks", "asked.csv", "--model", "docs.fga"];
    refused(&place, &nothing, 2, "nothing would change");
}
