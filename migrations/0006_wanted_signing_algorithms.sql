-- The algorithms that clients registered for, besides the one that is always there: a worker makes the first key of each.
CREATE TABLE wanted_signing_algorithms (
    algorithm TEXT   NOT NULL PRIMARY KEY,
    wanted_at BIGINT NOT NULL
);
