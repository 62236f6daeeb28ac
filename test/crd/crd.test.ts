/** The generated CRDs on a real API server, and our own validators beside it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { type KindDefinition, kindDefinitions } from '#api/kinds.ts';
import { apiVersion } from '#api/version.ts';
import { documentSchema } from '../../scripts/generate/crd.ts';
import type { Structural } from '../../scripts/generate/structural.ts';
import { installCrds } from '../apiserver/crds.ts';
import { useApiServer } from '../apiserver/server.ts';
import { ROOT } from '../cluster/names.ts';
import { type Document, document, fullDocuments, head, statuses } from './documents.ts';
import { faultsOf, missingFields } from './faults.ts';
import { rows, takenByTheServerOnly } from './rows.ts';

const api = await useApiServer({ after });
await installCrds(api);
await api.kubectl(['create', 'namespace', 'ci']);

test('every kind is structural, served, and found by its short name and category', async () => {
  const { items } = JSON.parse(await api.kubectl(['get', 'crd', '-o', 'json']));
  assert.equal(items.length, kindDefinitions.length);
  for (const { metadata, status } of items) {
    const types = status.conditions.map(({ type }: { type: string }) => type).sort();
    assert.deepEqual(types, ['Established', 'NamesAccepted'], metadata.name);
  }
  const listed = await api.kubectl(['api-resources', '--api-group=torwacht.io', '--no-headers']);
  const category = await api.kubectl(['api-resources', '--categories=torwacht', '-o', 'name']);
  for (const { plural, shortName, kind } of kindDefinitions) {
    assert.match(listed, new RegExp(`^${plural} +${shortName} +${apiVersion} .* ${kind}$`, 'm'));
    assert.match(category, new RegExp(`^${plural}\\.`, 'm'));
  }
});

test('every sample is accepted, by the server and by our own validators', async () => {
  const folder = join(ROOT, 'config/samples');
  const files = readdirSync(folder).filter((name) => name !== 'kustomization.yaml');
  const seen = new Set<string>();
  for (const name of files) {
    for (const parsed of parseAllDocuments(readFileSync(join(folder, name), 'utf8'))) {
      const sample = parsed.toJS() as Document;
      seen.add(sample.kind);
      assert.deepEqual(await judge(sample), { server: '', own: true }, name);
    }
  }
  assert.deepEqual([...seen].sort(), kindDefinitions.map(({ kind }) => kind).sort());
  await api.kubectl(['apply', '--kustomize', folder, '--dry-run=server', '--validate=strict']);
});

test('the overlays of the examples are accepted, each as its cluster gets it', async () => {
  const clusters = join(ROOT, 'examples/gitops/fleet/clusters');
  const modes = new Map<string, string>();
  for (const cluster of readdirSync(clusters)) {
    for (const part of ['platform', 'teams']) {
      const folder = join(clusters, cluster, part);
      const text = await api.kubectl(['kustomize', folder]);
      for (const parsed of parseAllDocuments(text)) {
        const document = parsed.toJS() as Document;
        if (document.apiVersion !== apiVersion) continue;
        assert.deepEqual(await judge(document), { server: '', own: true }, folder);
        if (document.kind === 'RunnerBinding')
          modes.set(cluster, String((document.spec as { mode?: string }).mode));
      }
    }
  }
  assert.deepEqual(Object.fromEntries(modes), { production: 'Block', staging: 'Observe' });
  for (const path of ['argocd/apps', 'flux/clusters/production', 'flux/clusters/staging']) {
    await api.kubectl(['kustomize', join(ROOT, 'examples/gitops', path)]);
  }
  // Flux renders this one, with the values in the folder beside it.
  const runner = join(ROOT, 'examples/gitops/flux/gitlab-runner');
  assert.match(await api.kubectl(['kustomize', runner]), /name: gitlab-runner-values/);
});

for (const row of rows) {
  const verdict = row.says === undefined ? 'accepted' : 'refused';
  test(`${row.document.kind}: ${row.what} is ${verdict} by both`, async () => {
    const { server, own } = await judge(row.document);
    assert.equal(own, row.says === undefined);
    if (row.says === undefined) assert.equal(server, '');
    else assert.ok(server.includes(row.says), server);
  });
}

for (const row of takenByTheServerOnly) {
  test(`${row.document.kind}: ${row.what} is accepted by the server, and refused in a file`, async () => {
    assert.deepEqual(await judge(row.document), { server: '', own: false });
  });
}

for (const definition of kindDefinitions) {
  const { kind } = definition;
  const { properties = {} } = documentSchema(definition);

  test(`${kind}: with every field it is accepted, and reads the same with its defaults`, async () => {
    const documents = fullDocuments(kind);
    const specs = documents.map(({ spec }) => spec);
    assert.deepEqual(missingFields(properties.spec as Structural, specs, 'spec'), []);
    const good = rows.filter((row) => row.says === undefined).map((row) => row.document);
    for (const one of [...documents, ...good.filter((row) => row.kind === kind)]) {
      const reply = await create(one);
      assert.equal(reply.status, 201, reply.body);
      const live = JSON.parse(reply.body) as Document;
      const read = (of: Document) => definition.schema.parse(of).spec;
      assert.deepEqual(read(live), read(one));
      assert.deepEqual(changed(one.spec, live.spec, 'spec'), []);
    }
  });

  test(`${kind}: every fault that its spec can have is refused by both, with its place`, async () => {
    let tried = 0;
    for (const whole of fullDocuments(kind)) {
      for (const fault of faultsOf(properties.spec as Structural, whole.spec, 'spec')) {
        const { server, own } = await judge({ ...whole, spec: fault.value });
        const told = `${fault.path} is ${fault.what}: ${server.slice(0, 500)}`;
        assert.equal(own, false, `our own validator accepts it: ${told}`);
        assert.ok(server.includes(fault.path), told);
        tried += 1;
      }
    }
    assert.ok(tried > 10);
  });

  const { status } = definition;
  if (status === undefined) continue;

  test(`${kind}: the same of its status, which is written by itself`, async (t) => {
    const full = statuses[kind];
    const schema = properties.status as Structural;
    assert.deepEqual(missingFields(schema, [full], 'status'), []);
    const path = await kept(t, fullDocuments(kind)[0] as Document);
    const write = async (value: unknown) => {
      const body = { ...JSON.parse((await api.request({ path })).body), status: value };
      const question = `${path}/status?dryRun=All&fieldValidation=Strict`;
      return await api.request({ method: 'PUT', path: question, body });
    };
    const reply = await write(full);
    assert.equal(reply.status, 200, reply.body);
    assert.deepEqual(JSON.parse(reply.body).status, full);
    assert.deepEqual(status.parse(full), full);
    for (const fault of faultsOf(schema, full, 'status')) {
      const { status: code, body } = await write(fault.value);
      const told = `${fault.path} is ${fault.what}: ${body.slice(0, 500)}`;
      assert.ok(code >= 400 && code < 500, told);
      assert.ok(JSON.parse(body).message.includes(fault.path), told);
      assert.equal(status.safeParse(fault.value).success, false, told);
    }
  });
}

const changes: readonly (readonly [what: string, spec: object, change: object, says: string])[] = [
  [
    'a piece never changes',
    { piece: { content: '[]' } },
    { piece: { content: '[ ]' } },
    'a piece never changes: write another object',
  ],
  [
    'a piece does not become a head',
    { piece: { content: '[]' } },
    { piece: null, head },
    'a head stays a head, and a piece a piece',
  ],
  [
    'a head stays with its binding',
    { head },
    { head: { binding: { name: 'another' } } },
    'a head stays the head of its binding',
  ],
];
for (const [what, spec, change, says] of changes) {
  test(what, async (t) => {
    const path = await kept(t, document('PolicyBundle', spec));
    const type = 'application/merge-patch+json';
    const refused = await api.request({ method: 'PATCH', path, type, body: { spec: change } });
    assert.equal(refused.status, 422);
    assert.ok(refused.body.includes(says), refused.body);
    // The control: what may change does.
    const labels = { metadata: { labels: { a: 'b' } } };
    const allowed = await api.request({ method: 'PATCH', path, type, body: labels });
    assert.equal(allowed.status, 200, allowed.body);
  });
}

test('a manifest that was applied is not different from what is there, for kubectl either', async (t) => {
  const folder = join(ROOT, 'config/samples');
  await api.kubectl(['apply', '--server-side', '--kustomize', folder]);
  t.after(() => api.kubectl(['delete', '--kustomize', folder]));
  await api.kubectl(['diff', '--kustomize', folder]);
  await api.kubectl(['diff', '--server-side', '--kustomize', folder]);
});

test('kubectl get answers the first question: is it in force, and if not, why', async (t) => {
  for (const definition of kindDefinitions) {
    const status = statuses[definition.kind];
    if (status === undefined) continue;
    const path = await kept(t, fullDocuments(definition.kind)[0] as Document);
    const body = { ...JSON.parse((await api.request({ path })).body), status };
    assert.equal((await api.request({ method: 'PUT', path: `${path}/status`, body })).status, 200);
    const [head = '', row = ''] = (
      await api.kubectl(['get', definition.shortName, 'full', '--namespace=ci'])
    ).split('\n');
    assert.match(head, /NAME .*READY +REASON .*AGE/);
    assert.match(row, /^full .*Unknown +New /);
    if (definition.kind !== 'NodeAgent') assert.match(row, / 1\/2 /);
  }
});

test('kubectl get violations answers the first question: who tried what, and how often', async (t) => {
  await kept(t, fullDocuments('Violation')[0] as Document);
  const get = (...more: string[]) => api.kubectl(['get', 'vio', '--namespace=ci', ...more]);
  const [head = '', row = ''] = (await get()).split('\n');
  const columns = ['NAME', 'JOB', 'PROJECT', 'PROCESS', 'ACTION', 'DESTINATION', 'PORT', 'COUNT'];
  assert.deepEqual(head.trim().split(/ {2,}/), [...columns, 'LAST SEEN']);
  assert.match(row, /^full +install +4711 +node +block +evil\.test +8000 +3 +\S+$/);
  const [wide = '', more = ''] = (await get('--output=wide')).split('\n');
  assert.match(wide, /LAST SEEN +PARENT +REASON +RULE +FIRST SEEN +POD/);
  assert.match(more, / npm +default +default +\S+ +runner-1$/);
});

function definitionOf(kind: string): KindDefinition {
  const found = kindDefinitions.find((definition) => definition.kind === kind);
  assert.ok(found, kind);
  return found;
}

function collection(kind: string): string {
  const { plural, scope } = definitionOf(kind);
  return `/apis/${apiVersion}/${scope === 'Namespaced' ? 'namespaces/ci/' : ''}${plural}`;
}

async function create(body: Document, query = 'dryRun=All&') {
  const path = `${collection(body.kind)}?${query}fieldValidation=Strict`;
  return await api.request({ method: 'POST', path, body });
}

/** The server's message, empty where it accepts, and whether our own validator does. */
async function judge(body: Document): Promise<{ server: string; own: boolean }> {
  const reply = await create(body);
  assert.ok(reply.status === 201 || (reply.status >= 400 && reply.status < 500), reply.body);
  const server = reply.status === 201 ? '' : String(JSON.parse(reply.body).message);
  return { server, own: definitionOf(body.kind).schema.safeParse(body).success };
}

/** Creates it until the end of the test, and gives its path. */
async function kept(t: { after(work: () => Promise<void>): void }, body: Document) {
  const reply = await create(body, '');
  assert.equal(reply.status, 201, reply.body);
  const path = `${collection(body.kind)}/${String(body.metadata.name)}`;
  t.after(async () => {
    await api.request({ method: 'DELETE', path });
  });
  return path;
}

/**
 * What a GitOps controller that merges JSON (RFC 7396: lists are one value) takes for a difference: fields
 * of the manifest whose value is another in the cluster. A field that the server adds is none.
 */
function changed(manifest: unknown, live: unknown, path: string): string[] {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMap(manifest) && isMap(live)) {
    return Object.entries(manifest).flatMap(([name, value]) =>
      changed(value, live[name], `${path}.${name}`),
    );
  }
  return isDeepStrictEqual(manifest, live) ? [] : [path];
}
