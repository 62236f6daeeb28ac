/** A GitLab job in the test cluster: the demo's project, with the package that steals, as a job of the fake runner. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/cluster.ts';
import { imageTag } from '../cluster/images/images.ts';
import { KUBECTL } from '../cluster/kubectl.ts';
import { secrets, thief } from '../demo/world.ts';
import { type Job, plainRunner, type Runner } from '../fake-runner/job.ts';
import { kubectlCluster } from '../fake-runner/run/kubectl.ts';
import { type Ended, runJob } from '../fake-runner/run/run.ts';
import { PATH } from '../lab/execute.ts';
import type { Lab } from '../lab/lab.ts';
import type { DnsRecord } from '../lab/servers/dnsmasq.ts';
import { REGISTRY_NAME, REGISTRY_PORT } from '../lab/servers/registry.ts';
import type { Sink } from '../lab/servers/sink.ts';

export const PROJECT = 4711;

/** The barrier as docs/barrier.md has it. */
export function barrier(deadline = '60s') {
  return {
    name: 'torwacht-barrier',
    image: imageTag('barrier'),
    args: ['--deadline', deadline],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

export interface Furniture {
  readonly exfiltration: Sink;
  readonly metadata: Sink;
}

/** The registry with the poisoned package, its author's server, and a cloud's metadata. */
export async function furnish(internet: Lab, names: readonly DnsRecord[] = []): Promise<Furniture> {
  const [registry, exfiltration, metadata] = await Promise.all([
    internet.registry(),
    internet.sink([{ kind: 'http', address: thief.address, port: thief.port }]),
    internet.metadata(),
    internet.dnsmasq([
      { name: REGISTRY_NAME, address: '192.0.2.10' },
      { name: thief.name, address: thief.address },
      ...names,
    ]),
  ]);
  await registry.publish(join(import.meta.dirname, '../demo/poisoned-package'));
  return { exfiltration, metadata };
}

/** Bodies that the thief's server got. */
export function stolen({ exfiltration }: Furniture): readonly string[] {
  return exfiltration.log().flatMap(({ event, body }) => (event === 'request' ? (body ?? '') : []));
}

/** npm is not in the image: it comes from this machine, and so does the checkout. */
const poisoned = [
  'mkdir /tmp/app && cp /checkout/test/demo/project/package.json /tmp/app && cd /tmp/app',
  'node /npm/bin/npm-cli.js install',
  `node -p 'require("demo-dates")(new Date(0))'`,
  `node /checkout/test/agent/fixtures/reach.ts ${thief.address} ${thief.port}`,
];

export interface JobPlan {
  /** The barrier's deadline; no barrier where it is missing. */
  readonly deadline?: string;
  readonly services?: Job['services'];
  /** Of whoever makes its pod, where that is not the cluster's admin. */
  readonly kubeconfig?: string;
  /** The poisoned install where it is missing. */
  readonly script?: readonly string[];
  /** What the runner's config.toml says of pods, in the place of the barrier and this machine's folders. */
  readonly podSpecs?: Runner['podSpecs'];
}

export interface EndedJob extends Ended {
  /** The job's log, as GitLab shows it. */
  readonly log: string;
  /** What the API server knew of its pod when it had ended. */
  readonly known: PodState;
}

interface PodState {
  readonly metadata: { readonly uid: string };
  readonly status?: {
    readonly initContainerStatuses?: readonly {
      readonly state: { readonly terminated?: { readonly message?: string } };
    }[];
    readonly containerStatuses?: readonly { readonly name: string; readonly state: object }[];
    readonly podIP?: string;
  };
}

export async function runCiJob(
  cluster: Cluster,
  namespace: string,
  plan: JobPlan = {},
): Promise<EndedJob> {
  const image = await cluster.image('debian');
  await cluster.image('barrier');
  let log = '';
  const environment = {
    PATH,
    HOME: '/nonexistent',
    KUBECONFIG: plan.kubeconfig ?? cluster.kubeconfig,
  };
  const job = jobOf(image, plan);
  const ended = await runJob(job, runnerOf(namespace, image, plan), {
    cluster: kubectlCluster({ program: KUBECTL, environment }),
    write: (text) => {
      log += text;
    },
    now: () => Math.floor(Date.now() / 1000),
    sleep: (seconds) => sleep(seconds * 1000),
    suffix: () => Array.from({ length: 8 }, () => randomInt(36).toString(36)).join(''),
    keep: true,
  });
  const at = [`--namespace=${namespace}`, 'pod', ended.pod?.pod ?? ''];
  const known = JSON.parse(await cluster.kubectl(['get', ...at, '-o', 'json'])) as PodState;
  await cluster.kubectl(['delete', ...at, '--now', '--wait=false']);
  return { ...ended, log, known };
}

function jobOf(image: string, { services = [], script = poisoned }: JobPlan): Job {
  const settings = {
    GIT_STRATEGY: 'none',
    CI_PROJECT_ID: String(PROJECT),
    CI_JOB_NAME: 'install',
    HOME: '/tmp',
    npm_config_registry: `http://${REGISTRY_NAME}:${REGISTRY_PORT}/`,
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_fetch_retries: '0',
  };
  const listed = (values: Readonly<Record<string, string>>, open: boolean) =>
    Object.entries(values).map(([key, value]) => ({ key, value, public: open }));
  return {
    id: 1,
    name: 'install',
    ref: 'main',
    sha: '0'.repeat(40),
    beforeSha: '0'.repeat(40),
    projectId: PROJECT,
    projectName: 'shop',
    repoUrl: 'http://gitlab.example.com/team/shop.git',
    image,
    services,
    variables: [...listed(settings, true), ...listed(secrets, false)],
    script,
    timeout: 600,
  };
}

function runnerOf(namespace: string, image: string, { deadline, podSpecs }: JobPlan): Runner {
  const mounts = [
    { name: 'npm', mountPath: '/npm', readOnly: true },
    { name: 'checkout', mountPath: '/checkout', readOnly: true },
  ];
  const patch = {
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    volumes: [
      { name: 'npm', hostPath: { path: '/usr/lib/node_modules/npm' } },
      { name: 'checkout', hostPath: { path: join(import.meta.dirname, '../..') } },
    ],
    containers: [{ name: 'build', volumeMounts: mounts }],
    ...(deadline === undefined ? {} : { initContainers: [barrier(deadline)] }),
  };
  return {
    ...plainRunner,
    namespace,
    helperImage: image,
    pullPolicy: 'Never',
    featureFlags: { FF_USE_ADVANCED_POD_SPEC_CONFIGURATION: true },
    podSpecs: podSpecs ?? [{ name: 'torwacht', type: 'strategic', patch: JSON.stringify(patch) }],
    pollInterval: 0.5,
    pollTimeout: 90,
  };
}
