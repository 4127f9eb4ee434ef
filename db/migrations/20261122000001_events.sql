-- migrate:up

-- The roles of the services. They belong to the whole server, and two databases may be migrated at once.
DO $$
BEGIN
  CREATE ROLE sluice_worker NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$
BEGIN
  CREATE ROLE sluice_stats NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE TABLE events (
  id uuid NOT NULL,
  site_id text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL DEFAULT '',
  user_id text COLLATE "C",
  "timestamp" timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  event_id text COLLATE "C",
  url text,
  referrer text,
  title text,
  hostname text,
  language text,
  screen text,
  properties jsonb,
  PRIMARY KEY (id),
  CONSTRAINT events_can_be_counted CHECK (
    octet_length(site_id) + greatest(octet_length(event_type), octet_length(path), octet_length(user_id)) <= 2400
  )
) PARTITION BY RANGE (id);
CREATE INDEX events_site_id_timestamp ON events (site_id, "timestamp");

COMMENT ON CONSTRAINT events_can_be_counted ON events IS 'What an index entry of the counts holds, 2,704 bytes, with room for the rest of the key. Ingest takes 2,256 at most.';
COMMENT ON TABLE events IS 'Every event, once. Partitioned by the UTC day in the first 48 bits of id.';
COMMENT ON COLUMN events.id IS 'UUIDv7 of the receipt, or UUIDv8 of the client''s time and a hash of site and event_id: sending an event again gives the same id.';
COMMENT ON COLUMN events.site_id IS 'The site that the event belongs to, 1 to 64 characters.';
COMMENT ON COLUMN events.event_type IS 'What happened, 1 to 64 characters, such as page_view.';
COMMENT ON COLUMN events.path IS 'Where it happened, up to 2,000 bytes; empty when the client sent none.';
COMMENT ON COLUMN events.user_id IS 'Who did it, as the client names people; null when it didn''t say.';
COMMENT ON COLUMN events."timestamp" IS 'When it happened, by the client''s clock, at most the time of receipt.';
COMMENT ON COLUMN events.received_at IS 'When ingest had it whole.';
COMMENT ON COLUMN events.event_id IS 'The client''s own id of the event, if it sent one.';
COMMENT ON COLUMN events.url IS 'The page''s URL.';
COMMENT ON COLUMN events.referrer IS 'The URL that led to the page.';
COMMENT ON COLUMN events.title IS 'The page''s title.';
COMMENT ON COLUMN events.hostname IS 'The page''s host.';
COMMENT ON COLUMN events.language IS 'The browser''s language tag.';
COMMENT ON COLUMN events.screen IS 'The screen''s size, such as 1920x1080.';
COMMENT ON COLUMN events.properties IS 'Whatever else the client sent: an object of up to 64 keys and 16 KiB.';
COMMENT ON INDEX events_site_id_timestamp IS 'A site''s events in order of time.';

CREATE TABLE dead_letters (
  fingerprint bytea PRIMARY KEY,
  payload bytea NOT NULL,
  reason text NOT NULL,
  sqlstate text,
  entry_id text,
  times integer NOT NULL DEFAULT 1,
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dead_letters IS 'What was accepted or found in the stream and can''t be stored as an event.';
COMMENT ON COLUMN dead_letters.fingerprint IS 'SHA-256 of the payload: the same one again is the same letter.';
COMMENT ON COLUMN dead_letters.payload IS 'The event''s line, or the whole entry, byte for byte.';
COMMENT ON COLUMN dead_letters.reason IS 'What is wrong with it, in one sentence.';
COMMENT ON COLUMN dead_letters.sqlstate IS 'Postgres'' code for it, null when Postgres never saw it.';
COMMENT ON COLUMN dead_letters.entry_id IS 'The stream entry that it was last seen in; such an id can repeat.';
COMMENT ON COLUMN dead_letters.times IS 'How often it was seen.';
COMMENT ON COLUMN dead_letters.first_seen IS 'When it was first seen.';
COMMENT ON COLUMN dead_letters.last_seen IS 'When it was last seen.';

-- migrate:down
