/** `sluice verify`: whether the kept counts are what the rows say, and mending them. */
import type postgres from 'postgres';
import type { VerifyOptions } from './command.ts';
import { type Difference, differencesOf, rebuild, sitesOf } from './recount.ts';

/** All days that a timestamp may have. */
const ALL_DAYS = { from: '0001-01-01', to: '9999-12-31' };
/** More are counted, but not printed: the first ones show what kind it is. */
const PRINTED_DIFFERENCES = 50;
const PROGRESS_INTERVAL_MS = 1_000;

/**
 * Recounts on one snapshot, so it may run while events come in. Progress goes to standard error,
 * differences to standard output.
 *
 * @returns the exit code: 0 when all counts are right (or were repaired), 1 when some differ.
 */
export async function verify(sql: postgres.Sql, options: VerifyOptions): Promise<number> {
  const days = { from: options.from ?? ALL_DAYS.from, to: options.to ?? ALL_DAYS.to };
  const differences: Difference[] = [];
  let sites: string[] = [];
  await sql.begin('isolation level repeatable read read only', async (snapshot) => {
    sites = options.site === undefined ? await sitesOf(snapshot) : [options.site];
    let toldAt = performance.now();
    for (const [at, site] of sites.entries()) {
      differences.push(...(await differencesOf(snapshot, site, days)));
      if (performance.now() - toldAt < PROGRESS_INTERVAL_MS) continue;
      toldAt = performance.now();
      console.error(`recounted ${at + 1} of ${sites.length} sites, ${differences.length} differences so far`);
    }
  });
  print(sites.length, differences, options.json);
  if (differences.length === 0) return 0;
  if (!options.repair) return 1;
  await repair(sql, differences);
  const left = await stillDiffering(sql, differences);
  console.error(
    left === 0 ? 'rebuilt the counts that differed' : `${left} counts differ even after rebuilding`,
  );
  return left === 0 ? 0 : 1;
}

function print(sites: number, differences: readonly Difference[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ sites, differences }));
    return;
  }
  for (const { table, site_id, day, key, counted, kept } of differences.slice(0, PRINTED_DIFFERENCES)) {
    console.log(`${table} ${site_id} ${day} ${JSON.stringify(key)}: counted ${counted}, kept ${kept}`);
  }
  const unprinted = differences.length - PRINTED_DIFFERENCES;
  if (unprinted > 0) console.log(`and ${unprinted} more`);
  console.log(`${sites} sites recounted, ${differences.length} differences`);
}

async function repair(sql: postgres.Sql, differences: readonly Difference[]): Promise<void> {
  for (const [site, ofSite] of Map.groupBy(differences, ({ site_id }) => site_id)) {
    const days = [...new Set(ofSite.map(({ day }) => day))].sort();
    console.error(`rebuilding ${site}: ${days.length} days`);
    await rebuild(sql, site, days);
  }
}

/** Recounts only what was rebuilt. */
async function stillDiffering(sql: postgres.Sql, differences: readonly Difference[]): Promise<number> {
  const pairs = new Map(differences.map(({ site_id, day }) => [`${site_id}\0${day}`, { site_id, day }]));
  let left = 0;
  for (const { site_id, day } of pairs.values()) {
    left += (await differencesOf(sql, site_id, { from: day, to: day })).length;
  }
  return left;
}
