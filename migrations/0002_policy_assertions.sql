-- What a model's author expects of it: one list of assertions a model, replaced as a whole.
CREATE TABLE policy_assertions (
    store_id   TEXT   NOT NULL,
    model_id   TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (store_id, model_id),
    FOREIGN KEY (store_id, model_id) REFERENCES policy_models (store_id, id) ON DELETE CASCADE
);
