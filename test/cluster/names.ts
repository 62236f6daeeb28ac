/**
 * What a cluster is called, and where its things are. Everything that can be seen from outside bears
 * the cluster's id, so that it can be taken away by its name alone, whatever became of who made it.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { ownerLives, processStart } from '../lab/names.ts';
import { errors } from './errors.ts';

export const PREFIX = 'twcluster-';
export const ROOT = join(import.meta.dirname, '../..');
/** What is built once for every cluster of this checkout. */
export const BUILD = join(ROOT, 'build/cluster');

/** Fixed: every cluster is alone in its own network namespace. */
export const addresses = {
  node: '172.18.0.2',
  pods: '10.244.0.0/16',
  pods6: 'fd00:10:244::/64',
  services: '10.96.0.0/16',
  /** The first of `services`: where pods find the API server. */
  api: '10.96.0.1',
  dns: '10.96.0.10',
} as const;

export const API_PORT = 6443;
export const NODE_NAME = 'node-1';

export interface Place {
  /** `twcluster-<name>`: its network namespaces, cgroups and folders are called so. */
  readonly id: string;
  /** Sockets, logs, settings, what the node writes. Short, for the sake of UNIX sockets. */
  readonly state: string;
  /** What is large: images and volumes. On a disk, since overlays cannot lie on an overlay. */
  readonly disk: string;
  readonly kubeconfig: string;
  readonly logs: string;
}

/** @throws TW_CLUSTER_NAME */
export function place(name: string): Place {
  if (!/^[a-z0-9][a-z0-9-]{0,23}$/.test(name)) throw failure(errors.name, { name });
  const id = `${PREFIX}${name}`;
  const state = `/run/${id}`;
  return {
    id,
    state,
    disk: `/var/tmp/${id}`,
    kubeconfig: join(state, 'kubeconfig'),
    logs: join(state, 'log'),
  };
}

/** The cluster that the environment names, or else the checkout's own. */
export function chosenName(environment: NodeJS.ProcessEnv = process.env): string {
  const digest = createHash('sha256').update(ROOT).digest('hex').slice(0, 8);
  return environment.TORWACHT_CLUSTER ?? digest;
}

/** A name that says which process answers for the cluster: when that is gone, a sweep may take it. */
export function ownedName(pid: number, number = 0): string {
  return `of-${pid}-${processStart(pid) ?? 0}-${number}`;
}

/** Has the process that this name (or anything that starts with it) speaks of ended? */
export function abandoned(name: string): boolean {
  const match = /^of-(\d+)-(\d+)-\d+$/.exec(name);
  if (match === null) return false;
  return !ownerLives({ pid: Number(match[1]), start: match[2] ?? '' });
}
