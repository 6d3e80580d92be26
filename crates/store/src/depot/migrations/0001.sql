-- The depot's index, version 1. What was released is never edited.
--
-- Times are microseconds since 1970. Texts that hold lists are JSON.

-- A file in the folder `packs`. `live` is how many of its bytes frames still name.
CREATE TABLE packs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    live INTEGER NOT NULL
) STRICT;

-- Blobs that are compressed together; not compressed where `stored` equals `raw`. A number is
-- never given twice, so that a saver notices when a frame it counted on has gone.
CREATE TABLE frames (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pack INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    raw INTEGER NOT NULL
) STRICT;

-- A file's content, or a part of it. `short` is how its digest begins. A frame that was found
-- damaged has none.
CREATE TABLE blobs (
    frame INTEGER NOT NULL,
    start INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest BLOB NOT NULL,
    short INTEGER NOT NULL,
    PRIMARY KEY (frame, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_by_digest ON blobs (short);

-- Paths and what is there; `manifest` is the digest of the blob that lists them.
CREATE TABLE trees (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    manifest BLOB NOT NULL UNIQUE,
    files INTEGER NOT NULL,
    size INTEGER NOT NULL
) STRICT;

-- Where everything that a tree needs is to be found.
CREATE TABLE tree_frames (
    tree INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    PRIMARY KEY (tree, frame)
) STRICT, WITHOUT ROWID;
CREATE INDEX tree_frames_by_frame ON tree_frames (frame);

CREATE TABLE caches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository TEXT NOT NULL,
    git_ref TEXT NOT NULL,
    version TEXT NOT NULL,
    key TEXT NOT NULL,
    paths TEXT NOT NULL,
    tree INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX caches_by_key ON caches (repository, git_ref, version, key);
CREATE INDEX caches_by_use ON caches (used_at);
CREATE INDEX caches_by_tree ON caches (tree);

CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    name TEXT NOT NULL,
    tree INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX artifacts_by_name ON artifacts (run, name);
CREATE INDEX artifacts_by_end ON artifacts (expires_at);
CREATE INDEX artifacts_by_tree ON artifacts (tree);

-- What was looked for. `outcome` is 0 for a miss, 1 for the beginning of a key, 2 for the key.
CREATE TABLE lookups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    repository TEXT NOT NULL,
    own TEXT NOT NULL,
    base TEXT,
    default_ref TEXT,
    key TEXT NOT NULL,
    restore_keys TEXT NOT NULL,
    version TEXT NOT NULL,
    paths TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    found_key TEXT,
    found_ref TEXT
) STRICT;
CREATE INDEX lookups_by_key ON lookups (repository, key);

-- Caches that were there, so that it can be told why they are not. `why` is 0 when it made room,
-- 1 when nobody used it, 2 when something took its place, 3 when somebody removed it, 4 when it
-- was damaged.
CREATE TABLE gone_caches (
    id INTEGER PRIMARY KEY,
    repository TEXT NOT NULL,
    git_ref TEXT NOT NULL,
    version TEXT NOT NULL,
    key TEXT NOT NULL,
    paths TEXT NOT NULL,
    files INTEGER NOT NULL,
    size INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    gone_at INTEGER NOT NULL,
    why INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX gone_caches_by_time ON gone_caches (gone_at);

-- The same of artifacts; `why` is 1 when its time was over, 2 and 3 as above.
CREATE TABLE gone_artifacts (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    name TEXT NOT NULL,
    gone_at INTEGER NOT NULL,
    why INTEGER NOT NULL
) STRICT;
CREATE INDEX gone_artifacts_by_name ON gone_artifacts (run, name);

-- Bytes of a pack that nobody names any more, to be given back to the disk.
CREATE TABLE holes (
    pack INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL
) STRICT;

-- When the depot was last tended.
CREATE TABLE tended (at INTEGER NOT NULL) STRICT;
