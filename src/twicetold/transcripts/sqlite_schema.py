"""The tables of the SQLite transcript store.

``calls.canonical_id`` is the atomic switch: 0 while the draft is the best there is, else the
``revisions.id`` whose segments are the canonical transcript. Segments of revision 0 are the
draft; those of a revision that no call points to are invisible: half written, or left by a
process that was killed. The full-text index keeps no text of its own (external content) and
follows ``segments`` by triggers.
"""

from __future__ import annotations

from twicetold.database import Upgrade
from twicetold.transcripts.sqlite_usage import MOVED as USAGE_MOVED
from twicetold.transcripts.sqlite_usage import SCHEMA as USAGE

OF_NEW_FILE, PRAGMAS = ("auto_vacuum=INCREMENTAL",), ("secure_delete=ON",)

DRAFT_REVISION = 0

# Columns that came later: of a file that was made before, nobody knows whose words they are.
LATER = {
    "segments": {
        "engine": "TEXT NOT NULL DEFAULT ''",
        "sentiment": "REAL",
        "safe": "INTEGER NOT NULL DEFAULT 0",
    },
    "shadow_segments": {"sentiment": "REAL", "safe": "INTEGER NOT NULL DEFAULT 0"},
    "calls": {
        "provisional": "INTEGER NOT NULL DEFAULT 0",
        "sentiment": "REAL",
        "lead_score": "REAL",
        "outcomes": "TEXT NOT NULL DEFAULT '{}'",
    },
}

# What a segment has, also where it is a shadow's.
_SEGMENT = """    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    number INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    utterance INTEGER NOT NULL DEFAULT 0,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL,
    speaker TEXT,
    probability REAL,
    failed INTEGER NOT NULL DEFAULT 0,
    engine TEXT NOT NULL DEFAULT '',
    sentiment REAL,
    safe INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, call_id, revision, number)"""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS calls (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    language TEXT NOT NULL,
    channels INTEGER NOT NULL,
    rate INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    length_s REAL,
    draft_engine TEXT,
    canonical_engine TEXT,
    has_draft INTEGER NOT NULL DEFAULT 0,
    canonical_id INTEGER NOT NULL DEFAULT 0,
    canonical_revision TEXT,
    draft_wer REAL,
    draft_wer_normaliser TEXT,
    error_code TEXT,
    error TEXT,
    recording TEXT,
    provisional INTEGER NOT NULL DEFAULT 0,
    sentiment REAL,
    lead_score REAL,
    outcomes TEXT NOT NULL DEFAULT '{{}}',
    PRIMARY KEY (tenant, call_id)
);
CREATE INDEX IF NOT EXISTS calls_newest ON calls (tenant, started_at, call_id);

CREATE TABLE IF NOT EXISTS revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS revisions_of_call ON revisions (tenant, call_id);

CREATE TABLE IF NOT EXISTS segments (
    id INTEGER PRIMARY KEY,
{_SEGMENT}
);
CREATE INDEX IF NOT EXISTS segments_by_time
    ON segments (tenant, call_id, revision, start_s, channel, number);

CREATE VIRTUAL TABLE IF NOT EXISTS segments_fts USING fts5(
    text, content='segments', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);

CREATE TRIGGER IF NOT EXISTS segments_added AFTER INSERT ON segments BEGIN
    INSERT INTO segments_fts(rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER IF NOT EXISTS segments_removed AFTER DELETE ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER IF NOT EXISTS segments_changed AFTER UPDATE OF text ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO segments_fts(rowid, text) VALUES (new.id, new.text);
END;

-- Texts of shadow engines: beside the segments, so that neither readers nor the index meet them.
-- ``revision`` is the shadow's id. One that is not ready is half written.
CREATE TABLE IF NOT EXISTS shadows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    pass TEXT NOT NULL,
    ready INTEGER NOT NULL DEFAULT 0,
    engine TEXT NOT NULL DEFAULT '',
    canonical_engine TEXT NOT NULL DEFAULT '',
    revision TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT '',
    normaliser TEXT NOT NULL DEFAULT '',
    words INTEGER NOT NULL DEFAULT 0,
    canonical_words INTEGER NOT NULL DEFAULT 0,
    substitutions INTEGER NOT NULL DEFAULT 0,
    insertions INTEGER NOT NULL DEFAULT 0,
    deletions INTEGER NOT NULL DEFAULT 0,
    audio_s REAL NOT NULL DEFAULT 0,
    compute_s REAL NOT NULL DEFAULT 0,
    made_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS shadows_of_call ON shadows (tenant, call_id, id);

CREATE TABLE IF NOT EXISTS shadow_segments (
{_SEGMENT}
);
CREATE INDEX IF NOT EXISTS shadow_segments_by_time
    ON shadow_segments (tenant, call_id, revision, start_s, channel, number);

-- What is known of a call besides its words, as JSON; of its canonical revision.
CREATE TABLE IF NOT EXISTS insights (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, call_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tombstones (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    buried_at REAL NOT NULL,
    PRIMARY KEY (tenant, call_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS unfinished_burials (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    PRIMARY KEY (tenant, call_id)
) WITHOUT ROWID;
"""
SCHEMA += USAGE

# Two levels suffice to go on with a merge that was begun: see sqlite_purge.
_MERGING = Upgrade(
    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM segments_fts_config WHERE k = 'usermerge' AND v = 2)",
    ("INSERT INTO segments_fts(segments_fts, rank) VALUES ('usermerge', 2)",),
)
UPGRADES = (_MERGING, USAGE_MOVED)
