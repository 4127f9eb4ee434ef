/** The settings of the one-by-one writer. */

export interface Config {
  readonly databaseUrl: string;
  readonly seconds: number;
}

export function insertConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return { databaseUrl: env['DATABASE_URL'] ?? '', seconds: Number(env['SECONDS']) };
}
