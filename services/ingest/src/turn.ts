/**
 * Tells when there is more to do than can be done in time.
 *
 * All requests that have arrived are handled in one turn of the event loop, one after the other, so a
 * turn that lasts is a queue that is long: its last request has waited for all before it, whoever
 * arrives meanwhile waits for the next turn, and one new connection is taken in a turn. Refusing the
 * rest of a turn that has lasted too long bounds all of these, however many clients there are.
 *
 * What counts is the thread's own CPU time: on a machine that has no time for us, refusing helps nobody.
 */
export class Turn {
  readonly #maxMs: number;
  #start: { readonly atMs: number; readonly cpu: NodeJS.CpuUsage } | undefined;

  /** @param maxMs how long a turn may last before the rest of it is too late. */
  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  /** To be asked with every request, as it begins. */
  isTooLong(): boolean {
    if (this.#start === undefined) {
      this.#start = { atMs: performance.now(), cpu: process.threadCpuUsage() };
      // Immediates run when everything that had arrived has been handled.
      setImmediate(() => {
        this.#start = undefined;
      });
      return false;
    }
    // The cheaper clock first; the CPU never has more.
    if (performance.now() - this.#start.atMs <= this.#maxMs) return false;
    const { user, system } = process.threadCpuUsage(this.#start.cpu);
    return (user + system) / 1_000 > this.#maxMs;
  }
}
