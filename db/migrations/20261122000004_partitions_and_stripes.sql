-- migrate:up

-- Attaching a partition scans the default one, with writers waiting, unless a CHECK says that nothing
-- in it can be of the new day. So the default partition has two parts: what lies before the first day
-- that could have a partition, which may grow with every import of old events and is never scanned,
-- and days that were missed, which is empty but in trouble.
DO $$
DECLARE
  first_bound CONSTANT uuid := partition_bound((now() AT TIME ZONE 'UTC')::date - 1);
BEGIN
  ALTER TABLE events DETACH PARTITION events_default;
  ALTER TABLE events_default RENAME TO events_default_whole;
  ALTER INDEX events_default_pkey RENAME TO events_default_whole_pkey;
  ALTER INDEX IF EXISTS events_default_site_id_timestamp_idx RENAME TO events_default_whole_site_id_timestamp_idx;
  CREATE TABLE events_default PARTITION OF events DEFAULT PARTITION BY RANGE (id);
  EXECUTE format('CREATE TABLE events_before PARTITION OF events_default (CONSTRAINT events_before_id CHECK (id < %L))
    FOR VALUES FROM (MINVALUE) TO (%L)', first_bound, first_bound);
  EXECUTE format('CREATE TABLE events_missed PARTITION OF events_default FOR VALUES FROM (%L) TO (MAXVALUE)', first_bound);
  -- Into the partition itself: the trigger of events has counted these rows already.
  INSERT INTO events_default SELECT * FROM events_default_whole;
  DROP TABLE events_default_whole;
END $$;
COMMENT ON TABLE events_default IS 'Events of days that have no partition, in two parts so that making partitions scans neither many rows nor for long.';
COMMENT ON TABLE events_before IS 'Events with ids from before this database had partitions: old times that clients send.';
COMMENT ON CONSTRAINT events_before_id ON events_before IS 'Says what the partition bound says, in the form that attaching a partition looks for to skip its scan.';
COMMENT ON TABLE events_missed IS 'Events of days whose partition wasn''t made in time, or is gone again. Empty but in trouble.';

-- Rows of a day that wait in events_missed move into its new partition, up to this many: writers wait
-- for the move. A day with more stays where it is, whole, found and unique all the same.
CREATE FUNCTION most_moved_rows() RETURNS integer
LANGUAGE sql IMMUTABLE AS 'SELECT 100000';
COMMENT ON FUNCTION most_moved_rows() IS 'How many rows of one day ensure_partitions() moves out of the default partition.';

CREATE FUNCTION missing_days() RETURNS SETOF date
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT day FROM (
    SELECT (now() AT TIME ZONE 'UTC')::date + ahead AS day FROM generate_series(-1, 7) AS ahead
  ) AS wanted
  WHERE to_regclass('public.events_' || to_char(day, 'YYYY_MM_DD')) IS NULL
  ORDER BY day
$$;
COMMENT ON FUNCTION missing_days() IS 'Days from yesterday to a week ahead that have no partition.';

-- The lock on events lets readers go on, and waits for statements that write: one that had chosen the
-- default partition for its rows would otherwise find them forbidden there. Writers queue behind that
-- wait, so it ends well before their own lock time-out of 2 s; the next call tries again.
CREATE OR REPLACE FUNCTION ensure_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
  day date;
  lowest uuid;
  beyond uuid;
  name text;
BEGIN
  IF NOT EXISTS (SELECT FROM missing_days()) THEN RETURN; END IF;
  -- Only one at a time. Who comes second waits, and then finds them made.
  PERFORM set_config('lock_timeout', '10s', true);
  PERFORM pg_advisory_xact_lock(hashtextextended('sluice:partitions', 0));
  IF NOT EXISTS (SELECT FROM missing_days()) THEN RETURN; END IF;
  PERFORM set_config('lock_timeout', '1s', true);
  LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;
  FOR day IN SELECT * FROM missing_days() LOOP
    lowest := partition_bound(day);
    beyond := partition_bound(day + 1);
    CONTINUE WHEN EXISTS (SELECT FROM events_default WHERE id >= lowest AND id < beyond OFFSET most_moved_rows());
    name := 'events_' || to_char(day, 'YYYY_MM_DD');
    EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING DEFAULTS INCLUDING STORAGE)', name);
    EXECUTE format('WITH moved AS (DELETE FROM public.events_default WHERE id >= %L AND id < %L RETURNING *)
      INSERT INTO public.%I SELECT * FROM moved', lowest, beyond, name);
    EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
      name, lowest, beyond);
  END LOOP;
END $$;

-- Stripe 0 is what merge_stripes() merges into; writers have 1 to 16, so the two never meet on a row.
-- In this order of tables, each in the order of its key: writers that meet on a visitor, or on a stripe
-- that two of them share, wait in one order and never deadlock.
CREATE OR REPLACE FUNCTION count_new_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  own_stripe CONSTANT smallint := 1 + pg_backend_pid() % 16;
BEGIN
  INSERT INTO hourly_counts AS kept (site_id, hour, event_type, stripe, events)
  SELECT site_id, date_trunc('hour', "timestamp", 'UTC'), event_type, own_stripe, count(*)
  FROM new_events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (site_id, hour, event_type, stripe) DO UPDATE SET events = kept.events + excluded.events;

  INSERT INTO daily_paths AS kept (site_id, day, path, stripe, views)
  SELECT site_id, ("timestamp" AT TIME ZONE 'UTC')::date, path, own_stripe, count(*)
  FROM new_events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (site_id, day, path, stripe) DO UPDATE SET views = kept.views + excluded.views;

  WITH newcomers AS (
    INSERT INTO daily_visitors (site_id, day, user_id)
    SELECT site_id, ("timestamp" AT TIME ZONE 'UTC')::date, user_id
    FROM new_events WHERE user_id <> '' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING
    RETURNING site_id, day
  )
  INSERT INTO daily_visitor_counts AS kept (site_id, day, stripe, visitors)
  SELECT site_id, day, own_stripe, count(*) FROM newcomers GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (site_id, day, stripe) DO UPDATE SET visitors = kept.visitors + excluded.visitors;
  RETURN NULL;
