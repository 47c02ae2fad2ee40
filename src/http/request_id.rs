//! The id that ties an answer to its lines in the log. Generated here and accepted from nobody.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::base::encoding::base64url;
use crate::base::secret::random;

tokio::task_local! {
    /// The id of the request that this task answers, so that an error made far from the request can name it.
    static CURRENT: RequestId;
}

/// A request's id: 96 random bits. Not a secret, not an identifier of anything stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new id.
    pub fn generate() -> Self {
        Self(base64url(&random::<12>()))
    }

    /// The id of the request that the current task answers; `None` outside one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `answer` as the answer to the request with this id.
    pub async fn scope<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id that the middleware gave the request; a new one on a router that is not wrapped.
impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .or_else(Self::current)
            .unwrap_or_else(Self::generate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_current_id_is_known_within_the_answer_only() {
        assert_eq!(RequestId::current(), None);
        let id = RequestId::generate();
        let seen = id.clone().scope(async { RequestId::current() }).await;
        assert_eq!(seen, Some(id));
        assert_eq!(RequestId::current(), None);
    }
}
