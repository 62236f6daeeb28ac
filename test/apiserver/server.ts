/**
 * A real API server with its etcd and no node, for tests: on the loopback, on ports of its own, gone with
 * the test. Several may stand side by side.
 *
 * @example
 * const api = await useApiServer(t);
 * await api.kubectl(['create', 'namespace', 'ci']);
 * const reader = await api.serviceAccount('ci', 'reader');
 * const reply = await api.request({ path: '/api/v1/namespaces/ci/pods' }, reader);
 * assert.equal(reply.status, 403);
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { ask, type Question, type Reply } from '../cluster/api.ts';
import { errors } from '../cluster/errors.ts';
import { type Apply, applyWith, type Kubectl, kubectlOn } from '../cluster/kubectl.ts';
import { BUILD } from '../cluster/names.ts';
import { signCertificate } from '../cluster/node/certificates.ts';
import { keepLogs } from '../cluster/node/node.ts';
import { type Credentials, kubeconfig } from '../cluster/node/settings.ts';
import { createFolder, type Folder, removeFolder, sweepFolders } from './folder.ts';
import { type More, type Plan, planFor, writeAuthority } from './plan.ts';
import { Running } from './running.ts';

export interface Settings extends More {
  /** With kube-controller-manager: garbage collection, default service accounts, aggregated roles. */
  readonly withControllers?: boolean;
}

/**
 * Calls `after` when the test ends: `t` of a test. `{ after }` of node:test, at the top of a file, is for
 * the whole file; within `before()` it would end with that.
 */
export interface Ending {
  after(work: () => Promise<void>): void;
}

export interface ApiServer {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** PEM: who signed the server's certificate. */
  readonly authority: string;
  /** In the group system:masters, whom no rule stops. */
  readonly admin: Credentials;
  /** Path of the administrator's. */
  readonly kubeconfig: string;
  readonly logs: string;
  /** As the administrator. */
  readonly kubectl: Kubectl;
  readonly apply: Apply;
  readonly etcd: Running;
  readonly server: Running;
  /** Only `withControllers`. */
  readonly controllers: Running | undefined;
  /** As the administrator unless told. Any status is an answer. */
  request(question: Question, as?: Credentials): Promise<Reply>;
  /** A person, who may do nothing until an RBAC rule says so. */
  user(name: string, groups?: readonly string[]): Credentials;
  /**
   * Makes the account where there is none, and a token of it, good for an hour. One that is bound to a
   * Node or Pod (which must exist) carries the node's name, as the token of a DaemonSet's pod does.
   */
  serviceAccount(
    namespace: string,
    name: string,
    boundTo?: { readonly kind: 'Node' | 'Pod'; readonly name: string },
    /** For whom it is; the API server unless told. */
    audience?: string,
  ): Promise<Credentials & { readonly token: string }>;
  /** Writes one and gives its path. */
  kubeconfigFor(credentials: Credentials): string;
  /** Idempotent. Without an `Ending`, call it yourself. */
  close(): Promise<void>;
}

/** @throws TW_CLUSTER_*; the logs of a start that failed are where the message says */
export async function useApiServer(
  ending?: Ending | undefined,
  settings: Settings = {},
): Promise<ApiServer> {
  const kube = join(BUILD, 'kube');
  if (!existsSync(kube)) throw failure(errors.notBuilt, { path: kube });
  sweepFolders();
  const folder = createFolder();
  const atExit = (): void => removeFolder(folder.path);
  process.once('exit', atExit);
  try {
    const started = await start(folder, settings);
    const api = over(folder, started, async () => {
      await Promise.all(started.programs.map((program) => program.kill()));
      removeFolder(folder.path);
      process.off('exit', atExit);
    });
    ending?.after(api.close);
    return api;
  } catch (error) {
    keepLogs(folder);
    atExit();
    process.off('exit', atExit);
    throw error;
  }
}

interface Started {
  readonly plan: Plan;
  readonly etcd: Running;
  readonly server: Running;
  readonly controllers: Running | undefined;
  readonly programs: readonly Running[];
}

