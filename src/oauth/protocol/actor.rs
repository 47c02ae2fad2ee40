//! Who acts in a person's name: the claims `act` and `may_act` (RFC 8693 sections 4.1 and 4.4).
//!
//! The outermost actor is the current one; those inside acted before it and are told for the record only.

use serde::{Deserialize, Serialize};

/// Most actors in one chain: each is one more exchange of a token.
pub const ACTORS: usize = 5;

/// An actor, with those before it inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// A user id or a client id.
    pub sub: String,
    /// The client that shows the token for a person who acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The actor before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Self>>,
}

/// Who may become the actor of a token's subject. A member that is not known here could narrow the claim, so it makes the token no token
/// of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MayAct {
    /// A user id or a client id.
    pub sub: String,
    /// Whose identifier that is; ours when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

impl Actor {
    /// How many actors there are, this one and those inside.
    pub fn count(&self) -> usize {
        std::iter::successors(Some(self), |actor| actor.act.as_deref()).count()
    }

    /// This actor in front of those before; `None` when they would be more than [`ACTORS`].
    pub fn after(mut self, former: Option<&Self>) -> Option<Self> {
        self.act = former.cloned().map(Box::new);
        (self.count() <= ACTORS).then_some(self)
    }
}

impl MayAct {
    /// Whether it names this party of this server.
    pub fn names(&self, sub: &str, issuer: &str) -> bool {
        self.sub == sub && self.iss.as_deref().is_none_or(|iss| iss == issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(sub: &str) -> Actor {
        Actor {
            sub: sub.to_owned(),
            client_id: None,
            act: None,
        }
    }

    #[test]
    fn former_actors_stay_inside() {
        let first = actor("a").after(None).unwrap();
        let second = actor("b").after(Some(&first)).unwrap();
        let json = serde_json::to_string(&second).unwrap();
        assert_eq!(json, r#"{"sub":"b","act":{"sub":"a"}}"#);
        assert_eq!(serde_json::from_str::<Actor>(&json).unwrap(), second);
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut chain = actor("0");
        for link in 1..ACTORS {
            chain = actor(&link.to_string()).after(Some(&chain)).unwrap();
        }
        assert_eq!(chain.count(), ACTORS);
        assert_eq!(actor("more").after(Some(&chain)), None);
    }

    #[test]
    fn may_act_names_one_party_of_one_server() {
        let of = |sub: &str, iss: Option<&str>| MayAct {
            sub: sub.to_owned(),
            iss: iss.map(str::to_owned),
        };
        for (may_act, expect) in [
            (of("app", None), true),
            (of("app", Some("https://id.example")), true),
            (of("app", Some("https://evil.example")), false),
            (of("other", None), false),
            (of("App", None), false),
        ] {
            assert_eq!(may_act.names("app", "https://id.example"), expect);
        }
        assert!(serde_json::from_str::<MayAct>(r#"{"sub":"app","tenant":"t"}"#).is_err());
    }
}
