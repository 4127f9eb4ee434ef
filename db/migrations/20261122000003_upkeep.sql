-- migrate:up

CREATE FUNCTION partition_bound(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
COMMENT ON FUNCTION partition_bound(date) IS 'The lowest id of a UTC day.';

-- Attaching a partition scans the default one, with writers waiting, unless a CHECK says that nothing
-- in it can be of the new day. So the default partition has two parts: what lies before the first day
-- that could have a partition, which may grow with every import of old events and is never scanned,
-- and days that were missed, which is empty but in trouble.
DO $$
DECLARE
  first_bound CONSTANT uuid := partition_bound((now() AT TIME ZONE 'UTC')::date - 1);
BEGIN
  CREATE TABLE events_default PARTITION OF events DEFAULT PARTITION BY RANGE (id);
  EXECUTE format('CREATE TABLE events_before PARTITION OF events_default (CONSTRAINT events_before_id CHECK (id < %L))
    FOR VALUES FROM (MINVALUE) TO (%L)', first_bound, first_bound);
  EXECUTE format('CREATE TABLE events_missed PARTITION OF events_default FOR VALUES FROM (%L) TO (MAXVALUE)', first_bound);
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
CREATE FUNCTION ensure_partitions() RETURNS void
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
    EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING CONSTRAINTS)', name);
    EXECUTE format('WITH moved AS (DELETE FROM public.events_default WHERE id >= %L AND id < %L RETURNING *)
      INSERT INTO public.%I SELECT * FROM moved', lowest, beyond, name);
    EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
      name, lowest, beyond);
  END LOOP;
END $$;
COMMENT ON FUNCTION ensure_partitions() IS 'Makes the day partitions from yesterday to a week ahead. Workers call it at start and hourly.';

-- Takes only rows that no writer holds (SKIP LOCKED), so it waits for nobody and can't deadlock with
-- late events of a past day. Site by site, because the keys begin with the site: history isn't read.
-- A day is merged from two hours after its end, when hardly anybody writes to it any more.
CREATE FUNCTION merge_stripes() RETURNS void
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

    SELECT min(site_id) INTO site FROM hourly_counts WHERE site_id > site;
  END LOOP;
END $$;
COMMENT ON FUNCTION merge_stripes() IS 'Merges the stripes of the last finished days'' hourly counts into one. Workers call it hourly.';

-- For the quiet moments of the workers, so that reports find little to add. A call ends after so many
-- events that it takes about a second. Days long over, as imports bring, are folded whatever they have.
CREATE FUNCTION fold_days(least_events integer, least_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  most_events CONSTANT integer := 50000;
  -- Each holds a lock to the end of the transaction, and a server has only some thousands of those.
  most_days CONSTANT integer := 500;
  folded bigint := 0;
  much record;
BEGIN
  FOR much IN
    SELECT site_id, day FROM unfolded GROUP BY site_id, day
    HAVING sum(events) >= least_events OR count(*) >= least_rows
      OR day < (now() AT TIME ZONE 'UTC')::date - 1
    ORDER BY sum(events) DESC LIMIT most_days
  LOOP
    folded := folded + fold(much.site_id, much.day);
    EXIT WHEN folded >= most_events;
  END LOOP;
  RETURN folded;
END $$;
COMMENT ON FUNCTION fold_days(integer, integer) IS 'Folds the sites'' days that are over, or have so many events or rows to fold, most events first. Returns how many events. Workers call it when they have time.';

-- A stalled or vanished client must not hold rows that others wait for.
ALTER ROLE sluice_worker SET lock_timeout = '2s';
ALTER ROLE sluice_worker SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE sluice_worker SET client_connection_check_interval = '2s';
ALTER ROLE sluice_worker SET tcp_user_timeout = '10s';
-- What the trigger reads is kept in memory up to this: 10,000 events with all their texts are 5 to 10 MB.
ALTER ROLE sluice_worker SET work_mem = '32MB';
ALTER ROLE sluice_stats SET default_transaction_read_only = on;
ALTER ROLE sluice_stats SET statement_timeout = '5s';
-- A report is read by the same plan whatever its site and day, and making that takes longer than reading it.
ALTER ROLE sluice_stats SET plan_cache_mode = force_generic_plan;

COMMENT ON TABLE schema_migrations IS 'The migrations that this database has, kept by dbmate.';
COMMENT ON COLUMN schema_migrations.version IS 'The number that the migration''s file begins with.';

REVOKE ALL ON FUNCTION partition_bound(date), most_moved_rows(), missing_days(), ensure_partitions(), merge_stripes(),
  fold(text, date), most_unfolded_events(), fold_days(integer, integer), count_new_events() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(), merge_stripes(), fold_days(integer, integer) TO sluice_worker;
GRANT INSERT ON events TO sluice_worker;
GRANT SELECT, INSERT, UPDATE ON dead_letters TO sluice_worker;
GRANT SELECT ON events, hourly_counts, unfolded, folded_paths, folded_visitors, folded_visitor_counts,
  daily_paths, daily_visitors, daily_visitor_counts, dead_letters TO sluice_stats;

SELECT ensure_partitions();

-- migrate:down
