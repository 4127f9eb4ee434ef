-- migrate:up

-- Hours are few and met by every statement, so their rows are striped by the writing backend: writers
-- don't wait for each other, and a reader adds the stripes up. Half-empty pages let an update stay on
-- its page and out of the index.
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
COMMENT ON COLUMN hourly_counts.stripe IS 'Which writer''s share: 1 + its backend''s pid modulo 16; 0 once merged.';
COMMENT ON COLUMN hourly_counts.events IS 'Events counted by this stripe.';

-- Paths and visitors are many: a row changed for each event would cost more than storing the event. So
-- a statement appends what it brought as one row a site and day, and fold() turns many of those rows
-- into counts at once. A reader sees both through the views below, exact at every moment.
CREATE TABLE unfolded (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  events integer NOT NULL,
  paths text[] COLLATE "C" NOT NULL,
  user_ids text[] COLLATE "C"
);
CREATE INDEX unfolded_site_id_day ON unfolded (site_id, day);
-- Compressing what is read a few seconds later and then deleted isn't worth it.
ALTER TABLE unfolded ALTER paths SET STORAGE EXTERNAL, ALTER user_ids SET STORAGE EXTERNAL;
COMMENT ON TABLE unfolded IS 'What statements brought to a site''s UTC day and fold() has not yet taken into folded_paths and folded_visitors.';
COMMENT ON COLUMN unfolded.site_id IS 'As in events.';
COMMENT ON COLUMN unfolded.day IS 'The UTC day.';
COMMENT ON COLUMN unfolded.events IS 'How many.';
COMMENT ON COLUMN unfolded.paths IS 'The path of each event.';
COMMENT ON COLUMN unfolded.user_ids IS 'The user of each event that had one; null when none had.';
COMMENT ON INDEX unfolded_site_id_day IS 'What a day''s report has to add.';

CREATE TABLE folded_paths (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  path text COLLATE "C" NOT NULL,
  views bigint NOT NULL,
  PRIMARY KEY (site_id, day, path)
) WITH (fillfactor = 70);
COMMENT ON TABLE folded_paths IS 'Folded events by site, UTC day of their timestamp, and path; the empty path too.';
COMMENT ON COLUMN folded_paths.site_id IS 'As in events.';
COMMENT ON COLUMN folded_paths.day IS 'The UTC day.';
COMMENT ON COLUMN folded_paths.path IS 'As in events.';
COMMENT ON COLUMN folded_paths.views IS 'Folded events with this path.';

CREATE TABLE folded_visitors (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (site_id, day, user_id)
);
COMMENT ON TABLE folded_visitors IS 'The set of user ids that a site saw on a UTC day, of folded events.';
COMMENT ON COLUMN folded_visitors.site_id IS 'As in events.';
COMMENT ON COLUMN folded_visitors.day IS 'The UTC day.';
COMMENT ON COLUMN folded_visitors.user_id IS 'As in events; never empty.';

CREATE TABLE folded_visitor_counts (
  site_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  visitors bigint NOT NULL,
  PRIMARY KEY (site_id, day)
) WITH (fillfactor = 50);
COMMENT ON TABLE folded_visitor_counts IS 'How many rows folded_visitors has for a site and a day, so that nobody has to count them.';
COMMENT ON COLUMN folded_visitor_counts.site_id IS 'As in events.';
COMMENT ON COLUMN folded_visitor_counts.day IS 'The UTC day.';
COMMENT ON COLUMN folded_visitor_counts.visitors IS 'Users in folded_visitors.';

-- A join and no sum over both: a report has thousands of folded paths, each there once, and few others.
CREATE VIEW daily_paths AS
SELECT site_id, day, path, coalesce(folded.views, 0) + coalesce(fresh.views, 0) AS views
FROM folded_paths AS folded FULL JOIN (
  SELECT site_id, day, path, count(*) AS views FROM unfolded, unnest(paths) AS path GROUP BY site_id, day, path
) AS fresh USING (site_id, day, path);
COMMENT ON VIEW daily_paths IS 'Events by site, UTC day of their timestamp, and path; the empty path too. Ask it for a site, and best a day.';
COMMENT ON COLUMN daily_paths.site_id IS 'As in events.';
COMMENT ON COLUMN daily_paths.day IS 'The UTC day.';
COMMENT ON COLUMN daily_paths.path IS 'As in events.';
COMMENT ON COLUMN daily_paths.views IS 'Events with this path.';

CREATE VIEW daily_visitors AS
SELECT site_id, day, user_id FROM folded_visitors
UNION
SELECT site_id, day, user_id FROM unfolded, unnest(user_ids) AS user_id;
COMMENT ON VIEW daily_visitors IS 'The set of user ids that a site saw on a UTC day. Ask it for a site and a day.';
COMMENT ON COLUMN daily_visitors.site_id IS 'As in events.';
COMMENT ON COLUMN daily_visitors.day IS 'The UTC day.';
COMMENT ON COLUMN daily_visitors.user_id IS 'As in events; never empty.';

