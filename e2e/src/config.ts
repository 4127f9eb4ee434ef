/** What the suite takes from its environment. */

/** The seed to repeat, `undefined` when none was given. @throws when SEED is not a whole number below 2³². */
export function givenSeed(
  env: Readonly<Record<string, string | undefined>> = process.env,
): number | undefined {
  const text = env['SEED'];
  if (!text) return undefined;
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw new Error('SEED must be a whole number from 0 to 4294967295');
  }
  return seed;
}

/** How long an endurance test lasts: MINUTES, or half an hour. @throws when it is no number from 1 to 1440. */
export function givenMinutes(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const minutes = Number(env['MINUTES'] || 30);
  if (!(minutes >= 1 && minutes <= 1_440)) throw new Error('MINUTES must be a number from 1 to 1440');
  return minutes;
}

/** Which of the test files that run at once this process has, from 1; 1 outside of vitest. */
export function ownLane(): number {
  return Number(process.env['VITEST_POOL_ID'] ?? 1);
}

/** All that a process under test inherits; a REDIS_URL or PORT of ours must not reach it. */
export function inheritedEnvironment(): Record<string, string> {
  const path = process.env['PATH'];
  return path === undefined ? {} : { PATH: path };
}

/** Does `work` with more in the environment that the processes started in it inherit. */
export async function withEnvironment<T>(
  more: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  Object.assign(process.env, more);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(more)) delete process.env[name];
  }
}
