/** An API server as it is for an agent: the CRDs, its node, and exactly the rights that config/rbac gives it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { apiVersion } from '#api/version.ts';
import { installCrds } from '../apiserver/crds.ts';
import { type ApiServer, type Ending, useApiServer } from '../apiserver/server.ts';
import { ROOT } from '../cluster/names.ts';
import { Publisher } from './publisher.ts';

const ACCOUNT = { namespace: 'torwacht', name: 'torwacht-agent' } as const;

export interface Status {
  readonly observedGeneration?: number;
  readonly bindings?: readonly {
    readonly name: string;
    readonly digest?: string;
    readonly generation?: number;
    readonly reason?: string;
    readonly message?: string;
  }[];
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly pods?: { readonly enforced: number; readonly failed: number };
  readonly kernel?: string;
}

/** One node with bindings of one namespace: each test has its own. */
export class Ground extends Publisher {
  readonly api: ApiServer;

  constructor(api: ApiServer, word: string) {
    super(api, `node-${word}`, `ci-${word}`);
    this.api = api;
  }

  /** `{.status}` of the node's object. */
  async status(): Promise<Status> {
    const path = `/apis/${apiVersion}/nodeagents/${this.node}`;
    const { body } = await this.api.request({ path });
    return (JSON.parse(body) as { status?: Status }).status ?? {};
  }

  /** A token as the agent's pod on this node has it. */
  token() {
    const boundTo = { kind: 'Node', name: this.node } as const;
    return this.api.serviceAccount(ACCOUNT.namespace, ACCOUNT.name, boundTo);
  }

  /** For a program that is this node's agent. */
  async kubeconfig(): Promise<string> {
    return this.api.kubeconfigFor(await this.token());
  }
}

/** An API server as it is for agents, with nobody else on it. */
export async function useGrounds(ending: Ending): Promise<(word: string) => Promise<Ground>> {
  const api = await useApiServer(ending);
  await installCrds(api);
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'torwacht' } });
  await api.kubectl(['apply', '--kustomize', join(ROOT, 'config/rbac/agent')]);
  return async (word) => {
    const ground = new Ground(api, word);
    await api.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: ground.node } });
    return ground;
  };
}

/** Removed when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-keep-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
