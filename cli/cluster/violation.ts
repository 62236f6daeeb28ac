/** `torwacht explain violation/NAME`: who tried what, which rule refused it, and what would allow it. */
import type { EgressEvent, Reason } from '#api/event.ts';
import { reasons } from '#api/event.ts';
import { SEVERAL, type ViolationSpec } from '#api/violation.ts';
import { suggest } from '#policy/suggest.ts';
import type { Io } from '../policy/io.ts';
import { type ClusterFlags, withCluster } from './cluster.ts';
import { printFacts } from './format.ts';
import { violations } from './resources.ts';

/** As kubectl names an object. */
const SUBJECT = /^(?:vio|violations?|violations\.torwacht\.io)\/(.+)$/;

/** The name of the Violation that is asked about; undefined where it is something else. */
export function violationNamed(text: string): string | undefined {
  return SUBJECT.exec(text)?.[1];
}

export type ViolationFlags = ClusterFlags & { readonly json?: boolean };

/** 0. @throws TW_KUBE_* */
export function explainViolation(name: string, flags: ViolationFlags, io: Io): Promise<number> {
  return withCluster(flags, async (cluster) => {
    const { namespace } = cluster;
    const { spec } = await cluster.get(violations, { name, namespace });
    const allowing = allowingOf(spec, namespace);
    if (flags.json) {
      const told = { namespace, name, ...spec, why: whyOf(spec), allowing };
      io.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
      return 0;
    }
    printFacts(io, factsOf(`${namespace}/${name}`, spec));
    io.stdout.write(`\n${whyOf(spec)}\n`);
    if (allowing !== null) {
      io.stdout.write(
        `\nThis would allow it, where no deny and no ceiling is against it:\n\n${allowing}`,
      );
    }
    const next = commandOf(spec, namespace);
    if (next !== null) io.stdout.write(`\nWhat holds for it now: ${next}\n`);
    return 0;
  });
}

/** All that a person asks first, in one screen. */
function factsOf(path: string, spec: ViolationSpec): readonly (readonly [string, string])[] {
  const { job, project, process, parent, executable, pods, folded } = spec;
  const line = [...(spec.ancestry ?? []), process ?? 'unknown'].join(' > ');
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['violation', path],
    ['job', `${job ?? 'unknown'}, project ${project ?? 'unknown'}`],
    ['page', spec.url],
    [
      'process',
      [process ?? 'unknown', executable && `(${executable})`, parent && `of ${parent}`]
        .filter(Boolean)
        .join(' '),
    ],
    ['ancestry', spec.ancestry && line],
    ['arguments', spec.arguments],
    ['action', spec.action],
    ['destination', placeOf(spec)],
    ['rule', spec.policy === undefined ? spec.rule : `${spec.rule} (policy ${spec.policy})`],
    ['reason', spec.reason],
    ['count', `${spec.count}, first ${spec.firstSeen}, last ${spec.lastSeen}`],
    [
      'pods',
      pods
        .map(({ name, container, node }) => `${name}${container ? `/${container}` : ''} on ${node}`)
        .join(', '),
    ],
    [
      'folded',
      folded &&
        `${folded.rows} rows of jobs ${folded.jobs.join(', ')}; processes ${folded.processes.join(', ')}; to ${folded.destinations.join(', ')}`,
    ],
  ];
  return facts.flatMap(([label, text]) => (text ? [[label, text] as const] : []));
}

function placeOf({ destination, address, port, protocol }: ViolationSpec): string {
  const where = port === undefined ? destination : `${destination}:${port}`;
  const more = [protocol, address === destination ? undefined : address].filter(Boolean);
  return more.length === 0 ? where : `${where} (${more.join(', ')})`;
}

/** One sentence: what the rule said. */
function whyOf({ reason, rule, folded, action }: ViolationSpec): string {
  if (folded !== undefined) {
    return 'More was tried than there is room for: what found none is counted here. `torwacht get policies` and the rows in the log of the agents say more.';
  }
  const said = sentences[reason as Reason] ?? `Torwacht refuses it: ${reason}.`;
  const passed = action === 'observe' ? ' It was let pass, because only observed.' : '';
  return `${said.replace('{rule}', rule)}${passed}`;
}