END $$;
COMMENT ON COLUMN hourly_counts.stripe IS 'Which writer''s share: 1 + its backend''s pid modulo 16; 0 once merged.';
COMMENT ON COLUMN daily_paths.stripe IS 'Which writer''s share: 1 + its backend''s pid modulo 16; 0 once merged.';
COMMENT ON COLUMN daily_visitor_counts.stripe IS 'Which writer''s share: 1 + its backend''s pid modulo 16; 0 once merged.';
COMMENT ON TRIGGER count_new_events ON events IS 'Once a statement, COPY included; counts only rows that it really inserted.';

-- Takes only rows that no writer holds (SKIP LOCKED), so it waits for nobody and can't deadlock with
-- late events of a past day. Site by site, because the keys begin with the site: history isn't read.
-- A day is merged from two hours after its end, when hardly anybody writes to it any more.
CREATE OR REPLACE FUNCTION merge_stripes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  last_day CONSTANT date := ((now() - interval '2 hours') AT TIME ZONE 'UTC')::date - 1;
  first_day CONSTANT date := last_day - 2;
  site text;
BEGIN
  -- Another worker is at it.
  IF NOT pg_try_advisory_xact_lock(hashtextextended('sluice:stripes', 0)) THEN RETURN; END IF;
  SELECT min(site_id) INTO site FROM hourly_counts;
  WHILE site IS NOT NULL LOOP
    WITH free AS (
      SELECT hour, event_type, stripe FROM hourly_counts
      WHERE site_id = site AND hour >= first_day::timestamp AT TIME ZONE 'UTC'
        AND hour < (last_day + 1)::timestamp AT TIME ZONE 'UTC' AND stripe <> 0
      FOR UPDATE SKIP LOCKED
    ), taken AS (
      DELETE FROM hourly_counts AS kept USING free WHERE kept.site_id = site AND kept.hour = free.hour
        AND kept.event_type = free.event_type AND kept.stripe = free.stripe
      RETURNING kept.hour, kept.event_type, kept.events
    )
    INSERT INTO hourly_counts AS kept (site_id, hour, event_type, stripe, events)
    SELECT site, hour, event_type, 0, sum(events) FROM taken GROUP BY 2, 3
    ON CONFLICT (site_id, hour, event_type, stripe) DO UPDATE SET events = kept.events + excluded.events;

    WITH free AS (
      SELECT day, path, stripe FROM daily_paths
      WHERE site_id = site AND day BETWEEN first_day AND last_day AND stripe <> 0
      FOR UPDATE SKIP LOCKED
    ), taken AS (
      DELETE FROM daily_paths AS kept USING free WHERE kept.site_id = site AND kept.day = free.day
        AND kept.path = free.path AND kept.stripe = free.stripe
      RETURNING kept.day, kept.path, kept.views
    )
    INSERT INTO daily_paths AS kept (site_id, day, path, stripe, views)
    SELECT site, day, path, 0, sum(views) FROM taken GROUP BY 2, 3
    ON CONFLICT (site_id, day, path, stripe) DO UPDATE SET views = kept.views + excluded.views;

    WITH free AS (
      SELECT day, stripe FROM daily_visitor_counts
      WHERE site_id = site AND day BETWEEN first_day AND last_day AND stripe <> 0
      FOR UPDATE SKIP LOCKED
    ), taken AS (
      DELETE FROM daily_visitor_counts AS kept USING free
      WHERE kept.site_id = site AND kept.day = free.day AND kept.stripe = free.stripe
      RETURNING kept.day, kept.visitors
    )
    INSERT INTO daily_visitor_counts AS kept (site_id, day, stripe, visitors)
    SELECT site, day, 0, sum(visitors) FROM taken GROUP BY 2
    ON CONFLICT (site_id, day, stripe) DO UPDATE SET visitors = kept.visitors + excluded.visitors;

    SELECT min(site_id) INTO site FROM hourly_counts WHERE site_id > site;
  END LOOP;
END $$;
COMMENT ON FUNCTION merge_stripes() IS 'Merges the stripes of the last finished days'' counts into one. Workers call it hourly.';

-- What the trigger reads is kept in memory up to this: 10,000 events with all their texts are 5 to 10 MB.
ALTER ROLE sluice_worker SET work_mem = '32MB';

COMMENT ON TABLE schema_migrations IS 'The migrations that this database has, kept by dbmate.';
COMMENT ON COLUMN schema_migrations.version IS 'The number that the migration''s file begins with.';

REVOKE ALL ON FUNCTION most_moved_rows(), missing_days(), partition_bound(date) FROM PUBLIC;

SELECT ensure_partitions();

-- migrate:down
