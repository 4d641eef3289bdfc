-- Version 2: a hash chain over attempts, outcomes and answers, so that a changed trail can be seen.

-- Each group of writes adds one row. An entry is 25 bytes: its kind, the attempt's id (8 bytes, big-
-- endian) and the first 16 bytes of the SHA-256 of its row (book/chain.py says of what exactly).
--   B  an attempt was written
--   S  what became of it was written, with its answer where that is the first one to its key
--   U  it was given up: what became of it is not known
--   F  the facts replaced `unknown`
CREATE TABLE chain (
    sequence INTEGER PRIMARY KEY,            -- 1, 2, 3 ...
    entries  BLOB NOT NULL,
    link     BLOB NOT NULL                   -- SHA-256 of the link before and these entries
);

-- A row that is there is not replaced (INSERT OR REPLACE passes triggers on DELETE), and the first
-- answer to a key stays, whoever writes the second.
CREATE TRIGGER attempts_are_new BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE id = new.id)
BEGIN SELECT raise(ABORT, 'attempts are an audit trail: rows are never replaced'); END;
CREATE TRIGGER outcomes_are_new BEFORE INSERT ON outcomes
WHEN EXISTS (SELECT 1 FROM outcomes WHERE attempt = new.attempt)
BEGIN SELECT raise(ABORT, 'outcomes are an audit trail: rows are never replaced'); END;
CREATE TRIGGER answers_are_new BEFORE INSERT ON answers
WHEN EXISTS (SELECT 1 FROM answers WHERE key = new.key)
BEGIN SELECT raise(IGNORE); END;
CREATE TRIGGER answers_stay BEFORE DELETE ON answers
BEGIN SELECT raise(ABORT, 'answers are an audit trail: rows are never deleted'); END;
CREATE TRIGGER answers_are_final BEFORE UPDATE ON answers
BEGIN SELECT raise(ABORT, 'answers are an audit trail: rows are never changed'); END;
CREATE TRIGGER chain_is_new BEFORE INSERT ON chain
WHEN EXISTS (SELECT 1 FROM chain WHERE sequence = new.sequence)
BEGIN SELECT raise(ABORT, 'the chain is an audit trail: rows are never replaced'); END;
CREATE TRIGGER chain_stays BEFORE DELETE ON chain
BEGIN SELECT raise(ABORT, 'the chain is an audit trail: rows are never deleted'); END;
CREATE TRIGGER chain_is_final BEFORE UPDATE ON chain
BEGIN SELECT raise(ABORT, 'the chain is an audit trail: rows are never changed'); END;
