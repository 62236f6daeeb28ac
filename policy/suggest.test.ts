import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EgressPolicy } from '#api/egress-policy.ts';
import { type EgressEvent, reasons } from '#api/event.ts';
import { alwaysDeniedReasons } from './always-denied.ts';
import { parseAddress } from './cidr.ts';
import { compile } from './compile.ts';
import { judgeDestination } from './judge-destination.ts';
import { parsePolicies } from './load.ts';
import { parseName } from './names.ts';
import { parseDomain } from './suggest/collapse.ts';
import { identityOf, rowsOf, suggest } from './suggest.ts';

const npm: EgressEvent = {
  version: 1,
  id: null,
  time: '2026-01-02T03:04:05.000Z',
  last_seen: '2026-01-02T03:04:06.000Z',
  action: 'observe',
  target: '0123456789ab',
  namespace: null,
  pod: null,
  container: null,
  project_id: '4711',
  job_name: 'install',
  job_url: null,
  pid: 77,
  comm: 'node',
  parent_comm: 'sh',
  exe: '/usr/bin/node',
  argv: 'node postinstall.js',
  uid: 0,
  ancestry: [
    { pid: 70, comm: 'npm ci' },
    { pid: 76, comm: 'sh' },
  ],
  domain: null,
  ip: null,
  port: null,
  protocol: null,
  count: 3,
  added: null,
  rule: 'default',
  policy: null,
  reason: 'default',
};

const to = (domain: string, ip: string, port: number, more: Partial<EgressEvent> = {}) => ({
  ...npm,
  domain,
  ip,
  port,
  protocol: 'tcp' as const,
  ...more,
});
const at = (ip: string, port: number, more: Partial<EgressEvent> = {}): EgressEvent => ({
  ...to('', ip, port, more),
  domain: null,
});
const nobody = { project: null, job: null, unrecorded: 0 };

/** The document as `policy check` reads it. */
function read(text: string): EgressPolicy {
  const { documents, problems } = parsePolicies([
    { file: 'suggested.yaml', content: new TextEncoder().encode(text) },
  ]);
  assert.deepEqual(problems, [], text);
  const [document] = documents;
  assert.ok(document?.kind === 'EgressPolicy');
  return document;
}

const textOf = (...rows: readonly EgressEvent[]) => suggest(rows, nobody).text;
const specOf = (...rows: readonly EgressEvent[]) => read(textOf(...rows)).spec;
const https = [{ port: 443, protocol: 'TCP' }];

test('the whole of it: presets, names, addresses, what cannot be and what is denied', () => {
  const rows = [
    to('registry.npmjs.org', '104.16.0.35', 443, {
      action: 'allow',
      reason: 'name',
      comm: 'npm ci',
    }),
    to('sfrclak.com', '142.11.206.73', 8000),
    to('db.corp.example', '10.0.0.7', 5432),
    { ...npm, domain: 'telemetry.example.net', count: 1 },
    at('192.0.2.7', 514, { protocol: 'udp', comm: 'MainThread' }),
    at('169.254.169.254', 80, { action: 'block', reason: 'metadata', rule: 'always denied' }),
    {
      ...npm,
      domain: 't.example.com',
      reason: 'deny-rule',
      rule: 'EgressPolicy ci/w deny[0]',
      policy: 'ci/w',
    },
  ] as const;
  assert.equal(
    suggest(rows, { project: '4711', job: 'install', unrecorded: 0 }).text,
    `# Suggested by torwacht: the 5 destinations that the job reached for, and nothing else.
# Read it before you use it: what a poisoned package reached for is in here as well.

apiVersion: torwacht.io/v1alpha1
kind: EgressPolicy
metadata:
  name: suggested-4711-install
spec:
  selector:
    projects:
      - "4711"
    jobs:
      - "install"
  presets:
    # registry.npmjs.org: npm ci [/usr/bin/node] (npm ci > sh), 3 times
    - npm
  allow:
    - fqdn:
        # node (npm ci > sh), 3 times
        # has private addresses: 10.0.0.7
        - db.corp.example
      ports:
        - port: 5432
      private: true
    - fqdn:
        # node (npm ci > sh), 3 times
        - sfrclak.com
      ports:
        - port: 8000
    - fqdn:
        # node (npm ci > sh), once
        # looked up and not connected to: port 443 is a guess
        - telemetry.example.net
    - cidr:
        # MainThread [/usr/bin/node] (npm ci > sh), 3 times
        - 192.0.2.7/32
      ports:
        - port: 514
          protocol: UDP

# No policy can allow these, so they are not in here:
#   169.254.169.254 80/TCP: metadata; node (npm ci > sh), 3 times

# A rule denies these, so they are not in here:
#   t.example.com: EgressPolicy ci/w deny[0]; node (npm ci > sh), 3 times
`,
  );
});

