-- The journal. Facts are only ever added. What is long stands last, so that filters need not pass it.
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    link BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Facts by the words in them: subject, scope, kind, actor. Indexes would have every commit change a
-- page of each; here facts are entered many at a time, and those behind the last stride are looked
-- through one by one.
CREATE TABLE catalogue (
    word TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (word, seq)
) STRICT, WITHOUT ROWID;

-- The stretches of the journal that were entered at once, each with the times it reaches over.
CREATE TABLE strides (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL
) STRICT;

-- Where the journal ends, said once more, so that an end that was cut off is missed.
CREATE TABLE journal_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq INTEGER NOT NULL,
    link BLOB NOT NULL
) STRICT;
INSERT INTO journal_head VALUES (1, 0, zeroblob(32));

-- `status` is 0 for active, 1 for parked, 2 for ended.
CREATE TABLE processes (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    status INTEGER NOT NULL,
    wake_at INTEGER,
    slot TEXT,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX processes_active ON processes (number) WHERE status = 0;
CREATE UNIQUE INDEX processes_slot ON processes (slot) WHERE slot IS NOT NULL AND status <> 2;

-- The newest intent for each target.
CREATE TABLE intents (
    target TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    generation INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    is_upheld INTEGER NOT NULL,
    audited_at INTEGER NOT NULL,
    intent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX intents_open ON intents (process) WHERE is_open = 1;
CREATE INDEX intents_upheld ON intents (audited_at) WHERE is_upheld = 1;

-- The replies that commands were given.
CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    reply TEXT NOT NULL
) STRICT, WITHOUT ROWID;
