-- A database as the first released schema left it. Never edited: newer versions must still take it up.
PRAGMA application_id = 1214861924;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    reply TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "commands" VALUES('cmd_01mcc5rm00e40r2081040g2081','taken');
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
INSERT INTO "facts" VALUES(1,1800000001000000,1,'word.refused','system:conductor','wake','tst_01mcc5rm00e40r2081040g2081','shop/production',X'A0F6BE7BFCDDF1E59E5A5AC87E0E73FCADF0D01FE59D8524C6D0C14AC8279940','{"word":"1","why":"it is over"}');
INSERT INTO "facts" VALUES(2,1800000002000000,1,'word.refused','system:conductor','wake','tst_01mcc5rm00e40r2081040g2081','shop/production',X'0A67946CFC8344A648E58097BBEFF536D5662FB0F668B7CA9F899DD6135177A6','{"word":"2","why":"it is over"}');
INSERT INTO "facts" VALUES(3,1800000003000000,1,'word.refused','person:ada','wake','tst_01mcc5rm00e40r2081040g2081','shop/production',X'FD38B5FE764C9084D4D9147A6077DF54E3FDF881FA06A0E01A8849651F1500FE','{"word":"3","why":"it''s 🛣"}');
CREATE TABLE intents (
    target TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    generation INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    is_upheld INTEGER NOT NULL,
    audited_at INTEGER NOT NULL,
    intent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "intents" VALUES('survey/shop/a','tst_01mcc5rm00e40r2081040g2081',1,1,0,1800000000000000,'{"survey":{"service":"shop","environment":"a"}}');
INSERT INTO "intents" VALUES('weights/shop/b','tst_01mcc5rm00e40r2081040g2081',1,0,1,1800000000000000,'{"steer":{"service":"shop","environment":"b","shares":[]}}');
CREATE TABLE journal_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq INTEGER NOT NULL,
    link BLOB NOT NULL
) STRICT;
INSERT INTO "journal_head" VALUES(1,3,X'FD38B5FE764C9084D4D9147A6077DF54E3FDF881FA06A0E01A8849651F1500FE');
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
INSERT INTO "processes" VALUES(1,'tst_01mcc5rm00e40r2081040g2081','rollout',2,0,1800000060000000,'one','{"V1":{"text":"it''s a \u0000"}}');
INSERT INTO "processes" VALUES(2,'tst_01mcc5rm00e81840g2081040g2','test',1,0,1800000060000000,NULL,'{}');
INSERT INTO "processes" VALUES(3,'tst_01mcc5rm00ec1r60r30c1g60r3','test',1,1,NULL,NULL,'{}');
INSERT INTO "processes" VALUES(4,'tst_01mcc5rm00eg2881040g208104','test',1,2,NULL,'one','{}');
CREATE TABLE catalogue (
    word TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (word, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE strides (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL
) STRICT;
CREATE INDEX processes_active ON processes (number) WHERE status = 0;
CREATE UNIQUE INDEX processes_slot ON processes (slot) WHERE slot IS NOT NULL AND status <> 2;
CREATE INDEX intents_open ON intents (process) WHERE is_open = 1;
CREATE INDEX intents_upheld ON intents (audited_at) WHERE is_upheld = 1;
COMMIT;
