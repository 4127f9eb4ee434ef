-- migrate:up

-- Counter rows are striped by the writing backend, so that writers don't wait for each other; a
-- reader adds the stripes up. Half-empty pages let an update stay on its page and out of the index.
CREATE TABLE hourly_counts (
  site_id text COLLATE "C" NOT NULL,
  hour timestamptz NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  stripe smallint NOT NULL,
  events bigint NOT NULL,
  PRIMARY KEY (site_id, hour, event_type, stripe)
) WITH (fillfactor = 50);
COMMENT ON TABLE hourly_counts IS 'Events by site, UTC hour of their timestamp, and type.';
COMMENT ON COLUMN hourly_counts.site_id IS 'As in events.';
COMMENT ON COLUMN hourly_counts.hour IS 'The start of the hour.';
COMMENT ON COLUMN hourly_counts.event_type IS 'As in events.';
COMMENT ON COLUMN hourly_counts.stripe IS 'Which writer''s share: its backend''s pid modulo 16.';
COMMENT ON COLUMN hourly_counts.events IS 'Events counted by this stripe.';

CREATE TABLE daily_paths (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  path text COLLATE "C" NOT NULL,
  stripe smallint NOT NULL,
  views bigint NOT NULL,
  PRIMARY KEY (site_id, day, path, stripe)
) WITH (fillfactor = 70);
COMMENT ON TABLE daily_paths IS 'Events by site, UTC day of their timestamp, and path; the empty path too.';
COMMENT ON COLUMN daily_paths.site_id IS 'As in events.';
COMMENT ON COLUMN daily_paths.day IS 'The UTC day.';
COMMENT ON COLUMN daily_paths.path IS 'As in events.';
COMMENT ON COLUMN daily_paths.stripe IS 'Which writer''s share: its backend''s pid modulo 16.';
COMMENT ON COLUMN daily_paths.views IS 'Events counted by this stripe.';

CREATE TABLE daily_visitors (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (site_id, day, user_id)
);
COMMENT ON TABLE daily_visitors IS 'The set of user ids that a site saw on a UTC day.';
COMMENT ON COLUMN daily_visitors.site_id IS 'As in events.';
COMMENT ON COLUMN daily_visitors.day IS 'The UTC day.';
COMMENT ON COLUMN daily_visitors.user_id IS 'As in events; never empty.';

CREATE TABLE daily_visitor_counts (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  stripe smallint NOT NULL,
  visitors bigint NOT NULL,
  PRIMARY KEY (site_id, day, stripe)
) WITH (fillfactor = 50);
COMMENT ON TABLE daily_visitor_counts IS 'How many rows daily_visitors has for a site and a day, so that nobody has to count them.';
COMMENT ON COLUMN daily_visitor_counts.site_id IS 'As in events.';
COMMENT ON COLUMN daily_visitor_counts.day IS 'The UTC day.';
COMMENT ON COLUMN daily_visitor_counts.stripe IS 'Which writer''s share: its backend''s pid modulo 16.';
COMMENT ON COLUMN daily_visitor_counts.visitors IS 'Visitors that this stripe was the first to see.';

-- Rows go in sorted by key: writers that meet on a key then wait in one order and never deadlock.
CREATE FUNCTION count_new_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  own_stripe CONSTANT smallint := pg_backend_pid() % 16;
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
COMMENT ON FUNCTION count_new_events() IS 'Keeps the counts, from the rows that a statement really inserted.';

CREATE TRIGGER count_new_events AFTER INSERT ON events
REFERENCING NEW TABLE AS new_events
FOR EACH STATEMENT EXECUTE FUNCTION count_new_events();

-- migrate:down
