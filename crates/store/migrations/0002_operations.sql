-- What is billed by other units than tokens.
ALTER TABLE calls ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN audio_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN characters INTEGER NOT NULL DEFAULT 0;

DROP VIEW ledger;
CREATE VIEW ledger AS
SELECT calls.*,
       key_id, key_name, project, model, operation, dialect, stream,
       target, upstream_model, status, outcome, finish, error_kind
FROM calls
CROSS JOIN questions ON questions.id = calls.question
CROSS JOIN answers ON answers.id = calls.answer;

-- Files, batches and the like that were made through Weir: whose they are. The vendor's account is
-- shared by all tenants, so its lists are not.
CREATE TABLE objects (
    provider  TEXT NOT NULL,
    id        TEXT NOT NULL, -- the vendor's
    tenant    TEXT NOT NULL,
    batch     TEXT, -- the batch whose output a file is
    made_at_s INTEGER NOT NULL,
    PRIMARY KEY (provider, id)
) STRICT, WITHOUT ROWID;

-- Batches whose cost is in the ledger.
CREATE TABLE billed_batches (
    provider TEXT NOT NULL,
    batch    TEXT NOT NULL,
    PRIMARY KEY (provider, batch)
) STRICT, WITHOUT ROWID;
