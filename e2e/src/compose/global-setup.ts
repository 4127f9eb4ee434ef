/**
 * Once for a run of the suite. A process that dies takes its cleaning up with it: what a test's process
 * left is removed after the run, what a whole run left, such as an interrupted one, before the next.
 */
import { ComposeProject } from './compose-project.ts';

export async function setup(): Promise<() => Promise<void>> {
  await ComposeProject.removeLeftovers();
  return () => ComposeProject.removeLeftovers();
}
