/** The lab of the shapes: their servers, and jobs held by a policy in a fresh folder each. */
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowsOf } from '#policy/suggest.ts';
import { execute } from '../../lab/execute.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { packetsTo } from '../../lab/packets.ts';
import { startSsh } from '../../lab/servers/ssh.ts';
import { eventsOf } from '../rows.ts';
import { type RunEnded, readIfThere, stageIn } from '../stage.ts';
import { writeFiles } from './archives.ts';
import { inside, repositories } from './repositories.ts';
import type { Ground, JobShape, Place } from './shape.ts';

export interface Attempt extends RunEnded {
  /** Has the job left what it leaves when it worked? */
  readonly worked: boolean;
  /** The file of its events, and its rows with their last counts. */
  readonly output: string;
  readonly rows: ReturnType<typeof rowsOf>;
  /** Where packets of it arrived, `name:port`, in order. */
  readonly reached: readonly string[];
}

export interface Jobs {
  readonly lab: Lab;
  /** @param policy a document */
  attempt(shape: JobShape, policy: string, ...flags: readonly string[]): Promise<Attempt>;
}

const npmHost = { name: 'registry.npmjs.org', address: '192.0.2.71' };

/** @throws what the lab throws; then nothing is left */
export async function createJobs(shapes: readonly JobShape[]): Promise<Jobs> {
  const lab = createLab({ name: 'jobs' });
  try {
    return await furnish(lab, shapes);
  } catch (error) {
    lab.close();
    throw error;
  }
}

async function furnish(lab: Lab, shapes: readonly JobShape[]): Promise<Jobs> {
  // One of the jobs is no job of root's.
  chmodSync(lab.folder, 0o755);
  const places = new Map(shapes.flatMap((shape) => shape.places).map((one) => [one.name, one]));
  const tls = lab.certificate([...places.keys()]);
  const www = (name: string) => join(lab.folder, 'www', name);
  for (const name of places.keys()) mkdirSync(www(name), { recursive: true });
  const { name, address } = npmHost;
  const wants = (place: { readonly name: string }) => places.has(place.name);
  const [npm] = await Promise.all([
    wants(npmHost) ? lab.registry({ address, https: { ...tls, name } }) : undefined,
    wants(inside) ? startSsh(lab, inside.address) : undefined,
    lab.dnsmasq([...places.values()]),
  ]);
  await npm?.publish(leaf(lab));
  const keystore = join(lab.folder, 'trusted.jks');
  const ground = { lab, npmEnv: npm?.npmEnv ?? {}, authority: tls.cert, keystore, www };
  trust(ground, shapes);
  const more = Object.assign({}, ...shapes.map((shape) => shape.furnish?.(ground)));
  await lab.sink(
    [...places.values()].flatMap((place) => listener(ground, place, more[place.name], tls)),
  );
  return jobsIn(ground, [...places.values()]);
}

function listener(
  { lab, www }: Ground,
  { kind, address, port, git, ...place }: Place,
  more: Place['replies'],
  tls: { readonly key: string; readonly cert: string },
) {
  if (kind === 'own') return [];
  const replies = { ...place.replies, ...more };
  const from = git === true ? { git: repositories(lab) } : { folder: www(place.name) };
  const answers = replies['*'] === undefined ? { ...from, replies } : { replies };
  return [{ kind, address, port, ...answers, ...(kind === 'https' ? { tls } : {}) }];
}

function leaf(lab: Lab): string {
  const folder = join(lab.folder, 'leaf');
  writeFiles(folder, { 'package.json': '{"name": "demo-leaf", "version": "1.0.0"}' });
  return folder;
}

function trust({ authority, keystore }: Ground, shapes: readonly JobShape[]): void {
  if (!shapes.some(({ name }) => name === 'maven')) return;
  execute('keytool', [
    ...['-importcert', '-noprompt', '-alias', 'lab', '-storetype', 'JKS'],
    ...['-storepass', 'changeit', '-file', authority, '-keystore', keystore],
  ]);
}

function jobsIn(ground: Ground, places: readonly Place[]): Jobs {
  const { lab } = ground;
  const stage = stageIn(lab);
  let number = 0;
  const reached = (): Map<string, number> => {
    const arrived = lab.arrivals();
    const packets = ({ address, port }: Place) => packetsTo(arrived, address, port);
    return new Map(places.map((place) => [`${place.name}:${place.port}`, packets(place)]));
  };
  const attempt: Jobs['attempt'] = async (shape, policy, ...flags) => {
    const folder = join(lab.folder, 'runs', `${++number}`);
    const output = `${folder}.jsonl`;
    mkdirSync(folder, { recursive: true });
    writeFiles(folder, { ...shape.files, 'job.sh': shape.script });
    if (shape.uid !== undefined) chownSync(folder, shape.uid, shape.uid);
    const before = reached();
    const ended = await stage.run({
      policy: stage.policy(policy),
      flags: [
        ...['--project', '4711', '--job', shape.name, '--output', output],
        ...['--allow-read', lab.folder, ...(shape.flags ?? []), ...flags],
        ...(shape.uid === undefined ? [] : ['--user', String(shape.uid)]),
      ],
      command: ['sh', '-e', 'job.sh'],
      ...{ cwd: folder, env: { ...shape.env?.(ground), HOME: folder } },
    });
    const after = [...reached()].filter(([name, packets]) => packets > (before.get(name) ?? 0));
    return {
      ...{ ...ended, output, worked: readIfThere(join(folder, shape.proof)) !== '' },
      rows: rowsOf(eventsOf(readFileSync(output, 'utf8'))),
      reached: after.map(([name]) => name).sort(),
    };
  };
  return { lab, attempt };
}
