-- Authorization requests that their clients pushed (RFC 9126), keyed by the hash of the name they were given. Used once: the use deletes.
CREATE TABLE pushed_requests (
    uri_hash   TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    request    TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX pushed_requests_by_expiry ON pushed_requests (expires_at);
