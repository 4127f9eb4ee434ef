/**
 * npx, npm and pnpm stand between a terminal and us, and don't hand on every end: a SIGTERM to npx ends npx alone,
 * a kill -9 of any of them reaches nobody. Whoever ended one of them meant us too, so we look for them once a second.
 */
import { basename } from 'node:path';
import { type ProcessFacts, processIdentity, readProcess } from './read-process.ts';

const LOOK_AGAIN_MS = 1_000;

/** Calls back, once, when a package manager that started us has gone. */
export function watchLaunchers(onGone: () => void): { stop(): void } {
  const watched = launchersAmong(ancestors());
  const timer = setInterval(() => {
    if (watched.every(({ pid, identity }) => processIdentity(pid) === identity)) return;
    clearInterval(timer);
    onGone();
  }, LOOK_AGAIN_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/**
 * Those, from our parent up, that are package managers or the shells below them, in which they run scripts. The
 * first ancestor that is neither (a login shell, an editor) may go without us.
 */
export function launchersAmong<P extends { words: readonly string[] }>(ancestry: readonly P[]): P[] {
  const end = ancestry.findIndex(({ words }) => !isPackageManager(words) && !isScriptShell(words));
  const near = end === -1 ? ancestry : ancestry.slice(0, end);
  const top = near.findLastIndex(({ words }) => isPackageManager(words));
  return near.slice(0, top + 1);
}

function isPackageManager(words: readonly string[]): boolean {
  // npm calls itself `npm exec …`; without a title of its own it is `node …/npx-cli.js …`.
  const [program = '', script = ''] = words.join(' ').split(' ');
  const named = basename(program) === 'node' ? script : program;
  return /^(npm|npx|pnpm|pnpx|corepack)(-cli)?(\.[cm]?js)?$/.test(basename(named));
}

function isScriptShell(words: readonly string[]): boolean {
  return /^(sh|dash|bash|ash|zsh)$/.test(basename(words[0] ?? '')) && words[1] === '-c';
}

function ancestors(): ProcessFacts[] {
  const found: ProcessFacts[] = [];
  for (let pid = process.ppid; pid > 1; ) {
    const ancestor = readProcess(pid);
    if (!ancestor) break;
    found.push(ancestor);
    pid = ancestor.parent;
  }
  return found;
}
