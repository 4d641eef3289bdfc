-- Version 3: batches of requests that are handed in together. A batch is written before it is handed
-- in, together with its attempts, and claims their keys: nobody hands those in again meanwhile.

CREATE TABLE batches (
    id          TEXT PRIMARY KEY,        -- llmlab's own; the provider is told it where it has a place
    provider    TEXT NOT NULL,
    api         TEXT NOT NULL,
    asked       TEXT NOT NULL,           -- who was asked, as the book tells answers apart
    owner       INTEGER NOT NULL,        -- who hands it in
    created_at  REAL NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('intended', 'unsure', 'handed_in', 'lost', 'forgotten')),
    provider_id TEXT,                    -- the provider's own name for it, once that is known
    note        TEXT NOT NULL DEFAULT '' -- why it is in this state
);

-- A request of a batch is waited for while its attempt has no facts: no outcome, or `unknown`.
CREATE TABLE batch_items (
    batch     TEXT NOT NULL REFERENCES batches (id),
    key       TEXT NOT NULL,
    attempt   INTEGER NOT NULL REFERENCES attempts (id),
    custom_id TEXT NOT NULL,             -- the request's name at the provider
    PRIMARY KEY (batch, key)
) WITHOUT ROWID;
CREATE INDEX batch_items_by_key ON batch_items (key);

CREATE VIEW waiting_items AS
SELECT i.batch, i.key, i.attempt, i.custom_id
FROM batch_items AS i
JOIN batches AS b ON b.id = i.batch
LEFT JOIN outcomes AS o ON o.attempt = i.attempt
WHERE b.state IN ('intended', 'unsure', 'handed_in') AND coalesce(o.status, 'unknown') = 'unknown';

-- Before version 3 the open ones were the rows of a run of this name.
INSERT INTO batches (id, provider, api, asked, owner, created_at, state, provider_id)
SELECT 'old ' || key, json_extract(CAST(meta AS TEXT), '$.provider'),
       json_extract(CAST(meta AS TEXT), '$.api'), json_extract(CAST(meta AS TEXT), '$.by'), 0,
       json_extract(CAST(meta AS TEXT), '$.at'), 'handed_in', json_extract(CAST(meta AS TEXT), '$.id')
FROM run_items WHERE run = 'batches' AND json_extract(CAST(meta AS TEXT), '$.open');
INSERT INTO batch_items (batch, key, attempt, custom_id)
SELECT 'old ' || run_items.key, item.key, item.value, item.key
FROM run_items, json_each(CAST(meta AS TEXT), '$.attempts') AS item
WHERE run = 'batches' AND json_extract(CAST(meta AS TEXT), '$.open');
DELETE FROM run_items WHERE run = 'batches';
DELETE FROM runs WHERE name = 'batches';
