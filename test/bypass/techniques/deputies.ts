/** Programs outside that would do it on request: daemons, proxies, accomplices. */
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import type { DeputyPlaces } from '../fixtures/deputy.ts';
import type { GetsThrough, Group, Refused, Technique } from '../technique.ts';
import { abstractOfOthers, laterSocket } from './deputy-stories.ts';

const address = (n: number) => `198.51.100.${n}`;
const secret = (n: number) => `secret-by-deputy-${n}.`;
const HOST = '203.0.113.254';

/** What is asked of the deputy: connect there, send this. */
const wish = (n: number) => `${address(n)} 8000 ${secret(n)}`;

function overUnix(n: number, name: string, call: string): Refused {
  return {
    step: `ask-unix ${name} ${wish(n)}`,
    free: /^done$/,
    witness: { text: secret(n) },
    record: { call },
  };
}

function overTcp(
  n: number,
  at: string,
  port: number,
  reason: 'local-service' | 'default',
): Refused {
  return {
    step: `ask-tcp ${at} ${port} ${wish(n)}`,
    free: /^done$/,
    witness: { text: secret(n) },
    record: { row: { reason, ip: at, port }, said: /^EPERM$/ },
  };
}

const opened = (n: number, step: string, flags: readonly string[] = []): GetsThrough => ({
  step: `${step} ${wish(n)}`,
  witness: { text: secret(n) },
  through: true,
  ...(flags.length === 0 ? {} : { opened: flags }),
});

const techniques: readonly Technique[] = [
  {
    id: 'container-engine',
    title: 'The socket of a container engine',
    how: 'Who may talk to the engine starts a container, which no cgroup of the job holds.',
    source: 'CVE-2025-32955 (Harden-Runner)',
    outcome: 'stopped',
    by: 'Sockets that someone listens on are covered, wherever the mounts show them.',
    attempts: [
      overUnix(1, './docker.sock', 'ECONNREFUSED'),
      overUnix(2, '../home/docker.sock', 'ECONNREFUSED'),
    ],
  },
  {
    id: 'system-bus',
    title: 'systemd-run, the system bus and user buses',
    how: 'The bus takes a request to start a unit, which runs outside of the job’s cgroup.',
    source: 'systemd-run(1); Bullfrog write-ups (sudo and services that survive)',
    outcome: 'stopped',
    by: 'Inside, /run is empty, and variables that name a bus are not passed on.',
    attempts: [overUnix(3, `/run/torwacht-bypass-${process.pid}/bus`, 'ENOENT')],
  },
  {
    id: 'opened-socket',
    title: 'A daemon that a flag opened',
    how: 'With --allow-socket the command may ask what listens there, and that acts outside of the policy.',
    source: 'docs/run.md',
    outcome: 'limit',
    by: 'It is what the flag is for; a sentence before the start says so.',
    limit: 'Openings are real',
    attempts: [opened(4, 'ask-unix ./docker.sock', ['--allow-socket', './docker.sock'])],
  },
  {
    id: 'socket-made-later',
    title: 'A socket that an accomplice makes later',
    how: 'A program outside listens in the working folder after the command has started, and does what it is asked.',
    source: 'unix(7)',
    outcome: 'limit',
    by: 'Sockets are looked for once, before the start.',
    limit: 'Sockets made later',
    stories: { 'in the working folder': laterSocket(address(5), secret(5)) },
  },
  {
    id: 'named-pipe',
    title: 'A named pipe, or any file that someone outside reads',
    how: 'A program outside reads from the working folder and acts on it.',
    source: 'fifo(7)',
    outcome: 'limit',
    by: 'What is written there is the command’s product; who acts on it is outside.',
    limit: 'Programs that already watch or run these folders',
    attempts: [opened(6, 'write-line ./pipe')],
  },
  {
    id: 'abstract-socket',
    title: 'Abstract Unix sockets of programs outside',
    how: 'They have no path that could be covered, and everyone in the network namespace can connect.',
    source: 'CVE-2020-15257 (containerd-shim)',
    outcome: 'stopped',
    by:
      'From Linux 6.7 on, hooks of Unix sockets let such a name lead to sockets of the same target alone. ' +
      'Older kernels have no hook there, and it is a limit.',
    stories: { 'a stream and a datagram': abstractOfOthers(address(7), address(8)) },
  },
  {
    id: 'local-service',
    title: 'A service or proxy on this host',
    how: 'A proxy, an SSH server or a build daemon on loopback connects for whoever asks.',
    source: 'Harden-Runner, CargoWall, Fence: private ranges always allowed',
    outcome: 'stopped',
    by: 'Loopback and the host’s own addresses reach sockets of the same target; others need a rule.',
    attempts: [
      overTcp(9, '127.0.0.1', 3128, 'local-service'),
      overTcp(10, '127.0.0.2', 22, 'local-service'),
      overTcp(11, HOST, 22, 'default'),
    ],
  },
  {
    id: 'local-service-by-rule',
    title: 'A proxy on this host that a rule opens',
    how: 'A prefix that holds the host’s address opens its services, and the proxy reaches what it likes.',
    source: 'docs/limits.md',
    outcome: 'limit',
    by: 'A rule says where, not what; the proxy is outside of the target.',
    limit: 'Local services that a rule opens',
    attempts: [opened(12, 'ask-tcp 127.0.0.3 3129')],
  },
];

/** Places that the deputy serves from before the start; relative ones are below the lab's folder. */
function places(lab: Lab): DeputyPlaces {
  return {
    unix: [
      join(lab.folder, 'work/docker.sock'),
      join(lab.folder, 'home/docker.sock'),
      `/run/torwacht-bypass-${process.pid}/bus`,
    ],
    tcp: [
      { host: '127.0.0.1', port: 3128 },
      { host: '127.0.0.3', port: 3129 },
      { host: '127.0.0.2', port: 22 },
      { host: HOST, port: 22 },
    ],
    pipe: join(lab.folder, 'work/pipe'),
    later: { path: join(lab.folder, 'work/later.sock'), when: join(lab.folder, 'work/now') },
  };
}

export const deputies: Group = {
  label: 'deputies',
  policy: {
    allow: [{ cidr: ['127.0.0.3/32'], ports: [{ port: 3129 }] }],
  },
  techniques,
  furnish: async (lab) => {
    const program = join(import.meta.dirname, '../fixtures/deputy.ts');
    await lab.run('host', 'mkfifo', [places(lab).pipe]);
    const deputy = lab.spawn('host', process.execPath, [program, JSON.stringify(places(lab))]);
    await new Promise<void>((ready, failed) => {
      deputy.stdout?.once('data', () => ready());
      deputy.once('exit', () => failed(new Error('the deputy ended')));
    });
    const listeners = Array.from({ length: 12 }, (_, at) => address(at + 1));
    return {
      sinks: [await lab.sink(listeners.map((at) => ({ kind: 'tcp', address: at, port: 8000 })))],
    };
  },
};
