-- The book of llmlab, version 1. Times are Unix seconds (UTC). Money is in picodollars: 10^-12 dollars.
-- Programs that only read should use the views `calls` and `spend_by_day`; their columns stay.

-- Each open book writes who it is. An owner that died (its lock is free) leaves attempts behind.
CREATE TABLE owners (
    id            INTEGER PRIMARY KEY,
    token         TEXT NOT NULL UNIQUE,      -- name of its lock file in <book>.owners/
    host          TEXT NOT NULL,
    pid           INTEGER NOT NULL,
    opened_at     REAL NOT NULL,
    first_attempt INTEGER NOT NULL,          -- no attempt of this owner has a smaller id
    ended_at      REAL,                      -- NULL while it is open, or not yet found dead
    ending        TEXT CHECK (ending IN ('closed', 'lost'))
);

-- What was about to be sent. Written before it was sent; never changed, never deleted.
CREATE TABLE attempts (
    id             INTEGER PRIMARY KEY,      -- 1, 2, 3 ...: a gap means that a row was taken out
    owner          INTEGER NOT NULL REFERENCES owners (id),
    key            TEXT NOT NULL,            -- identity of the request by content
    run            TEXT,
    provider       TEXT NOT NULL,
    model          TEXT NOT NULL,
    backend        TEXT NOT NULL,            -- live, local, stand-in
    number         INTEGER NOT NULL,         -- 1, and more for retries
    started_at     REAL NOT NULL,
    worst_pico     INTEGER,                  -- reserved for it; NULL when it has no price
    prompt         TEXT NOT NULL,
    prompt_version TEXT NOT NULL
);

-- What became of an attempt; an attempt without a row here is under way. Only `unknown` may be
-- replaced, once, by the facts.
CREATE TABLE outcomes (
    attempt          INTEGER PRIMARY KEY REFERENCES attempts (id),
    status           TEXT NOT NULL CHECK (status IN ('ok', 'error', 'released', 'unknown')),
    settled_at       REAL NOT NULL,
    cost_pico        INTEGER,                -- NULL when nobody knows
    charge_pico      INTEGER NOT NULL,       -- what counts against the limits: the cost, or the worst
    billed           INTEGER,                -- 1, 0, or NULL when the provider did not say
    input_tokens     INTEGER,
    cached_tokens    INTEGER,
    output_tokens    INTEGER,
    reasoning_tokens INTEGER,
    latency_s        REAL,
    http_status      INTEGER,
    request_id       TEXT,
    error            TEXT NOT NULL
);

-- The first answer to each key, as bytes of the caller's encoding.
CREATE TABLE answers (
    key       TEXT NOT NULL UNIQUE,
    attempt   INTEGER NOT NULL REFERENCES attempts (id),
    stored_at REAL NOT NULL,
    answer    BLOB NOT NULL
);

-- Sums kept in the same transaction as the rows they sum: `total`, `day:2026-11-22`, `run:NAME`.
CREATE TABLE ledger (
    scope         TEXT PRIMARY KEY,
    settled_pico  INTEGER NOT NULL CHECK (settled_pico >= 0),
    unknown_pico  INTEGER NOT NULL CHECK (unknown_pico >= 0),
    reserved_pico INTEGER NOT NULL CHECK (reserved_pico >= 0)
) WITHOUT ROWID;

CREATE TABLE runs (
    name       TEXT PRIMARY KEY,
    created_at REAL NOT NULL,
    plan       BLOB NOT NULL
);

CREATE TABLE run_items (
    run      TEXT NOT NULL REFERENCES runs (name),
    position INTEGER NOT NULL,
    key      TEXT NOT NULL,
    meta     BLOB NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;

CREATE TABLE templates (
    name          TEXT NOT NULL,
    version       TEXT NOT NULL,
    text          TEXT NOT NULL,
    first_used_at REAL NOT NULL,
    PRIMARY KEY (name, version)
);

-- Labels that people gave; the last one of a key and name counts, the others are history.
CREATE TABLE labels (
    id        INTEGER PRIMARY KEY,
    key       TEXT NOT NULL,
    name      TEXT NOT NULL,
    value     TEXT NOT NULL,
    marked_at REAL NOT NULL
);

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT raise(ABORT, 'attempts are an audit trail: rows are never deleted'); END;
CREATE TRIGGER attempts_are_final BEFORE UPDATE ON attempts
BEGIN SELECT raise(ABORT, 'attempts are an audit trail: rows are never changed'); END;
CREATE TRIGGER outcomes_stay BEFORE DELETE ON outcomes
BEGIN SELECT raise(ABORT, 'outcomes are an audit trail: rows are never deleted'); END;
CREATE TRIGGER outcomes_are_final BEFORE UPDATE ON outcomes
WHEN old.status <> 'unknown' OR new.attempt <> old.attempt
BEGIN SELECT raise(ABORT, 'outcomes are an audit trail: settled rows are never changed'); END;

-- Every attempt on one line, in dollars (as floats: exact sums are in the ledger). The casts name the
-- types, without which some readers (DuckDB) take a computed column for bytes.
CREATE VIEW calls AS
SELECT
    a.id,
    CAST(date(a.started_at, 'unixepoch') AS TEXT) AS day,
    a.started_at,
    a.run,
    a.provider,
    a.model,
    a.backend,
    a.prompt,
    a.prompt_version,
    a.number,
    a.key,
    CAST(coalesce(o.status, 'sent') AS TEXT) AS status,
    o.input_tokens,
    o.cached_tokens,
    o.output_tokens,
    o.reasoning_tokens,
    o.latency_s,
    CAST(o.cost_pico / 1e12 AS REAL) AS cost_usd,
    CAST(o.charge_pico / 1e12 AS REAL) AS charge_usd,
    CAST(a.worst_pico / 1e12 AS REAL) AS worst_usd,
    o.billed,
    o.http_status,
    o.request_id,
    o.error
FROM attempts AS a LEFT JOIN outcomes AS o ON o.attempt = a.id;

CREATE VIEW spend_by_day AS
SELECT
    day,
    provider,
    model,
    CAST(count(*) AS INTEGER) AS attempts,
    CAST(sum(status = 'ok') AS INTEGER) AS answered,
    CAST(sum(input_tokens) AS INTEGER) AS input_tokens,
    CAST(sum(output_tokens) AS INTEGER) AS output_tokens,
    CAST(total(cost_usd) AS REAL) AS cost_usd,
    CAST(total(iif(cost_usd IS NULL, charge_usd, 0)) AS REAL) AS unknown_usd,
    CAST(total(iif(status = 'sent', worst_usd, 0)) AS REAL) AS reserved_usd
FROM calls GROUP BY day, provider, model;
