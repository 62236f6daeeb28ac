/** The cluster by way of kubectl, as KUBECONFIG names it. */
import { spawn } from 'node:child_process';
import { type Finished, finish } from '../../lab/finish.ts';
import { type Cluster, Lost, type Place, type PodStatus, Refused, type Typing } from './cluster.ts';

export interface Kubectl {
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A call to the API server takes seconds at most. */
const PATIENCE_MS = 60_000;

function run(
  { program, environment }: Kubectl,
  args: readonly string[],
  input = '',
): Promise<Finished> {
  return finish(program, args, { environment, input, patienceMs: PATIENCE_MS });
}

const at = ({ namespace, pod }: Place): string[] => ['--namespace', namespace, 'pod', pod];

/** kubectl says first what it did with which file; then come the API server's words. */
export function refusal(stderr: string): string {
  return stderr
    .replace(/^Error from server( \(\w+\))?: /, '')
    .replace(/^error when creating "STDIN": /, '');
}

interface Listed {
  readonly metadata?: { readonly deletionTimestamp?: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: PodStatus['conditions'];
    readonly initContainerStatuses?: PodStatus['containers'];
    readonly containerStatuses?: PodStatus['containers'];
  };
}

export function readStatus(text: string): PodStatus {
  const { metadata = {}, status = {} } = JSON.parse(text) as Listed;
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  return {
    phase: status.phase ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    conditions: status.conditions ?? [],
    containers: [...initContainerStatuses, ...containerStatuses],
  };
}

export function kubectlCluster(kubectl: Kubectl): Cluster {
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const done = await run(kubectl, args, input);
    if (done.code !== 0) throw new Lost(done.stderr || `kubectl ended with ${done.code}`);
    return done.stdout;
  };
  return {
    async create(pod) {
      const done = await run(kubectl, ['create', '--filename', '-'], JSON.stringify(pod));
      if (done.code !== 0) throw new Refused(refusal(done.stderr));
    },
    async status(place) {
      const text = await must(['get', ...at(place), '--ignore-not-found', '--output', 'json']);
      return text.trim() === '' ? null : readStatus(text);
    },
    async warnings({ namespace, pod }) {
      const selector = `involvedObject.name=${pod},type=Warning`;
      const args = ['--namespace', namespace, '--field-selector', selector, '--output', 'json'];
      const { items } = JSON.parse(await must(['get', 'events', ...args])) as {
        items: { message: string }[];
      };
      return items.map(({ message }) => message);
    },
    exec({ namespace, pod }, container, command, input) {
      const interactive = input === undefined ? [] : ['--stdin'];
      const args = ['exec', '--namespace', namespace, pod, '--container', container];
      return must([...args, ...interactive, '--', ...command], input);
    },
    type: (place, container, input) => type(kubectl, place, container, input),
    async delete(place) {
      await must(['delete', ...at(place), '--ignore-not-found', '--wait=false']);
    },
  };
}

/**
 * An attached kubectl goes on until the container ends, or until it is ended. The container's standard input
 * stays open then: its `stdinOnce` is not set.
 */
function type(kubectl: Kubectl, place: Place, container: string, input: string): Typing {
  const { namespace, pod } = place;
  const args = ['attach', '--namespace', namespace, pod, '--container', container, '--stdin'];
  const child = spawn(kubectl.program, args, {
    env: kubectl.environment,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let said = '';
  let lost: Lost | null = null;
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<void>((done) => {
    child.once('error', (error) => {
      lost = new Lost(error.message);
      done();
    });
    child.once('close', (code) => {
      if (code !== 0) lost ??= new Lost(said.trim() || `kubectl attach ended with ${code}`);
      done();
    });
  });
  return {
    lost: () => lost,
    end() {
      // Of a program that could not be started Node knows no pid, and would end this whole process group.
      if (child.pid !== undefined) child.kill('SIGTERM');
      return ended;
    },
  };
}
