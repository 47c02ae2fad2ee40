//! Events: what happened, recorded in the transaction that made it happen.
//!
//! A new event is a variant of [`Event`]; the compiler lists the rest. Bodies hold identifiers, never secrets.

pub mod outbox;

use serde::Serialize;

use crate::base::id::{
    ApiKeyId, DetailTypeId, EventId, GrantId, InitialTokenId, ResourceServerId, SessionId, UserId,
};
use crate::base::time::Timestamp;
use crate::store::{self, StoreError, Tx};

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A person signed in.
    SignedIn {
        /// Who.
        user_id: UserId,
        /// The session it began.
        session_id: SessionId,
    },
    /// A person signed out, or the session was ended for them.
    SignedOut {
        /// Who.
        user_id: UserId,
        /// The session that ended.
        session_id: SessionId,
    },
    /// A sign-in failed. The identifier that was typed is not kept: it may be a password.
    SignInFailed {
        /// Who, when the account exists.
        user_id: Option<UserId>,
    },
    /// An account was made.
    UserCreated {
        /// Whose.
        user_id: UserId,
    },
    /// An account was changed; `change` names what (`locked`, `unlocked`, `password`, `profile`).
    UserChanged {
        /// Whose.
        user_id: UserId,
        /// What.
        change: &'static str,
    },
    /// A client was registered or changed.
    ClientChanged {
        /// Which.
        client_id: String,
        /// `created`, `updated`, `disabled`, `deleted`, `secret`.
        change: &'static str,
    },
    /// A resource server was registered, changed or forgotten.
    ResourceServerChanged {
        /// Which.
        resource_server_id: ResourceServerId,
        /// `created`, `updated`, `deleted`.
        change: &'static str,
    },
    /// A type of authorization details was declared, changed or forgotten.
    DetailTypeChanged {
        /// Which.
        detail_type_id: DetailTypeId,
        /// `created`, `updated`, `deleted`.
        change: &'static str,
    },
    /// An API key was made or revoked.
    ApiKeyChanged {
        /// Which.
        key_id: ApiKeyId,
        /// Whose, such as `client:web`.
        owner: String,
        /// `created`, `revoked`.
        change: &'static str,
    },
    /// An initial access token was made or ended.
    InitialTokenChanged {
        /// Which.
        token_id: InitialTokenId,
        /// `created`, `ended`.
        change: &'static str,
    },
    /// A person agreed to a client's scopes.
    ConsentGranted {
        /// Who.
        user_id: UserId,
        /// For which client.
        client_id: String,
        /// To what.
        scope: String,
    },
    /// A person took back what a client had.
    ConsentWithdrawn {
        /// Who.
        user_id: UserId,
        /// From which client.
        client_id: String,
    },
    /// An authorization code was issued.
    CodeIssued {
        /// The grant it belongs to.
        grant_id: GrantId,
        /// For which client.
        client_id: String,
        /// Who agreed.
        user_id: UserId,
    },
    /// An ID token was issued at the authorization endpoint, without a code.
    IdTokenIssued {
        /// The grant it belongs to.
        grant_id: GrantId,
        /// For which client.
        client_id: String,
        /// Who agreed.
        user_id: UserId,
    },
    /// A code was redeemed for the first time.
    CodeRedeemed {
        /// Its grant.
        grant_id: GrantId,
        /// By which client.
        client_id: String,
    },
    /// A code was presented a second time; its grant was revoked (RFC 6749 section 4.1.2).
    CodeReplayed {
        /// Its grant.
        grant_id: GrantId,
        /// By which client.
        client_id: String,
    },
    /// A client asked a person to agree, without a browser (OpenID Connect CIBA Core 1.0 section 7).
    PersonAsked {
        /// Who, when its hint names somebody.
        user_id: Option<UserId>,
        /// Which client.
        client_id: String,
    },
    /// A person decided on a request that a client polls for.
    RequestDecided {
        /// Who.
        user_id: UserId,
        /// Whose request.
        client_id: String,
        /// The grant type.
        grant_type: &'static str,
        /// `approved` or `denied`.
        decision: &'static str,
    },
    /// A client got the tokens of a request that it polled for.
    RequestRedeemed {
        /// The grant that came of it.
        grant_id: GrantId,
        /// Which client.
        client_id: String,
        /// The grant type.
        grant_type: &'static str,
    },
    /// A client exchanged a person's token for another (RFC 8693).
    TokenExchanged {
        /// The grant that came of it.
        grant_id: GrantId,
        /// Which client.
        client_id: String,
        /// In whose name.
        user_id: UserId,
        /// Who acts, such as `client:app`; none when the client takes the person's place.
        actor: Option<String>,
        /// The client that the person's token was issued to; none when an issuer vouched for the person.
        subject_client_id: Option<String>,
    },
    /// A client was refused another token for a person's, although it handed in tokens that are good (RFC 8693 section 2.2.2).
    TokenExchangeDenied {
        /// Which client.
        client_id: String,
        /// Whose token it handed in.
        user_id: UserId,
        /// Who would have acted, such as `client:app`; none when the client would have taken the person's place.
        actor: Option<String>,
        /// The client that the person's token was issued to; none when an issuer vouched for the person.
        subject_client_id: Option<String>,
        /// The error code of the answer.
        error: &'static str,
        /// What was missing; none where the answer repeats what the client sent.
        reason: Option<String>,
    },
    /// A trusted issuer's assertion was accepted (RFC 7523 section 2.1).
    AssertionAccepted {
        /// The issuer's name.
        issuer: String,
        /// The client that showed it.
        client_id: String,
        /// About whom, such as `user:usr_..`.
        subject: String,
    },
    /// A trusted issuer was added, changed or removed.
    TrustChanged {
        /// Its name.
        issuer: String,
        /// `put`, `removed`.
        change: &'static str,
    },
    /// A refresh family moved to its next head.
    RefreshRotated {
        /// The family.
        grant_id: GrantId,
        /// The new head.
        generation: i64,
    },
    /// A lost answer was made good: the undelivered head was superseded.
    RefreshRecovered {
        /// The family.
        grant_id: GrantId,
        /// The new head.
        generation: i64,
    },
    /// A spent refresh token came back; the family was revoked (RFC 9700 section 4.14.2).
    RefreshReplayed {
        /// The family.
        grant_id: GrantId,
        /// The generation that was presented.
        generation: i64,
    },
    /// A grant and everything issued from it was revoked.
    GrantRevoked {
        /// Which.
        grant_id: GrantId,
        /// Why.
        reason: &'static str,
    },
    /// A signing key changed state.
    KeyChanged {
        /// Which.
        kid: String,
        /// Into which state.
        state: &'static str,
    },
    /// Permission data was written.
    PolicyWritten {
        /// The store.
        store_id: String,
        /// Its revision after the write.
        revision: i64,
    },
}

