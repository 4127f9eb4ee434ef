/**
 * Sluice with one of its safeguards taken out. Each is a defect that would pass every test without
 * faults; the oracle must see it.
 */
import type { Rewrite } from './instrument.ts';
import type { System } from './system.ts';

/** A worker settles a batch before it stores it. */
export const settlesBeforeStoring: Rewrite = {
  file: 'services/worker/src/consumer.ts',
  find: "const stored = await this.#untilDone('write', async () => {",
  replace: `await stream.settle(batch.entries);
    const stored = await this.#untilDone('write', async () => {`,
};

/** Ingest gives an event with an `event_id` a new id at every attempt. */
export const forgetsClientIds: Rewrite = {
  file: 'packages/event/src/event-id.ts',
  find: 'if (clientEventId === undefined) return uuidV7(receivedAt);',
  replace: 'return uuidV7(receivedAt);',
};

/** A COPY has two columns in each other's place; both are texts to Postgres. */
export const swapsTwoColumns: Rewrite = {
  file: 'services/worker/src/copy-rows.ts',
  find: 'this.#optional(event[column])',
  replace: "this.#optional(event[column === 'url' ? 'title' : column === 'title' ? 'url' : column])",
};

/** The table takes a row whose id it has already. */
export async function dropPrimaryKey(system: System): Promise<void> {
  await system.asOwner((sql) => sql`ALTER TABLE events DROP CONSTRAINT events_pkey`);
}

/** The hours' counts are kept from the rows that a statement brings, not from those that it inserts. */
export async function countRowsBrought(system: System): Promise<void> {
  await system.asOwner((sql) =>
    sql`
      CREATE FUNCTION count_brought() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        -- Fires for rows that ON CONFLICT then passes over; the real trigger counts the inserted ones.
        IF EXISTS (SELECT FROM events WHERE id = NEW.id) THEN
          UPDATE hourly_counts SET events = events + 1 WHERE ctid = (
            SELECT ctid FROM hourly_counts
            WHERE site_id = NEW.site_id AND event_type = NEW.event_type LIMIT 1);
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER count_brought BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION count_brought();
    `.simple(),
  );
}