test('nothing seen is a policy that allows nothing', () => {
  assert.deepEqual(specOf(), {});
  assert.match(textOf(), /nothing was seen/);
  assert.deepEqual(specOf(at('127.0.0.1', 80, { action: 'allow', reason: 'local' })), {});
});

test('a service record that was looked up is told and not opened; a name like it that was reached is', () => {
  const lookup = { ...npm, domain: '_http._tcp.deb.debian.org' };
  assert.deepEqual(specOf(lookup), {});
  assert.match(textOf(lookup), /^# {3}_http\._tcp\.deb\.debian\.org: a service record; node/m);
  const reached = to('_http._tcp.deb.debian.org', '192.0.2.1', 80);
  assert.deepEqual(specOf(reached).allow?.[0]?.fqdn, ['_http._tcp.deb.debian.org']);
  for (const domain of ['_tcp.example.com', 'a._tcp.example.com', '_a.example.com']) {
    assert.deepEqual(specOf({ ...npm, domain }).allow?.[0]?.fqdn, [domain]);
  }
});

test('a preset is taken only where it says exactly what was used', () => {
  const pypi = to('pypi.org', '192.0.2.1', 443);
  const files = to('files.pythonhosted.org', '192.0.2.2', 443);
  assert.deepEqual(specOf(pypi, files), { presets: ['pypi'] });
  assert.deepEqual(specOf(pypi).presets, undefined, 'half of it');
  assert.match(textOf(pypi), /preset pypi has pypi\.org, and would also open files\.pythonhosted/);
  assert.deepEqual(specOf(pypi, { ...files, port: 80 }).presets, undefined, 'another port');
  assert.deepEqual(specOf(pypi, files, { ...files, port: 80 }).presets, undefined, 'one port more');
  assert.deepEqual(specOf(pypi, { ...files, ip: '10.0.0.1' }).presets, undefined, 'a private one');
  const apt = (name: string) => [to(name, '192.0.2.1', 80), to(name, '192.0.2.1', 443)];
  const both = [...apt('deb.debian.org'), ...apt('security.debian.org')];
  assert.deepEqual(specOf(...both), { presets: ['debian'] });
  assert.deepEqual(specOf(...both.slice(1)).presets, undefined, 'without one port');
  assert.deepEqual(specOf({ ...npm, domain: 'registry.npmjs.org' }), { presets: ['npm'] });
});

test('ports are those that were seen, neighbours as a range; too many are widened, and said', () => {
  const many = (...ports: readonly number[]) =>
    specOf(...ports.map((port) => at('192.0.2.1', port)));
  assert.deepEqual(many(8001, 443, 8000, 8002).allow?.[0]?.ports, [
    { port: 443, protocol: 'TCP' },
    { port: 8000, endPort: 8002, protocol: 'TCP' },
  ]);
  const rows = Array.from({ length: 40 }, (_, index) => at('192.0.2.1', 1000 + index * index));
  const list = specOf(...rows).allow?.[0]?.ports ?? [];
  assert.equal(list.length, 16);
  for (const { port } of rows) {
    assert.ok(
      list.some((one) => one.port <= (port ?? 0) && (port ?? 0) <= (one.endPort ?? one.port)),
    );
  }
  assert.match(textOf(...rows), /40 ports were seen, and these ranges hold more/);
});

test('a name that a search list made says so', () => {
  const real = to('db.example.com', '192.0.2.1', 5432);
  const made = { ...npm, domain: 'db.example.com.corp.example' };
  assert.match(
    textOf(real, made),
    /begins with db\.example\.com: .*\n +- db\.example\.com\.corp\.example/,
  );
  assert.doesNotMatch(textOf({ ...npm, domain: 'db.example.com' }, made), /begins with/);
});

test('names are collapsed only below domains that were named', () => {
  const names = [
    'a.cdn.example.com',
    'b.cdn.example.com',
    'x.y.deep.example.com',
    'deep.example.com',
  ];
  const rows = [
    ...names.map((name) => to(name, '192.0.2.1', 443)),
    to('z.deep.example.com', '192.0.2.1', 8443),
    to('evilcdn.example.com', '192.0.2.1', 443),
  ];
  const collapsed = (...domains: readonly string[]) => {
    const collapse = domains.map((text) => {
      const domain = parseDomain(text);
      assert.ok(!('message' in domain));
      return domain;
    });
    const { text } = suggest(rows, { ...nobody, collapse });
    return read(text).spec.allow?.map(({ fqdn, ports }) => [fqdn, ports.map(({ port }) => port)]);
  };
  const rest = [
    'a.cdn.example.com',
    'b.cdn.example.com',
    'deep.example.com',
    'evilcdn.example.com',
  ];
  assert.deepEqual(collapsed('deep.example.com', 'absent.example.com'), [
    [['**.deep.example.com'], [443, 8443]],
    [rest, [443]],
  ]);
  assert.deepEqual(collapsed('cdn.example.com')?.[0], [
    ['*.cdn.example.com', 'deep.example.com', 'evilcdn.example.com', 'x.y.deep.example.com'],
    [443],
  ]);
  assert.deepEqual(
    collapsed('example.com', 'cdn.example.com')?.map(([list]) => list),
    [['**.example.com'], ['*.cdn.example.com']],
  );
  const { text } = suggest(rows, { ...nobody, collapse: [['cdn', 'example', 'com']] });
  assert.match(
    text,
    /# node .*6 times\n.*# in the stead of a\.cdn\.example\.com, b\.cdn\.example\.com\n/,
  );
  for (const wrong of ['com', '*.example.com', '192.0.2.1'])
    assert.ok('message' in parseDomain(wrong));
});

test('a private answer needs private, also where it was refused; metadata behind a name stays out', () => {
  const inside = {
    ...npm,
    domain: 'git.corp.example',
    ip: '10.0.0.7',
    reason: 'private-answer',
  } as const;
  assert.deepEqual(specOf(inside).allow, [
    { fqdn: ['git.corp.example'], ports: https, private: true },
  ]);
  const text = textOf({ ...inside, ip: '169.254.169.254', action: 'block' });
  assert.deepEqual(read(text).spec, {});
  assert.match(text, /^# {3}git\.corp\.example: metadata/m);
});

test('what was refused only by its port, or too late, is allowed by name', () => {
  const rows = [to('a.example.com', '192.0.2.1', 80, { reason: 'port' })];
  const late = to('b.example.com', '192.0.2.1', 80, { reason: 'expired' });
  assert.deepEqual(specOf(...rows, late).allow, [
    { fqdn: ['a.example.com', 'b.example.com'], ports: [{ port: 80, protocol: 'TCP' }] },
  ]);
  const local = at('127.0.0.1', 5432, { reason: 'local-service' });
  assert.deepEqual(specOf(local).allow?.[0]?.cidr, ['127.0.0.1/32']);
});

test('what was refused says that there may be more', () => {
  assert.match(
    textOf({ ...npm, domain: 'a.example.com', action: 'block' }),
    /run it with --observe/,
  );
  assert.doesNotMatch(textOf({ ...npm, domain: 'a.example.com' }), /--observe/);
  const always = at('169.254.169.254', 80, { action: 'block', reason: 'metadata' });
  assert.doesNotMatch(textOf(always), /--observe/);
  assert.match(suggest([], { ...nobody, unrecorded: 7 }).text, /7 attempts have no row/);
});

test('no row opens what is always denied, whatever reason it claims', () => {
  const rows = [
    at('8.8.8.8', 443),
    at('192.0.2.1', 53),
    at('192.0.2.1', 853),
    at('169.254.170.2', 80),
    at('224.0.0.1', 80),
    at('2001:db8::1', 443),
    at('192.0.2.1', 0),
    { ...npm, ip: '192.0.2.1', protocol: 'icmp' as const },
    { ...npm, domain: 'dns.google' },
    { ...npm, domain: '*.example.com' },
    { ...npm, domain: '**.com' },
    to('metadata.google.internal', '192.0.2.1', 80),
    ...[...alwaysDeniedReasons].map((reason) => at('192.0.2.99', 443, { reason })),
    { ...npm, domain: 'x.example.com', reason: 'query' as const },
  ];
  const suggestion = suggest(rows, nobody);
  assert.deepEqual(read(suggestion.text).spec, {});
  assert.equal(suggestion.names + suggestion.addresses, 0);
  assert.match(suggestion.text, /8\.8\.8\.8 443\/TCP: doh/);
});

test('a name in the chain that a rule denies is not opened; one that nobody can name neither', () => {
  const cname = { ...npm, domain: 'a.example.com', reason: 'cname' as const };
  assert.match(
    textOf({ ...cname, rule: 'EgressPolicy ci/w deny[1]', policy: 'ci/w' }),
    /A rule denies/,
  );
  assert.match(textOf(cname), /No policy can allow/);
});

test('a project that is no number has no selector, a job has its own words', () => {
  const options = {
    project: 'x\n- y',
    job: 'de"ploy: #1\n\u001b[31m\u2028\u{1f600}',
    unrecorded: 0,
  };
  const { text } = suggest([{ ...npm, domain: 'a.example.com' }], options);
  assert.match(text, /^[\n\x20-\x7e]*$/);
  assert.deepEqual(read(text).spec.selector, { jobs: [options.job] });
  assert.equal(read(text).metadata.name, 'suggested-x-y-de-ploy-1-31m');
});

test('hostile bytes stay on the line of their comment, and long ones are cut', () => {
  const odd = { comm: 'a\n- b: #\u001b[2J\u2028', exe: `/${'x'.repeat(200)}`, ancestry: [] };
  const text = textOf({ ...npm, ...odd, domain: 'a.example.com' });
  const line = `        # a\\x0a- b: #\\x1b[2J\\xe2\\x80\\xa8 [/${'x'.repeat(76)}...], 3 times\n`;
  assert.ok(text.includes(line), text);
  const denied = { reason: 'deny-rule', rule: 'x\nkind: y', domain: 'b\n.example' } as const;
  assert.match(textOf({ ...npm, ...denied }), /^# {3}b\\x0a\.example: x\\x0akind: y; node /m);
});

test('thousands of destinations are cut, and stay within what can be read', () => {
  const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.example.com`;
  const rows = Array.from({ length: 3000 }, (_, index) =>
    to(`n${index}.${long}`, '192.0.2.1', 1 + (index % 40), { comm: `c${index}`.padEnd(500, 'c') }),
  );
  const { text } = suggest([...rows, ...rows.map((row) => ({ ...row, comm: 'other' }))], nobody);
  assert.equal(read(text).spec.allow?.flatMap(({ fqdn }) => fqdn ?? []).length, 512);
  assert.match(text, /2488 more destinations were seen/);
  const apart = Array.from({ length: 400 }, (_, index) =>
    at('192.0.2.1', index + 1, { ip: `192.0.2.${index % 250}`, port: 2000 + index }),
  );
  assert.ok((specOf(...apart).allow?.length ?? 0) <= 256);
});

test('a row that was written twice is one row; another run is another row', () => {
  const first = { ...npm, domain: 'a.example.com', count: 1, added: 1 };
  const last = { ...first, count: 4, added: 3, last_seen: '2026-01-02T03:05:00.000Z' };
  const other = { ...first, target: 'ba9876543210' };
  assert.deepEqual(rowsOf([first, other, last]), [last, other]);
  assert.match(textOf(...rowsOf([first, other, last])), /node \(npm ci > sh\), 5 times/);
});

test('project and job are those of all rows, or none', () => {
  assert.deepEqual(identityOf([npm, npm]), { project: '4711', job: 'install' });
  assert.deepEqual(identityOf([npm, { ...npm, job_name: 'test' }]), { project: '4711', job: null });
  assert.deepEqual(identityOf([]), { project: null, job: null });
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    'a\n- evil.example.com',
    '# x: y',
    '\u001b[2J',
    '\r\nkind: X',
    'x\u2028y',
    '"\'',
    '---',
  ),
  fc.constant('long'.repeat(300)),
);
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const anyRow: fc.Arbitrary<EgressEvent> = fc
  .record({
    action: fc.constantFrom('block', 'observe', 'allow'),
    domain: orNull(
      fc.oneof(
        fc.constantFrom(
          'a.example.com',
          'b.example.com',
          '1.e5',
          'true.no',
          'null',
          'registry.npmjs.org',
          'dns.google',
          '*.example.com',
        ),
        hostile,
      ),
    ),
    ip: orNull(
      fc.oneof(
        fc.constantFrom('10.0.0.1', '169.254.169.254', '8.8.8.8', '::2'),
        fc.ipV4(),
        hostile,
      ),
    ),
    port: orNull(fc.oneof(fc.constantFrom(0, 53, 443, 853), fc.integer({ min: 1, max: 65535 }))),
    protocol: orNull(fc.constantFrom('tcp', 'udp', 'icmp', 'other')),
    reason: fc.constantFrom(...reasons),
    policy: orNull(fc.constant('ci/web')),
    comm: orNull(hostile),
    exe: orNull(hostile),
    rule: hostile,
    ancestry: fc
      .array(hostile, { maxLength: 3 })
      .map((list) => list.map((comm) => ({ pid: 1, comm }))),
    count: fc.integer({ min: 1, max: 5 }),
  })
  .map((row) => ({ ...npm, ...row }));

const ordinaryRow: fc.Arbitrary<EgressEvent> = fc
  .record({
    action: fc.constantFrom('block', 'observe', 'allow'),
    domain: orNull(fc.constantFrom('a.example.com', 'b.example.com', '1.e5', 'null', 'pypi.org')),
    ip: fc.constantFrom('192.0.2.1', '192.0.2.2', '10.0.0.1'),
    port: fc.integer({ min: 440, max: 500 }),
    protocol: fc.constantFrom('tcp', 'udp'),
    reason: fc.constantFrom('name', 'cidr', 'default', 'expired', 'port', 'local-service'),
  })
  .map((row) => ({ ...npm, ...row }));

test('whatever rows say: a sound policy of what they named, the same bytes in any order, all needs met', () => {
  let met = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyRow, ordinaryRow), { maxLength: 40 }),
      orNull(hostile),
      (rows, job) => {
        const options = { project: '1', job, unrecorded: 0 };
        const { text } = suggest(rows, options);
        assert.equal(suggest(rows.toReversed(), options).text, text);
        assert.match(text, /^[\n\x20-\x7e]*$/);
        const document = read(text);
        const named = new Set(rows.flatMap(({ domain, ip }) => [domain, `${ip}/32`]));
        for (const { fqdn, cidr } of document.spec.allow ?? []) {
          for (const one of [...(fqdn ?? []), ...(cidr ?? [])]) assert.ok(named.has(one), one);
        }
        const identity = { namespace: 'default', project: '1', ...(job === null ? {} : { job }) };
        const policy = compile([document], identity, { trustIdentity: true });
        for (const row of rows) {
          const destination = destinationOf(row);
          if (destination === null) continue;
          assert.ok(judgeDestination(policy, destination).allowed, JSON.stringify(row));
          met++;
        }
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(met > 200, `${met} needs`);
});

/** Where a row says that an ordinary destination was wanted: what the suggestion must allow. */
function destinationOf({ domain, ip, port, protocol, reason }: EgressEvent) {
  const wanted = ['name', 'cidr', 'default', 'expired', 'port', 'local-service'];
  if (!wanted.includes(reason) || port === null || port === 0 || port === 53 || port === 853)
    return null;
  if (protocol !== 'tcp' && protocol !== 'udp') return null;
  const address = parseAddress(ip ?? '');
  if (typeof address !== 'number') return null;
  if (/^(0|169\.254|22[4-9]|2[345][0-9])\.|^8\.8\.|^100\.100\.|^168\.63/.test(ip ?? ''))
    return null;
  if (domain === null) return { host: { address }, port, protocol, notes: [] };
  const name = parseName(domain);
  if ('message' in name || name.wildcard !== 'none' || domain === 'dns.google') return null;
  return { host: { name: name.labels }, port, protocol, notes: [] };
}
