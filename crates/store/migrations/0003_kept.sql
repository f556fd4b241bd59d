-- What is kept between calls. The body is encrypted; it stands last, so that sizes are read without it.
CREATE TABLE kept (
    seq          INTEGER PRIMARY KEY, -- the oldest has the lowest
    tenant       TEXT NOT NULL,       -- the key that it belongs to; empty without one
    kind         TEXT NOT NULL,
    id           TEXT NOT NULL,
    expires_at_s INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    body         BLOB NOT NULL,
    UNIQUE (tenant, kind, id)
) STRICT;

CREATE INDEX kept_by_expiry ON kept (expires_at_s);
CREATE INDEX kept_by_tenant ON kept (tenant, seq, bytes);
