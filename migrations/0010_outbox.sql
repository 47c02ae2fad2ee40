-- Messages to other servers: written in the transaction of the fact that they tell, sent by a worker until they arrive or are given up.
CREATE TABLE outbox (
    id              TEXT   NOT NULL PRIMARY KEY,
    kind            TEXT   NOT NULL,
    -- A URL.
    destination     TEXT   NOT NULL,
    -- JSON with identifiers, never a secret: what is secret or signed is made when the message is sent.
    body            TEXT   NOT NULL,
    state           TEXT   NOT NULL CHECK (state IN ('pending', 'dead')),
    -- Counted when one begins, so that a message that kills its sender comes to an end too.
    attempts        BIGINT NOT NULL,
    -- When a worker may take it. Taking it moves this on: should that worker die, another one takes it then.
    next_attempt_at BIGINT NOT NULL,
    -- Which taking is under way.
    claim           TEXT,
    last_error      TEXT,
    created_at      BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
