-- Authorizations that a person gives without a redirect: at a page for a device (RFC 8628), or because a client asked for
-- them by name (OpenID Connect CIBA Core 1.0). pending -> approved -> redeemed, or pending -> denied. The client polls.

CREATE TABLE device_authorizations (
    id               TEXT    NOT NULL PRIMARY KEY,
    device_code_hash TEXT    NOT NULL UNIQUE,
    -- A MAC, because a hash of eight letters is soon guessed.
    user_code_mac    TEXT    NOT NULL UNIQUE,
    client_id        TEXT    NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    scope            TEXT    NOT NULL,
    -- Where the device asked from: shown to the person, and counted.
    address          TEXT    NOT NULL,
    network          TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'redeemed')),
    -- The sign-in whose page opened the code: no other decides.
    claimed_by       TEXT,
    user_id          TEXT    REFERENCES users (id) ON DELETE CASCADE,
    session_id       TEXT,
    auth_time        BIGINT,
    amr              TEXT,
    interval_seconds BIGINT  NOT NULL,
    polled_at        BIGINT,
    -- Whether the latest poll came before its time.
    too_soon         BOOLEAN NOT NULL,
    created_at       BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL
);
CREATE INDEX device_authorizations_by_expiry ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_by_network ON device_authorizations (network, expires_at);

CREATE TABLE backchannel_requests (
    id               TEXT    NOT NULL PRIMARY KEY,
    auth_req_id_hash TEXT    NOT NULL UNIQUE,
    client_id        TEXT    NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    -- Whom the client asks; none when its hint names nobody, which it does not learn.
    user_id          TEXT    REFERENCES users (id) ON DELETE CASCADE,
    scope            TEXT    NOT NULL,
    binding_message  TEXT,
    -- What the ping carries (its token and the auth_req_id), sealed.
    sealed_ping      TEXT,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'redeemed')),
    session_id       TEXT,
    auth_time        BIGINT,
    amr              TEXT,
    interval_seconds BIGINT  NOT NULL,
    polled_at        BIGINT,
    too_soon         BOOLEAN NOT NULL,
    created_at       BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL
);
CREATE INDEX backchannel_requests_by_expiry ON backchannel_requests (expires_at);
CREATE INDEX backchannel_requests_by_user ON backchannel_requests (user_id, state);
