/**
 * How the containers of a project end. It listens from the start: an engine remembers its last few
 * hundred events only, and health checks alone make more in a minute.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { projectDir } from '../project-dir.ts';
import { dockerEnvironment } from './config.ts';

export interface Death {
  readonly service: string;
  readonly exitCode: number;
}

export class DeathWatch {
  /** Oldest first. */
  readonly deaths: Death[] = [];
  readonly #events: ChildProcess;

  constructor(project: string) {
    const filters = ['event=die', `label=com.docker.compose.project=${project}`];
    const args = [
      'events',
      '--format',
      '{{json .Actor.Attributes}}',
      ...filters.flatMap((each) => ['--filter', each]),
    ];
    this.#events = spawn('docker', args, {
      cwd: projectDir,
      env: dockerEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (this.#events.stdout === null) throw new Error('docker events has no output');
    createInterface({ input: this.#events.stdout }).on('line', (line) => {
      const attributes = JSON.parse(line) as Record<string, string>;
      this.deaths.push({
        service: attributes['com.docker.compose.service'] ?? '',
        exitCode: Number(attributes['exitCode']),
      });
    });
  }

  stop(): void {
    this.#events.kill();
  }
}
