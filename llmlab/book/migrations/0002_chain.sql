-- Version 2: a hash chain over attempts, outcomes and answers, so that a changed trail can be seen.

-- Each row is an entry of one chain: its place in it (1, 2, 3 ... over all three tables), and the first
-- 16 bytes of its link, the SHA-256 of the link before and the row (book/chain.py says how). An
-- outcome's link is also over the answer that came with it, where that was the first to its key.
ALTER TABLE attempts ADD COLUMN sequence INTEGER;
ALTER TABLE attempts ADD COLUMN link BLOB;
ALTER TABLE outcomes ADD COLUMN sequence INTEGER;
ALTER TABLE outcomes ADD COLUMN link BLOB;

-- The end of the chain stands in the row `total`: how many entries there are, and the whole last link.
ALTER TABLE ledger ADD COLUMN entries INTEGER;
ALTER TABLE ledger ADD COLUMN link BLOB;

-- What `unknown` said before the facts replaced it.
CREATE TABLE superseded (
    attempt          INTEGER PRIMARY KEY REFERENCES attempts (id),
    status           TEXT NOT NULL,
    settled_at       REAL NOT NULL,
    cost_pico        INTEGER,
    charge_pico      INTEGER NOT NULL,
    billed           INTEGER,
    input_tokens     INTEGER,
    cached_tokens    INTEGER,
    output_tokens    INTEGER,
    reasoning_tokens INTEGER,
    latency_s        REAL,
    http_status      INTEGER,
    request_id       TEXT,
    error            TEXT NOT NULL,
    sequence         INTEGER,
    link             BLOB
);

-- What passes these (INSERT OR REPLACE does: a trigger on INSERT would cost two microseconds a row)
-- does not fit the chain.
CREATE TRIGGER answers_stay BEFORE DELETE ON answers
BEGIN SELECT raise(ABORT, 'answers are an audit trail: rows are never deleted'); END;
CREATE TRIGGER answers_are_final BEFORE UPDATE ON answers
BEGIN SELECT raise(ABORT, 'answers are an audit trail: rows are never changed'); END;
CREATE TRIGGER superseded_stay BEFORE DELETE ON superseded
BEGIN SELECT raise(ABORT, 'outcomes are an audit trail: rows are never deleted'); END;
CREATE TRIGGER superseded_are_final BEFORE UPDATE ON superseded
BEGIN SELECT raise(ABORT, 'outcomes are an audit trail: rows are never changed'); END;
