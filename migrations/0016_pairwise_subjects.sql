-- What clients of pairwise subjects call people (OpenID Connect Core 1.0 section 8.1): derived from a key, and kept here so that
-- a subject that a client names leads back to its person.
CREATE TABLE pairwise_subjects (
    subject TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX pairwise_subjects_by_user ON pairwise_subjects (user_id);
