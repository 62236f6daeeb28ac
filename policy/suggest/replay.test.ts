import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EgressEvent, reasons } from '#api/event.ts';
import { parsePolicies } from '../load.ts';
import { suggest } from '../suggest.ts';
import { replay } from './replay.ts';

const row = (change: Partial<EgressEvent>): EgressEvent => ({
  ...{ version: 1, id: null, time: '2026-01-02T03:04:05.000Z' },
  ...{ last_seen: '2026-01-02T03:04:06.000Z', action: 'allow', target: 'one', namespace: 'ci' },
  ...{
    pod: 'runner-1',
    container: 'build',
    project_id: '4711',
    job_name: 'install',
    job_url: null,
    pid: null,
  },
  ...{ comm: 'node', parent_comm: 'npm', exe: '/usr/bin/node', argv: null, uid: null },
  ...{ ancestry: [{ pid: 0, comm: 'npm' }], domain: 'a.example.com', ip: null, port: 443 },
  ...{ protocol: 'tcp', count: 2, added: null, rule: 'default', policy: null, reason: 'name' },
  ...change,
});
const identity = { project: '4711', job: 'install' };

function documents(text: string) {
  const { documents: read, problems } = parsePolicies([
    { file: 'policy.yaml', content: Buffer.from(text) },
  ]);
  assert.deepEqual(problems, [], text);
  return read;
}

const policy = (spec: object) =>
  documents(
    JSON.stringify({
      apiVersion: 'torwacht.io/v1alpha1',
      kind: 'EgressPolicy',
      metadata: { name: 'p' },
      spec,
    }),
  );

const cases: readonly (readonly [
  what: string,
  row: Partial<EgressEvent>,
  reason: string | null,
])[] = [
  ['an allowed name', {}, null],
  ['another port of it', { port: 22 }, 'port'],
  ['another protocol', { protocol: 'udp' }, 'port'],
  ['another name', { domain: 'evil.example' }, 'default'],
  ['a lookup of an allowed name', { port: null, protocol: null }, null],
  ['a lookup of another', { domain: 'x.example', port: null, protocol: null }, 'default'],
  ['a service record', { domain: '_s._tcp.x.example', port: null }, 'a service record'],
  ['an allowed name that is inside', { ip: '10.1.2.3' }, 'private-answer'],
  ['one that may be', { domain: 'in.example.com', ip: '10.1.2.3' }, null],
  ['a denied name', { domain: 'no.example.com' }, 'deny-rule'],
  ['an allowed address', { domain: null, ip: '192.0.2.7', port: 25 }, null],
  ['another address', { domain: null, ip: '192.0.3.7', port: 25 }, 'default'],
  ['metadata', { domain: null, ip: '169.254.169.254', port: 80 }, 'metadata'],
  ['what was never allowed', { reason: 'dns-server', action: 'block', port: 53 }, 'dns-server'],
  ['what a rule of then denied', { reason: 'deny-rule', action: 'block' }, null],
  ['what cannot be named', { domain: 'a\\x00b', action: 'block' }, 'default'],
];
const rules = policy({
  allow: [
    { fqdn: ['a.example.com', 'no.example.com'] },
    { fqdn: ['in.example.com'], private: true },
    { cidr: ['192.0.2.0/24'], ports: [{ port: 25 }] },
  ],
  deny: [{ fqdn: ['no.example.com'] }],
});
for (const [what, change, reason] of cases) {
  test(`${what}: ${reason ?? 'passes'}`, () => {
    const [run] = replay(rules, identity, [row(change)]);
    assert.deepEqual(
      run?.refused.map((one) => one.reason),
      reason === null ? [] : [reason],
    );
  });
}

test('runs are told apart, with who would miss what', () => {
  const runs = replay(rules, identity, [
    row({ target: 'two', time: '2026-01-03T00:00:00.000Z', domain: 'b.example', count: 3 }),
    row({ target: 'two', time: '2026-01-03T00:00:01.000Z', domain: 'b.example', comm: 'curl' }),
    row({ target: 'one', domain: 'c.example', action: 'block' }),
    row({ target: 'one', reason: 'local' }),
  ]);
  assert.deepEqual(
    runs.map(({ run, attempts, refused }) => ({ run, attempts, refused })),
    [
      {
        ...{ run: 'one', attempts: 2 },
        refused: [
          {
            ...{ what: 'c.example 443/TCP', reason: 'default', rule: 'default', count: 2 },
            ...{ passed: false, users: ['node (npm), 2 times'] },
          },
        ],
      },
      {
        ...{ run: 'two', attempts: 5 },
        refused: [
          {
            ...{ what: 'b.example 443/TCP', reason: 'default', rule: 'default', count: 5 },
            ...{
              passed: true,
              users: ['node (npm), 3 times', 'curl [/usr/bin/node] (npm), 2 times'],
            },
          },
        ],
      },
    ],
  );
});

test('who looked up a service record misses nothing', () => {
  const lookup = { domain: '_http._tcp.deb.debian.org', port: null, action: 'observe' } as const;
  const passed = (change: Partial<EgressEvent>) =>
    replay(rules, identity, [row(change)])[0]?.refused.map((one) => one.passed);
  assert.deepEqual(passed(lookup), [false]);
  assert.deepEqual(passed({ ...lookup, domain: 'deb.debian.org' }), [true]);
});

test('a policy for another job allows nothing to this one', () => {
  const other = policy({ selector: { jobs: ['test'] }, allow: [{ fqdn: ['a.example.com'] }] });
  assert.equal(replay(other, identity, [row({})])[0]?.refused.length, 1);
  assert.equal(replay(other, { ...identity, job: 'test' }, [row({})])[0]?.refused.length, 0);
});

test('what is suggested refuses of its own rows what no policy can allow, and nothing else', () => {
  const ports = fc.constantFrom(null, 22, 80, 443, 8000);
  const domains = fc.constantFrom('a.example.com', 'b.example.com', 'evil.example', null);
  const ips = fc.constantFrom('192.0.2.1', '10.1.2.3', '169.254.169.254', '198.51.100.7', null);
  const one = fc.record({
    ...{ domain: domains, ip: ips, port: ports, reason: fc.constantFrom(...reasons) },
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    action: fc.constantFrom('allow' as const, 'block' as const, 'observe' as const),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), (changes) => {
      const rows = changes.map((change) => row({ ...change, policy: 'ci/p', rule: 'a rule' }));
      const made = suggest(rows, { ...identity, unrecorded: 0 });
      const refused = replay(documents(made.text), identity, rows).flatMap((run) => run.refused);
      const left = made.impossible + made.denied;
      assert.equal(refused.length > 0 && left === 0, false, made.text);
    }),
    { numRuns: 300 },
  );
});
