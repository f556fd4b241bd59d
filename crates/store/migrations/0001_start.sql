-- Facts about this database itself.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Virtual and admin keys. The plain key is never stored, only its HMAC.
CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    role         TEXT NOT NULL CHECK (role IN ('virtual', 'admin')),
    models       TEXT NOT NULL, -- a JSON array of globs
    project      TEXT,
    disabled     INTEGER NOT NULL DEFAULT 0,
    created_at_s INTEGER NOT NULL,
    hint         TEXT NOT NULL, -- the last four characters
    hash         BLOB NOT NULL UNIQUE
) STRICT;

-- What calls have in common is kept once, as a JSON array, and named by its columns.
CREATE TABLE questions (
    id        INTEGER PRIMARY KEY,
    spec      TEXT NOT NULL UNIQUE,
    key_id    TEXT NOT NULL AS (spec ->> 0) VIRTUAL,
    key_name  TEXT NOT NULL AS (spec ->> 1) VIRTUAL,
    project   TEXT AS (nullif(spec ->> 2, '')) VIRTUAL,
    model     TEXT NOT NULL AS (spec ->> 3) VIRTUAL, -- the public name
    operation TEXT NOT NULL AS (spec ->> 4) VIRTUAL,
    dialect   TEXT NOT NULL AS (spec ->> 5) VIRTUAL,
    stream    INTEGER NOT NULL AS (spec ->> 6) VIRTUAL
) STRICT;

CREATE TABLE answers (
    id             INTEGER PRIMARY KEY,
    spec           TEXT NOT NULL UNIQUE,
    target         TEXT NOT NULL AS (spec ->> 0) VIRTUAL, -- empty when none was tried
    upstream_model TEXT NOT NULL AS (spec ->> 1) VIRTUAL,
    status         INTEGER NOT NULL AS (spec ->> 2) VIRTUAL, -- 0 when lost
    outcome        TEXT NOT NULL AS (spec ->> 3) VIRTUAL, -- ok, failed, cancelled, cut, lost
    finish         TEXT AS (nullif(spec ->> 4, '')) VIRTUAL,
    error_kind     TEXT AS (nullif(spec ->> 5, '')) VIRTUAL
) STRICT;

-- One row per call, in the order in which they were settled.
CREATE TABLE calls (
    seq                   INTEGER PRIMARY KEY,
    id                    TEXT NOT NULL,
    question              INTEGER NOT NULL, -- questions.id
    answer                INTEGER NOT NULL, -- answers.id
    opened_at_ns          INTEGER NOT NULL,
    settled_at_ns         INTEGER NOT NULL,
    attempts              INTEGER NOT NULL,
    losses                INTEGER NOT NULL,
    first_token_us        INTEGER,
    total_us              INTEGER NOT NULL,
    input_tokens          INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_tokens    INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    input_audio_tokens    INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER NOT NULL,
    output_audio_tokens   INTEGER NOT NULL,
    web_searches          INTEGER NOT NULL,
    estimated             INTEGER NOT NULL, -- usage and cost are estimates
    cost_nano_usd         INTEGER, -- NULL when no price is known
    priced                INTEGER NOT NULL AS (cost_nano_usd IS NOT NULL) VIRTUAL
) STRICT;

-- The ledger as people read it. CROSS JOIN makes SQLite go through the calls in their order.
CREATE VIEW ledger AS
SELECT calls.*,
       key_id, key_name, project, model, operation, dialect, stream,
       target, upstream_model, status, outcome, finish, error_kind
FROM calls
CROSS JOIN questions ON questions.id = calls.question
CROSS JOIN answers ON answers.id = calls.answer;

-- How far each journal segment has been read. Moves in the transaction that inserts the rows.
CREATE TABLE segments (
    name       TEXT PRIMARY KEY,
    read_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Journal lines that open calls in flight.
CREATE TABLE openings (
    id       TEXT PRIMARY KEY,
    instance TEXT NOT NULL, -- the process that wrote it
    line     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
