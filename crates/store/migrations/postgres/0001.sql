-- Highroad's store, version 1. Runs with the search path set to the store's own schema.
-- Texts sort by their bytes, as they do in the program; times are microseconds since 1970.

CREATE TABLE facts (
    seq bigint PRIMARY KEY,
    at bigint NOT NULL,
    schema bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    link bytea NOT NULL
);
CREATE INDEX facts_subject ON facts (subject, seq);
CREATE INDEX facts_scope ON facts (scope, seq);
CREATE INDEX facts_kind ON facts (kind, seq);
-- Times grow with the journal, so a few bytes for every range of pages find them.
CREATE INDEX facts_at ON facts USING brin (at) WITH (autosummarize = on);

-- The end of the journal. Each commit locks this row, so that commits follow one another.
-- Room is left on its page, so that updating it touches no other.
CREATE TABLE journal_head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    seq bigint NOT NULL,
    link bytea NOT NULL
) WITH (fillfactor = 10);
INSERT INTO journal_head (seq, link) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE processes (
    id text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'parked', 'ended')),
    wake_at bigint,
    slot text COLLATE "C",
    due_at bigint,
    holder text COLLATE "C"
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX processes_slot ON processes (slot) WHERE status <> 'ended';
CREATE INDEX processes_due ON processes (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX processes_holder ON processes (holder) WHERE holder IS NOT NULL;

CREATE TABLE intents (
    target text COLLATE "C" PRIMARY KEY,
    generation bigint NOT NULL,
    process text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'upheld', 'closed')),
    audited_at bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX intents_open ON intents (process) WHERE status = 'open';
CREATE INDEX intents_upheld ON intents (audited_at) WHERE status = 'upheld';

CREATE TABLE commands (
    id text COLLATE "C" PRIMARY KEY,
    reply text COLLATE "C" NOT NULL
);

