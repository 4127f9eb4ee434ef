/** A container, and the processes in it as this machine's kernel sees them. */
import { readdir, readFile } from 'node:fs/promises';
import { docker } from './docker.ts';

/** The part of `docker inspect` that tests ask about. */
export interface Container {
  readonly id: string;
  readonly service: string;
  readonly name: string;
  readonly state: string;
  /** Of its health check; undefined when it has none. */
  readonly health: string | undefined;
  /** Its main process, on this machine; 0 when it doesn't run. */
  readonly pid: number;
  /** In epoch milliseconds. */
  readonly startedAt: number;
  readonly restarts: number;
  readonly exitCode: number;
  readonly user: string;
  readonly image: string;
  /** By network. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly publishedPorts: readonly string[];
  readonly readOnly: boolean;
  readonly droppedCapabilities: readonly string[];
  readonly addedCapabilities: readonly string[];
  readonly securityOptions: readonly string[];
  readonly memoryBytes: number;
  readonly pidsLimit: number;
  readonly environment: readonly string[];
}

/** The containers with these ids, in no order. */
export async function inspect(ids: readonly string[]): Promise<Container[]> {
  if (ids.length === 0) return [];
  const found = JSON.parse(await docker(['inspect', ...ids])) as Inspected[];
  return found.map(containerOf);
}

/** What /proc says about a process that runs in a container. */
export interface ContainerProcess {
  readonly pid: number;
  readonly command: string;
  /** Real, effective, saved and file system user ids. */
  readonly userIds: readonly number[];
  /** Masks by name: CapInh, CapPrm, CapEff, CapBnd, CapAmb. */
  readonly capabilities: Readonly<Record<string, bigint>>;
  readonly noNewPrivileges: boolean;
}

/** Every process of the pid namespace whose first process is `mainPid`. */
export async function processesOf(mainPid: number): Promise<ContainerProcess[]> {
  const [, controlGroup = ''] = (await readFile(`/proc/${mainPid}/cgroup`, 'utf8')).trim().split('::');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found: ContainerProcess[] = [];
  for (const pid of pids) {
    try {
      if (!(await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(controlGroup)) continue;
      found.push(processOf(await readFile(`/proc/${pid}/status`, 'utf8')));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function processOf(status: string): ContainerProcess {
  const fields = new Map(
    status
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const field = (name: string) => fields.get(name) ?? '';
  const masks = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];
  return {
    pid: Number(field('Pid')),
    command: field('Name'),
    userIds: field('Uid').split('\t').map(Number),
    capabilities: Object.fromEntries(masks.map((name) => [name, BigInt(`0x${field(name)}`)])),
    noNewPrivileges: field('NoNewPrivs') === '1',
  };
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly RestartCount: number;
  readonly State: {
    Status: string;
    Pid: number;
    StartedAt: string;
    ExitCode: number;
    Health?: { Status: string };
  };
  readonly Config: { User: string; Labels: Record<string, string>; Env: string[] | null };
  readonly HostConfig: {
    ReadonlyRootfs: boolean;
    CapDrop: string[] | null;
    CapAdd: string[] | null;
    SecurityOpt: string[] | null;
    Memory: number;
    PidsLimit: number | null;
    PortBindings: Record<string, unknown> | null;
  };
  readonly NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

function containerOf(found: Inspected): Container {
  const { State: state, Config: config, HostConfig: host } = found;
  const networks = Object.entries(found.NetworkSettings.Networks);
  return {
    id: found.Id,
    service: config.Labels['com.docker.compose.service'] ?? '',
    name: found.Name.slice(1),
    state: state.Status,
    health: state.Health?.Status,
    pid: state.Pid,
    startedAt: Date.parse(state.StartedAt),
    restarts: found.RestartCount,
    exitCode: state.ExitCode,
    user: config.User,
    image: found.Image,
    addresses: Object.fromEntries(networks.map(([name, { IPAddress }]) => [name, IPAddress])),
    publishedPorts: Object.keys(host.PortBindings ?? {}),
    readOnly: host.ReadonlyRootfs,
    droppedCapabilities: host.CapDrop ?? [],
    addedCapabilities: host.CapAdd ?? [],
    securityOptions: host.SecurityOpt ?? [],
    memoryBytes: host.Memory,
    pidsLimit: host.PidsLimit ?? 0,
    environment: config.Env ?? [],
  };
}
