/**
 * Who may do what with our objects, asked of a real API server: every verb on every kind and status, so that
 * a new kind without an answer fails here.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { kindDefinitions } from '#api/kinds.ts';
import { apiVersion, group } from '#api/version.ts';
import { installCrds } from '../apiserver/crds.ts';
import { useApiServer } from '../apiserver/server.ts';
import { ROOT } from '../cluster/names.ts';
import { waitFor } from '../cluster/wait.ts';
import { document } from './documents.ts';

const reading = ['get', 'list', 'watch'];
const verbs = [...reading, 'create', 'update', 'patch', 'delete', 'deletecollection'];

/** Verbs by plural; what is not here is not allowed. */
type Rights = Readonly<Record<string, readonly string[]>>;

interface Person {
  readonly name: string;
  /** ClusterRoles that hold in team-a, and those that hold everywhere. */
  readonly inTeam?: readonly string[];
  readonly everywhere?: readonly string[];
  /** In team-a. */
  readonly team: Rights;
  /** In another namespace, and for what stands above namespaces. */
  readonly elsewhere: Rights;
}

const namespaced = { egresspolicies: reading, runnerbindings: reading, violations: reading };
const clearing = [...reading, 'delete', 'deletecollection'];
const cluster = {
  clusteregresspolicies: reading,
  nodeagents: reading,
  policybundles: reading,
};

const people: readonly Person[] = [
  { name: 'stranger', team: {}, elsewhere: {} },
  { name: 'viewer', inTeam: ['view'], team: namespaced, elsewhere: {} },
  { name: 'editor', inTeam: ['edit'], team: namespaced, elsewhere: {} },
  { name: 'owner', inTeam: ['admin'], team: namespaced, elsewhere: {} },
  {
    name: 'developer',
    inTeam: ['edit', 'torwacht-policy-editor'],
    everywhere: ['torwacht-cluster-policy-viewer'],
    team: { egresspolicies: verbs, runnerbindings: reading, violations: reading },
    elsewhere: { clusteregresspolicies: reading },
  },
  {
    name: 'policy-writer',
    inTeam: ['torwacht-policy-editor'],
    team: { egresspolicies: verbs, runnerbindings: reading, violations: reading },
    elsewhere: {},
  },
  {
    name: 'auditor',
    everywhere: ['view'],
    team: namespaced,
    elsewhere: { ...namespaced, ...cluster },
  },
  {
    name: 'admin-of-all-namespaces',
    everywhere: ['admin'],
    team: namespaced,
    elsewhere: { ...namespaced, ...cluster },
  },
  {
    name: 'platform',
    everywhere: ['torwacht-platform'],
    team: { egresspolicies: verbs, runnerbindings: verbs, violations: clearing },
    elsewhere: {
      ...cluster,
      egresspolicies: verbs,
      runnerbindings: verbs,
      violations: clearing,
      clusteregresspolicies: verbs,
    },
  },
];

const api = await useApiServer({ after }, { withControllers: true });
await installCrds(api);
await api.kubectl(['apply', '--kustomize', join(ROOT, 'config/rbac/people')]);
await api.apply(['team-a', 'team-b'].map((name) => object('v1', 'Namespace', name)));
await api.apply(people.flatMap(bindingsOf));
// The controller that puts rules together answers to a label; edit and admin take theirs from view.
for (const role of ['view', 'edit', 'admin']) {
  await waitFor(`${role} has our rules`, async () => {
    const rules = await api.kubectl(['get', 'clusterrole', role, '-o', 'jsonpath={.rules}']);
    return rules.includes(group);
  });
}

const questions = kindDefinitions.flatMap(({ plural, scope, status }) =>
  [plural, ...(status === undefined ? [] : [`${plural}/status`])].flatMap((resource) =>
    (scope === 'Cluster' ? [''] : ['team-a', 'team-b']).map((place) => ({ resource, place })),
  ),
);

for (const person of people) {
  const roles = [...(person.inTeam ?? []), ...(person.everywhere ?? [])];
  test(`${person.name} (${roles.join(', ') || 'no role'}) may do this and nothing else`, async () => {
    for (const { resource, place } of questions) {
      const rights = place === 'team-a' ? person.team : person.elsewhere;
      const where = `${resource} in ${place || 'the cluster'}`;
      assert.deepEqual(await allowed(person.name, resource, place), rights[resource] ?? [], where);
    }
  });
}

test('it is so when they try: an editor cannot open the egress, a developer can', async () => {
  const policies = `/apis/${apiVersion}/namespaces/team-a/egresspolicies`;
  const body = document('EgressPolicy', { allow: [{ fqdn: ['a.test'] }] });
  const post = (name: string) =>
    api.request({ method: 'POST', path: policies, body }, api.user(name));
  for (const name of ['stranger', 'viewer', 'editor', 'owner', 'auditor']) {
    const reply = await post(name);
    assert.equal(reply.status, 403, `${name}: ${reply.body}`);
  }
  const written = await post('developer');
  assert.equal(written.status, 201, written.body);

  const bindings = policies.replace('egresspolicies', 'runnerbindings');
  const asks = { method: 'POST', path: bindings, body: document('RunnerBinding', {}) };
  assert.equal((await api.request(asks, api.user('developer'))).status, 403);
  assert.equal((await api.request(asks, api.user('platform'))).status, 201);
});

test('whoever owns a namespace cannot give the right to write policies to anybody', async () => {
  const body = bindingsOf({ name: 'friend', inTeam: ['torwacht-policy-editor'] })[0];
  const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/team-a/rolebindings';
  const asOwner = await api.request({ method: 'POST', path, body }, api.user('owner'));
  assert.equal(asOwner.status, 403);
  assert.match(asOwner.body, /attempting to grant RBAC permissions not currently held/);
  // The control: a role that they hold they can give.
  const view = bindingsOf({ name: 'friend', inTeam: ['view'] })[0];
  const given = await api.request({ method: 'POST', path, body: view }, api.user('owner'));
  assert.equal(given.status, 201, given.body);
});

function object(version: string, kind: string, name: string, namespace?: string) {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return { apiVersion: version, kind, metadata };
}

function bindingsOf({
  name,
  inTeam = [],
  everywhere = [],
}: Pick<Person, 'name' | 'inTeam' | 'everywhere'>) {
  const rbac = 'rbac.authorization.k8s.io';
  const bound = (role: string) => ({
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: rbac, kind: 'User', name }],
  });
  return [
    ...inTeam.map((role) => ({
      ...object(`${rbac}/v1`, 'RoleBinding', `${name}-${role}`, 'team-a'),
      ...bound(role),
    })),
    ...everywhere.map((role) => ({
      ...object(`${rbac}/v1`, 'ClusterRoleBinding', `${name}-${role}`),
      ...bound(role),
    })),
  ];
}

/** Verbs that this person may use. */
async function allowed(user: string, resource: string, namespace: string): Promise<string[]> {
  const [name, subresource] = resource.split('/');
  const asked = verbs.map(async (verb) => {
    const resourceAttributes = { group, resource: name, subresource, verb, namespace };
    const reply = await api.request({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups: ['system:authenticated'], resourceAttributes },
      },
    });
    assert.equal(reply.status, 201, reply.body);
    return JSON.parse(reply.body).status.allowed === true ? [verb] : [];
  });
  return (await Promise.all(asked)).flat();
}
