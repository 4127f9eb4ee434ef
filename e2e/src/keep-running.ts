/** What a container engine does: starts a service again whenever it ends on its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceProcess } from './service-process.ts';

const LOOK_AGAIN_MS = 100;

/** Starts these again whenever they end. @returns what ends the watch, once no start is under way. */
export function keepRunning(services: readonly ServiceProcess[]): () => Promise<void> {
  let watching = true;
  const watches = services.map(async (service) => {
    while (watching) {
      if (!service.isRunning) await service.start();
      await sleep(LOOK_AGAIN_MS);
    }
  });
  return async () => {
    watching = false;
    await Promise.all(watches);
  };
}
