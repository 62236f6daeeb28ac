/** What an agent that sends rows has around it: a Service, the folder that the kubelet keeps, and rows of today. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EgressEvent } from '#api/event.ts';
import { rowOf } from '#operator/violations/testing/rows.ts';
import type { ApiServer, Ending } from '../apiserver/server.ts';
import type { Replica } from './replicas.ts';
import { eventually } from './wait.ts';

/** Connections go to one after the other of the ports that there are. */
export async function balance(ending: Ending, ports: () => readonly number[]) {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((socket) => {
    const all = ports();
    const other = connect(all[turn++ % all.length] ?? 1, '127.0.0.1');
    for (const [one, end] of [
      [socket, other],
      [other, socket],
    ] as const) {
      open.add(one);
      one.pipe(end);
      one.on('error', () => end.destroy());
      one.on('close', () => {
        open.delete(one);
        end.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ending.after(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port };
}

/** A folder with what the operator's ConfigMap holds, and with a token; `address` in place of the Service's. */
export async function operatorFolder(
  ending: Ending,
  { kubectl }: Pick<ApiServer, 'kubectl'>,
  { address, token }: { readonly address?: string; readonly token: string },
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-operator-'));
  ending.after(async () => rmSync(folder, { recursive: true, force: true }));
  const data = await eventually('the operator says where it is', async () => {
    const name = 'configmap/torwacht-operator-intake';
    const text = await kubectl(['get', name, '-n', 'torwacht', '-o', 'jsonpath={.data}']);
    const told = JSON.parse(text) as Record<string, string>;
    return told.address === undefined ? undefined : told;
  });
  const files = { ...data, ...(address === undefined ? {} : { address }), token };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

export function rowNow(change: Partial<EgressEvent>): EgressEvent {
  const now = new Date().toISOString();
  return rowOf({ time: now, last_seen: now, ...change });
}

/** Writes of Violations that a replica has made, as its metrics say. */
export async function writesOf({ health }: Replica): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text();
  const counts = text.matchAll(
    /^torwacht_kube_request_seconds_count\{verb="(?:create|update)",resource="violations",.*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** What the operator answers, asked as the API server's proxy asks: nobody looks at its certificate. */
export function ask(port: number, path: string, token: string) {
  const headers = { 'x-torwacht-token': token };
  const options = { host: '127.0.0.1', port, path, headers, rejectUnauthorized: false };
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const asked = request(options, async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part as Buffer);
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() });
    });
    asked.once('error', reject);
    asked.end();
  });
}