const always = 'No policy can allow this:';

const sentences: Partial<Record<Reason, string>> = {
  none: 'More was tried in one pod than rows are kept for; the other rows of the job say what.',
  default: 'No rule allows this destination.',
  port: 'Something is allowed at this destination, but not on this port or protocol.',
  expired:
    'The address came from an allowed name, and its time is over: look the name up again before connecting.',
  'deny-rule':
    '{rule} denies it. A deny is final: it has to go, or to become narrower, before an allow can hold.',
  'local-service': 'Another program of the node listens there, and no rule allows it.',
  'private-answer':
    'The name is allowed by {rule}, but its answer points inside; only a rule with `private: true` allows that.',
  cname: 'A name on the way to the answer is denied, or cannot be named by any policy.',
  'dns-server': `${always} names are asked of Torwacht's resolver alone.`,
  dot: `${always} port 853 is DNS that nobody can judge.`,
  doh: `${always} it is a public resolver, through which any name could be asked.`,
  metadata: `${always} it is the metadata service of a cloud, which hands out the node's credentials.`,
  ipv6: `${always} this version judges IPv4 alone.`,
  icmp: `${always} ICMP carries data, too.`,
  protocol: `${always} only TCP and UDP are.`,
  fragment: `${always} a fragment has no ports to judge.`,
  'ip-options': `${always} a header with options leads elsewhere.`,
  multicast: `${always} it is no single destination.`,
  malformed: `${always} its headers cannot be read.`,
  'dns-budget': `${always} more lookups than one job may make.`,
  query: `${always} the lookup cannot be judged.`,
};

/** The least policy, as YAML; null where none helps. */
function allowingOf(spec: ViolationSpec, namespace: string): string | null {
  if (spec.folded !== undefined || !allowable.has(spec.reason)) return null;
  const { text, names, addresses } = suggest([eventOf(spec, namespace)], {
    project: spec.project ?? null,
    job: null,
    unrecorded: 0,
  });
  return names + addresses === 0 ? null : text;
}

/** Reasons against which a rule helps. */
const allowable: ReadonlySet<string> = new Set<Reason>([
  'default',
  'port',
  'local-service',
  'private-answer',
]);

/** The row as it was sent. */
function eventOf(spec: ViolationSpec, namespace: string): EgressEvent {
  const address = spec.address ?? null;
  return {
    ...{ version: 1, id: null, time: spec.firstSeen, last_seen: spec.lastSeen, namespace },
    ...{ action: spec.action === 'observe' ? 'observe' : 'block', target: '' },
    ...{ pod: null, container: null, pid: null, uid: null, ancestry: [] },
    ...{ project_id: spec.project ?? null, job_name: spec.job ?? null, job_url: null },
    ...{ comm: spec.process ?? null, parent_comm: spec.parent ?? null },
    ...{ exe: spec.executable ?? null, argv: spec.arguments ?? null },
    domain: spec.destination === address || spec.destination === SEVERAL ? null : spec.destination,
    ip: address,
    port: spec.port ?? null,
    protocol: protocolOf(spec),
    ...{ count: spec.count, added: spec.count, rule: spec.rule, policy: spec.policy ?? null },
    reason: reasons.find((one) => one === spec.reason) ?? 'none',
  };
}

function protocolOf({ protocol }: ViolationSpec): EgressEvent['protocol'] {
  return (['tcp', 'udp', 'icmp', 'other'] as const).find((one) => one === protocol) ?? null;
}

/** The question about what holds now; null where the row does not say enough for it. */
function commandOf({ project, job, destination, port, folded }: ViolationSpec, namespace: string) {
  if (folded !== undefined || project === undefined || destination === SEVERAL) return null;
  if (!/^[\w.:*-]+$/.test(destination) || !/^\d+$/.test(project)) return null;
  const named = job !== undefined && /^[\w.:-]+$/.test(job) ? ` --job ${job}` : '';
  const where = port === undefined ? destination : `${destination}:${port}`;
  return `torwacht explain ${where} --project ${project}${named} -n ${namespace}`;
}