async function start(folder: Folder, settings: Settings): Promise<Started> {
  writeAuthority(folder);
  const plan = await planFor(folder, settings);
  writeKubeconfigs(folder, plan);
  const answers = async (path: string): Promise<boolean> => {
    const reply = await ask(asAdmin(folder, plan), { path });
    return reply.status === 200;
  };
  const etcd = new Running(folder, plan.etcd, async () => {
    const { ok } = await fetch(`${plan.etcdUrl}/health`);
    return ok;
  });
  const server = new Running(folder, plan.server, () => answers('/readyz'));
  const controllers = settings.withControllers
    ? new Running(folder, plan.controllers, () =>
        answers('/api/v1/namespaces/default/serviceaccounts/default'),
      )
    : undefined;
  const programs = [etcd, server, ...(controllers ? [controllers] : [])];
  for (const program of programs) await program.start();
  return { plan, etcd, server, controllers, programs };
}

const text = (folder: Folder, name: string): string =>
  readFileSync(join(folder.certificates, name), 'utf8');

function certified(folder: Folder, file: string): Credentials {
  return { certificate: text(folder, `${file}.crt`), key: text(folder, `${file}.key`) };
}

function asAdmin(folder: Folder, { port }: Plan) {
  return { port, authority: text(folder, 'ca.crt'), credentials: certified(folder, 'admin') };
}

const urlOf = ({ port }: Plan): string => `https://127.0.0.1:${port}`;

function writeKubeconfigs(folder: Folder, plan: Plan): void {
  const { authority, credentials } = asAdmin(folder, plan);
  const server = urlOf(plan);
  const controllers = certified(folder, 'kube-controller-manager');
  for (const [path, who] of [
    [join(folder.path, 'kubeconfig'), credentials],
    [join(folder.certificates, 'kube-controller-manager.kubeconfig'), controllers],
  ] as const) {
    writeFileSync(path, kubeconfig({ server, authority, credentials: who }), { mode: 0o600 });
  }
}

function over(folder: Folder, started: Started, close: () => Promise<void>): ApiServer {
  const { plan, etcd, server, controllers } = started;
  const { authority, credentials: admin } = asAdmin(folder, plan);
  const path = join(folder.path, 'kubeconfig');
  const kubectl = kubectlOn({ kubeconfig: path, logs: folder.logs });
  let files = 0;
  const request: ApiServer['request'] = (question, credentials = admin) =>
    ask({ port: plan.port, authority, credentials }, question);
  return {
    url: urlOf(plan),
    port: plan.port,
    authority,
    admin,
    kubeconfig: path,
    logs: folder.logs,
    kubectl,
    apply: applyWith(kubectl),
    etcd,
    server,
    controllers,
    request,
    user: (name, groups = []) => {
      files += 1;
      const file = `user-${files}`;
      signCertificate(folder.certificates, { file, user: name, groups });
      return certified(folder, file);
    },
    serviceAccount: async (namespace, name, boundTo, audience) => ({
      token: await tokenOf(request, { namespace, name, boundTo, audience }),
    }),
    kubeconfigFor: (credentials) => {
      files += 1;
      const written = join(folder.path, `kubeconfig-${files}`);
      writeFileSync(written, kubeconfig({ server: urlOf(plan), authority, credentials }), {
        mode: 0o600,
      });
      return written;
    },
    close,
  };
}

interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly boundTo: { readonly kind: 'Node' | 'Pod'; readonly name: string } | undefined;
  readonly audience: string | undefined;
}

async function tokenOf(
  request: ApiServer['request'],
  { namespace, name, boundTo, audience }: Account,
): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const metadata = { name, namespace };
  const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
  expect(await request({ method: 'POST', path: accounts, body }), [201, 409]);
  const reply = await request({
    method: 'POST',
    path: `${accounts}/${name}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds: 3600,
        ...(audience === undefined ? {} : { audiences: [audience] }),
        ...(boundTo === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', ...boundTo } }),
      },
    },
  });
  expect(reply, [201]);
  return (JSON.parse(reply.body) as { status: { token: string } }).status.token;
}

function expect(reply: Reply, statuses: readonly number[]): void {
  if (!statuses.includes(reply.status)) throw new Error(`HTTP ${reply.status}: ${reply.body}`);
}