impl Event {
    /// The event's name on the wire and in the table.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SignedIn { .. } => "session.signed_in",
            Self::SignedOut { .. } => "session.signed_out",
            Self::SignInFailed { .. } => "session.sign_in_failed",
            Self::UserCreated { .. } => "user.created",
            Self::UserChanged { .. } => "user.changed",
            Self::ClientChanged { .. } => "client.changed",
            Self::ResourceServerChanged { .. } => "resource_server.changed",
            Self::DetailTypeChanged { .. } => "authorization_details_type.changed",
            Self::ApiKeyChanged { .. } => "api_key.changed",
            Self::InitialTokenChanged { .. } => "initial_access_token.changed",
            Self::ConsentGranted { .. } => "consent.granted",
            Self::ConsentWithdrawn { .. } => "consent.withdrawn",
            Self::CodeIssued { .. } => "code.issued",
            Self::IdTokenIssued { .. } => "id_token.issued",
            Self::CodeRedeemed { .. } => "code.redeemed",
            Self::CodeReplayed { .. } => "code.replayed",
            Self::PersonAsked { .. } => "request.asked",
            Self::RequestDecided { .. } => "request.decided",
            Self::RequestRedeemed { .. } => "request.redeemed",
            Self::TokenExchanged { .. } => "token.exchanged",
            Self::TokenExchangeDenied { .. } => "token.exchange_denied",
            Self::AssertionAccepted { .. } => "assertion.accepted",
            Self::TrustChanged { .. } => "trust.changed",
            Self::RefreshRotated { .. } => "refresh.rotated",
            Self::RefreshRecovered { .. } => "refresh.recovered",
            Self::RefreshReplayed { .. } => "refresh.replayed",
            Self::GrantRevoked { .. } => "grant.revoked",
            Self::KeyChanged { .. } => "key.changed",
            Self::PolicyWritten { .. } => "policy.written",
        }
    }
}

/// Records an event in the transaction of the fact itself.
pub async fn record(tx: &mut Tx, event: &Event, now: Timestamp) -> Result<(), StoreError> {
    let body =
        serde_json::to_string(event).map_err(|error| StoreError::corrupt("events.body", &error))?;
    store::events::insert(tx, &EventId::new(now), event.kind(), &body, now).await
}
