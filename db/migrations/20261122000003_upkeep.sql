-- migrate:up

CREATE FUNCTION partition_bound(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
COMMENT ON FUNCTION partition_bound(date) IS 'The lowest id of a UTC day.';

-- Attaching a partition scans events_default under a lock, and fails when it holds rows of that day.
-- So a day that events_default has rows of keeps them there and gets no partition.
CREATE FUNCTION ensure_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
  wanted date;
  name text;
BEGIN
  -- Another worker is at it.
  IF NOT pg_try_advisory_xact_lock(hashtextextended('sluice:partitions', 0)) THEN RETURN; END IF;
  FOR wanted IN SELECT generate_series(today - 1, today + 7, '1 day')::date LOOP
    name := 'events_' || to_char(wanted, 'YYYY_MM_DD');
    CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
    CONTINUE WHEN EXISTS (SELECT FROM events_default
      WHERE id >= partition_bound(wanted) AND id < partition_bound(wanted + 1));
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.events FOR VALUES FROM (%L) TO (%L)',
      name, partition_bound(wanted), partition_bound(wanted + 1));
  END LOOP;
END $$;
COMMENT ON FUNCTION ensure_partitions() IS 'Makes the day partitions from yesterday to a week ahead. Workers call it at start and hourly.';

-- A past day is written to rarely, so its stripes are only more rows to read.
CREATE FUNCTION merge_stripes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('sluice:stripes', 0)) THEN RETURN; END IF;
  WITH taken AS (
    DELETE FROM daily_paths WHERE day = today - 1 AND stripe <> 0 RETURNING site_id, day, path, views
  )
  INSERT INTO daily_paths AS kept (site_id, day, path, stripe, views)
  SELECT site_id, day, path, 0, sum(views) FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (site_id, day, path, stripe) DO UPDATE SET views = kept.views + excluded.views;
  WITH taken AS (
    DELETE FROM daily_visitor_counts WHERE day = today - 1 AND stripe <> 0 RETURNING site_id, day, visitors
  )
  INSERT INTO daily_visitor_counts AS kept (site_id, day, stripe, visitors)
  SELECT site_id, day, 0, sum(visitors) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (site_id, day, stripe) DO UPDATE SET visitors = kept.visitors + excluded.visitors;
  WITH taken AS (
    DELETE FROM hourly_counts
    WHERE hour >= (today - 1) AT TIME ZONE 'UTC' AND hour < today AT TIME ZONE 'UTC' AND stripe <> 0
    RETURNING site_id, hour, event_type, events
  )
  INSERT INTO hourly_counts AS kept (site_id, hour, event_type, stripe, events)
  SELECT site_id, hour, event_type, 0, sum(events) FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (site_id, hour, event_type, stripe) DO UPDATE SET events = kept.events + excluded.events;
END $$;
COMMENT ON FUNCTION merge_stripes() IS 'Merges the stripes of yesterday''s counts into one. Workers call it hourly.';

-- A stalled or vanished client must not hold rows that others wait for.
ALTER ROLE sluice_worker SET lock_timeout = '2s';
ALTER ROLE sluice_worker SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE sluice_worker SET client_connection_check_interval = '2s';
ALTER ROLE sluice_worker SET tcp_user_timeout = '10s';
ALTER ROLE sluice_stats SET default_transaction_read_only = on;
ALTER ROLE sluice_stats SET statement_timeout = '5s';

REVOKE ALL ON FUNCTION ensure_partitions(), merge_stripes(), count_new_events() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(), merge_stripes() TO sluice_worker;
GRANT INSERT ON events TO sluice_worker;
GRANT SELECT, INSERT, UPDATE ON dead_letters TO sluice_worker;
GRANT SELECT ON events, hourly_counts, daily_paths, daily_visitors, daily_visitor_counts, dead_letters TO sluice_stats;

-- migrate:down
