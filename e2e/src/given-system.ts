/** A system for one vitest test: closed when the test ends, its last words told when it fails. */
import { inject, onTestFailed, onTestFinished } from 'vitest';
import { type System, type SystemOptions, startSystem } from './system.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder of makePristinePostgres(). */
    pristinePostgres: string;
  }
}

/** Starts a system that ends with the test; a service that doesn't stop cleanly fails it. */
export async function givenSystem(options: SystemOptions = {}): Promise<System> {
  const system = await startSystem({ pristinePostgres: inject('pristinePostgres'), ...options });
  onTestFinished(() => system.close());
  onTestFailed(() => console.log(system.lastWords));
  return system;
}