CREATE VIEW daily_visitor_counts AS
SELECT site_id, day, sum(visitors)::bigint AS visitors FROM (
  SELECT site_id, day, visitors FROM folded_visitor_counts
  UNION ALL
  SELECT site_id, day, count(*) FROM (
    SELECT DISTINCT site_id, day, user_id FROM unfolded, unnest(user_ids) AS user_id
  ) AS seen
  WHERE NOT EXISTS (SELECT FROM folded_visitors AS folded
    WHERE folded.site_id = seen.site_id AND folded.day = seen.day AND folded.user_id = seen.user_id)
  GROUP BY site_id, day
) AS both_kinds GROUP BY site_id, day;
COMMENT ON VIEW daily_visitor_counts IS 'How many users a site saw on a UTC day. Ask it for a site, and best a day.';
COMMENT ON COLUMN daily_visitor_counts.site_id IS 'As in events.';
COMMENT ON COLUMN daily_visitor_counts.day IS 'The UTC day.';
COMMENT ON COLUMN daily_visitor_counts.visitors IS 'Users in daily_visitors.';

-- One fold of a site's day at a time, and nobody waits for it: writers only append to unfolded, and the
-- rows that a fold takes away are those that it sees.
CREATE FUNCTION fold(site text, day_to_fold date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET work_mem = '32MB' AS $$
DECLARE
  folded bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('sluice:fold:' || site, day_to_fold - DATE '2000-01-01')) THEN
    RETURN 0;
  END IF;
  WITH taken AS MATERIALIZED (
    DELETE FROM unfolded WHERE site_id = site AND day = day_to_fold RETURNING events, paths, user_ids
  ), paths AS (
    INSERT INTO folded_paths AS kept (site_id, day, path, views)
    SELECT site, day_to_fold, path, count(*) FROM taken, unnest(paths) AS path GROUP BY path ORDER BY path
    ON CONFLICT (site_id, day, path) DO UPDATE SET views = kept.views + excluded.views
  ), newcomers AS (
    INSERT INTO folded_visitors (site_id, day, user_id)
    SELECT DISTINCT site, day_to_fold, user_id FROM taken, unnest(user_ids) AS user_id ORDER BY user_id
    ON CONFLICT DO NOTHING
    RETURNING user_id
  ), counted AS (
    INSERT INTO folded_visitor_counts AS kept (site_id, day, visitors)
    SELECT site, day_to_fold, count(*) FROM newcomers HAVING count(*) > 0
    ON CONFLICT (site_id, day) DO UPDATE SET visitors = kept.visitors + excluded.visitors
  )
  SELECT coalesce(sum(events), 0) INTO folded FROM taken;
  RETURN folded;
END $$;
COMMENT ON FUNCTION fold(text, date) IS 'Takes a site''s day from unfolded into the folded tables. Returns how many events.';

-- What a report may have to add by itself: a thousand events take it 3 to 4 ms. Who appends a row
-- when there is so much folds it, found by a throw of dice, which needs no count: on average there are
-- at most so many events, or a row for every few of them, whatever the load and whoever is away.
CREATE FUNCTION most_unfolded_events() RETURNS integer
LANGUAGE sql IMMUTABLE AS 'SELECT 25000';
COMMENT ON FUNCTION most_unfolded_events() IS 'How many events of a site''s day wait to be folded, on average at most.';

-- Groups are found by hashing, which the planner takes for dearer than sorting all rows, and which takes
-- 1 µs an event less; date_bin, unlike date_trunc, needn't look up what UTC is for each row: another one.
CREATE FUNCTION count_new_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_sort = off AS $$
DECLARE
  own_stripe CONSTANT smallint := 1 + pg_backend_pid() % 16;
  -- A row costs a report as much as so many events.
  events_a_row CONSTANT integer := 50;
  much record;
BEGIN
  -- In the order of the key: writers that share a stripe wait in one order and never deadlock.
  INSERT INTO hourly_counts AS kept (site_id, hour, event_type, stripe, events)
  SELECT site_id, date_bin('1 hour', "timestamp", 'epoch'), event_type, own_stripe, count(*)
  FROM new_events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (site_id, hour, event_type, stripe) DO UPDATE SET events = kept.events + excluded.events;

  FOR much IN
    WITH appended AS (
      INSERT INTO unfolded (site_id, day, events, paths, user_ids)
      SELECT site_id, (day AT TIME ZONE 'UTC')::date, count(*), array_agg(path),
        array_agg(user_id) FILTER (WHERE user_id <> '')
      FROM (SELECT *, date_bin('1 day', "timestamp", 'epoch') AS day FROM new_events) AS by_day
      GROUP BY site_id, by_day.day
      RETURNING site_id, day, events
    )
    SELECT site_id, day FROM appended WHERE random() * most_unfolded_events() < events + events_a_row
  LOOP
    PERFORM fold(much.site_id, much.day);
  END LOOP;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION count_new_events() IS 'Keeps the counts, from the rows that a statement really inserted.';

CREATE TRIGGER count_new_events AFTER INSERT ON events
REFERENCING NEW TABLE AS new_events
FOR EACH STATEMENT EXECUTE FUNCTION count_new_events();
COMMENT ON TRIGGER count_new_events ON events IS 'Once a statement, COPY included; counts only rows that it really inserted.';

-- migrate:down