-- Takes several commits in order, in one transaction and one round trip, and says of each what
-- became of it. What a commit can be refused for is found before anything of it is written.
-- The parameters c_* have an element for each commit. Settled intents (s_*), new intents (i_*) and
-- facts (f_*) lie one commit's behind the other's; c_*_end say where each commit's own end.
CREATE FUNCTION commit_batch(
    c_command text[], c_reply text[],
    c_process text[], c_kind text[], c_expected bigint[], c_state text[], c_status text[],
    c_wake_at bigint[], c_slot text[], c_holder text[], c_until bigint[], c_now bigint[],
    c_settled_end int[], c_intents_end int[], c_facts_end int[],
    s_target text[], s_generation bigint[], s_upheld boolean[],
    i_target text[], i_body text[],
    f_at bigint[], f_schema bigint[], f_kind text[], f_actor text[], f_cause text[],
    f_subject text[], f_scope text[], f_body text[], f_digest bytea[]
) RETURNS TABLE (outcome text, detail text, new_version bigint, head bigint, generations bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    first_seq bigint;
    last_seq bigint;
    last_link bytea;
    links bytea[] := '{}';
    taken int[] := '{}';
    settled_from int := 1;
    intents_from int := 1;
    facts_from int := 1;
    found_version bigint;
    generation_before bigint;
    loser text;
BEGIN
    SELECT h.seq, h.link INTO STRICT last_seq, last_link FROM journal_head h FOR UPDATE;
    first_seq := last_seq;
    FOR c IN 1 .. cardinality(c_command) LOOP
        outcome := NULL;
        detail := NULL;
        new_version := 0;
        generations := '{}';

        IF c_command[c] IS NOT NULL THEN
            SELECT 'repeated', k.reply INTO outcome, detail
                FROM commands k WHERE k.id = c_command[c];
        END IF;
        IF outcome IS NULL AND c_process[c] IS NOT NULL THEN
            found_version := (SELECT p.version FROM processes p WHERE p.id = c_process[c]);
            IF found_version IS DISTINCT FROM c_expected[c] THEN
                outcome := 'conflict';
            ELSIF c_slot[c] IS NOT NULL AND c_status[c] <> 'ended' THEN
                SELECT 'slot', p.id INTO outcome, detail FROM processes p
                    WHERE p.slot = c_slot[c] AND p.status <> 'ended' AND p.id <> c_process[c];
            END IF;
        END IF;

        IF outcome IS NULL THEN
            outcome := 'taken';
            FOR s IN settled_from .. c_settled_end[c] LOOP
                UPDATE intents i
                    SET status = CASE WHEN s_upheld[s] THEN 'upheld' ELSE 'closed' END,
                        audited_at = c_now[c]
                    WHERE i.target = s_target[s] AND i.generation = s_generation[s]
                        AND i.process = c_process[c];
            END LOOP;
            FOR n IN intents_from .. c_intents_end[c] LOOP
                SELECT i.generation, CASE WHEN i.status = 'open' THEN i.process END
                    INTO generation_before, loser FROM intents i WHERE i.target = i_target[n];
                INSERT INTO intents AS i (target, generation, process, body, status, audited_at)
                    VALUES (i_target[n], 1, c_process[c], i_body[n], 'open', c_now[c])
                    ON CONFLICT (target) DO UPDATE
                        SET generation = i.generation + 1, process = excluded.process,
                            body = excluded.body, status = 'open', audited_at = excluded.audited_at;
                generations := array_append(generations, coalesce(generation_before, 0) + 1);
                -- Whoever loses its last open intent is due by its own time, though not before its
                -- hold ends.
                IF loser <> c_process[c] THEN
                    UPDATE processes p
                        SET due_at = CASE WHEN p.status = 'active' AND p.wake_at IS NOT NULL
                                THEN greatest(p.due_at, p.wake_at) END,
                            holder = CASE WHEN p.status = 'active' AND p.wake_at <= p.due_at
                                THEN p.holder END
                        WHERE p.id = loser AND p.due_at IS NOT NULL AND NOT EXISTS (
                            SELECT FROM intents i WHERE i.process = loser AND i.status = 'open');
                END IF;
            END LOOP;
            IF c_process[c] IS NOT NULL THEN
                new_version := coalesce(c_expected[c], 0) + 1;
                WITH due AS (
                    SELECT CASE
                        WHEN c_status[c] = 'parked' THEN 'never'
                        -- What an ended process wanted last is still to be brought about.
                        WHEN EXISTS (SELECT FROM intents i
                            WHERE i.process = c_process[c] AND i.status = 'open') THEN 'held'
                        WHEN c_status[c] = 'active' THEN 'waking'
                        ELSE 'never' END AS how
                )
                INSERT INTO processes AS p
                    (id, kind, version, state, status, wake_at, slot, due_at, holder)
                    SELECT c_process[c], c_kind[c], new_version, c_state[c], c_status[c],
                        c_wake_at[c], c_slot[c],
                        CASE how WHEN 'held' THEN c_until[c] WHEN 'waking' THEN c_wake_at[c] END,
                        CASE how WHEN 'held' THEN c_holder[c] END
                    FROM due
                    ON CONFLICT (id) DO UPDATE
                        SET kind = excluded.kind, version = excluded.version,
                            state = excluded.state, status = excluded.status,
                            wake_at = excluded.wake_at, slot = excluded.slot,
                            due_at = excluded.due_at, holder = excluded.holder;
            END IF;
            FOR f IN facts_from .. c_facts_end[c] LOOP
                last_seq := last_seq + 1;
                last_link := sha256(last_link || int8send(last_seq) || f_digest[f]);
                links := array_append(links, last_link);
                taken := array_append(taken, f);
            END LOOP;
            IF c_command[c] IS NOT NULL THEN
                INSERT INTO commands (id, reply) VALUES (c_command[c], c_reply[c]);
            END IF;
        END IF;
        settled_from := c_settled_end[c] + 1;
        intents_from := c_intents_end[c] + 1;
        facts_from := c_facts_end[c] + 1;
        head := last_seq;
        RETURN NEXT;
    END LOOP;

    IF last_seq > first_seq THEN
        INSERT INTO facts (seq, at, schema, kind, actor, cause, subject, scope, body, link)
            SELECT first_seq + t.n, f_at[t.f], f_schema[t.f], f_kind[t.f], f_actor[t.f],
                f_cause[t.f], f_subject[t.f], f_scope[t.f], f_body[t.f], t.link
            FROM unnest(taken, links) WITH ORDINALITY AS t (f, link, n);
        UPDATE journal_head SET seq = last_seq, link = last_link;
    END IF;
END
$$;

-- Hands out what is due, the longest due first; the last row has no process and tells when the
-- next will be due. Nothing is written when nothing is due. What somebody else has locked is
-- passed over: it is being decided on, or handed out.
CREATE FUNCTION claim(
    by_server text, until_time bigint, anew boolean, now_time bigint, most bigint
) RETURNS TABLE (
    id text, kind text, version bigint, state text, status text, wake_at bigint, slot text,
    open_generations bigint[], open_bodies text[], next_due_at bigint
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF anew THEN
        WITH own AS MATERIALIZED (
            SELECT p.id FROM processes p
                WHERE p.holder = by_server FOR UPDATE SKIP LOCKED
        )
        UPDATE processes p SET due_at = least(p.due_at, now_time), holder = NULL
            FROM own WHERE p.id = own.id;
    END IF;
    RETURN QUERY
        WITH ready AS MATERIALIZED (
            SELECT p.id, p.due_at FROM processes p WHERE p.due_at <= now_time
                ORDER BY p.due_at, p.id LIMIT most FOR UPDATE SKIP LOCKED
        ), handed AS (
            UPDATE processes p SET due_at = until_time, holder = by_server
                FROM ready WHERE p.id = ready.id
                RETURNING p.*, ready.due_at AS was_due_at
        )
        SELECT h.id, h.kind, h.version, h.state, h.status, h.wake_at, h.slot,
            o.generations, o.bodies, NULL::bigint
            FROM handed h, LATERAL (
                SELECT array_agg(i.generation ORDER BY i.target) AS generations,
                    array_agg(i.body ORDER BY i.target) AS bodies
                FROM intents i WHERE i.process = h.id AND i.status = 'open') o
            ORDER BY h.was_due_at, h.id;
    RETURN QUERY
        SELECT NULL, NULL, NULL::bigint, NULL, NULL, NULL::bigint, NULL,
            NULL::bigint[], NULL::text[], min(p.due_at) FROM processes p WHERE p.due_at IS NOT NULL;
END
$$;
