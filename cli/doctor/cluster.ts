/** What a cluster's facts mean for holding jobs: a function of the facts. */
import { nodeProblems } from '../cluster/status.ts';
import { type Finding, fail, pass, warn } from '../findings.ts';
import { plural } from '../policy/io.ts';
import { version as ownVersion } from '../version.ts';
import { asked, bindingsWithoutLabel, judges, labelsWithoutBinding, webhook } from './admission.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { kindFindings } from './kinds.ts';
import { networkFindings } from './network.ts';

/** Lines of one kind; a fleet has thousands of nodes. */
const MAX_LINES = 20;
/** ValidatingAdmissionPolicy is v1 since then. */
const FLOOR = [1, 30] as const;

type Check = (facts: ClusterFacts) => readonly Finding[];

const checks: readonly Check[] = [
  server,
  kinds,
  nodes,
  objects,
  judges,
  webhook,
  asked,
  labelsWithoutBinding,
  bindingsWithoutLabel,
  network,
];

export function clusterFindings(facts: ClusterFacts): readonly Finding[] {
  const unread = facts.unread.map((sentence) =>
    warn('unread', sentence, 'What hangs on it is not judged; ask for the right to read it.'),
  );
  return [...checks.flatMap((check) => bounded(check(facts))), ...unread];
}

function bounded(findings: readonly Finding[]): readonly Finding[] {
  const first = findings[MAX_LINES];
  if (first === undefined) return findings;
  const more = `and ${findings.length - MAX_LINES} more lines like these`;
  const worst = findings.slice(MAX_LINES).some(({ level }) => level === 'fail') ? 'fail' : 'warn';
  const last = {
    level: worst,
    check: first.check,
    sentence: more,
    hint: 'See --json of `torwacht status`.',
  } as const;
  return [...findings.slice(0, MAX_LINES), last];
}

function server({ version }: ClusterFacts): readonly Finding[] {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const enough = major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1]);
  if (enough) return [pass('server', `Kubernetes ${version}`)];
  return [
    fail(
      'server',
      `Kubernetes ${version} is older than ${FLOOR.join('.')}`,
      'Upgrade the cluster: CEL in admission policies and kinds is needed.',
    ),
  ];
}

function kinds({ crds }: ClusterFacts): readonly Finding[] {
  return crds === null ? [] : kindFindings(crds);
}

function nodes({ standing, nodes: all }: ClusterFacts): readonly Finding[] {
  const rows = standing?.report.nodes ?? null;
  if (rows === null) return [];
  const known = new Set(rows.map(({ name }) => name));
  const without = (all ?? []).filter(({ metadata }) => !known.has(metadata.name));
  const bad = rows.flatMap((row) =>
    nodeProblems(row).map((problem) =>
      fail(
        `nodes.${row.name}`,
        problem,
        'Look at the log of its pod: kubectl -n torwacht logs daemonset/torwacht-agent.',
      ),
    ),
  );
  const odd = rows.flatMap((row) => [
    ...row.lacks.map(({ name, message }) =>
      warn(
        `nodes.${row.name}`,
        `node ${row.name} has no ${name}${message === null ? '' : `: ${message}`}`,
        'docs/kernels.md says since which version it is there.',
      ),
    ),
    ...(row.version === null || row.version === ownVersion
      ? []
      : [
          warn(
            `nodes.${row.name}`,
            `the agent of node ${row.name} is of version ${row.version}, and this is ${ownVersion}`,
            'Upgrade one of them; barriers accept this protocol and the one before.',
          ),
        ]),
  ]);
  const missing = without.map(({ metadata }) =>
    fail(
      `nodes.${metadata.name}`,
      `node ${metadata.name} has no agent: barriers of pods there fail their jobs`,
      'Look at taints and the node selector of daemonset/torwacht-agent, or keep jobs off this node.',
    ),
  );
  const serious = [...bad, ...missing];
  const down = rows.filter(({ nodeReady }) => nodeReady === false);
  const away = down.map(({ name }) =>
    warn(
      `nodes.${name}`,
      `node ${name} is not Ready, and nobody waits for it`,
      'kubectl describe node says why.',
    ),
  );
  if (rows.length === 0 && without.length === 0) {
    return [
      warn('nodes', 'no node has an agent', 'kubectl apply -k config/default installs them.'),
    ];
  }
  if (serious.length > 0) return [...serious, ...away, ...odd];
  const good = plural(rows.length - down.length, 'node');
  return [pass('nodes', `agents of ${good} are ready and hold what they have to`), ...away, ...odd];
}

function objects({ standing }: ClusterFacts): readonly Finding[] {
  if (standing === null) return [];
  const { bindings, policies } = standing.report;
  if (bindings.length === 0) {
    return [
      warn(
        'objects',
        'there is no RunnerBinding: no pod is held',
        'docs/admission.md has one to begin with.',
      ),
    ];
  }
  const late = [...bindings, ...policies].filter(({ ready }) => ready !== 'True');
  const count = `${plural(bindings.length, 'RunnerBinding')} and ${plural(policies.length, 'policy', 'policies')}`;
  if (late.length === 0) return [pass('objects', `${count} are in force`)];
  return late.map(({ title, reason, message }) =>
    fail(
      'objects',
      `${title} is not in force: ${reason}. ${message}`.trimEnd(),
      '`torwacht status` says on which nodes, and why.',
    ),
  );
}

function network({ daemonSets, cilium }: ClusterFacts): readonly Finding[] {
  return daemonSets === null ? [] : networkFindings(daemonSets, cilium);
}
