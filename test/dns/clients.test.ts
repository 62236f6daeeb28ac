/**
 * Real DNS clients under torwacht run: an allowed name gives its address to each of them, a refused
 * one gives none, and whatever server they name, nobody but our upstream is asked.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { hasProgram, type PolicySpec, sharedStage, skip } from '../e2e/stage.ts';
import type { Dnsmasq } from '../lab/servers/dnsmasq.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
const bad = { name: 'bad.example.test', address: '198.51.100.66' };
/** A server that a client names itself; it would answer everything. */
const other = '192.0.2.99';
let dns: Dnsmasq;

const stage = sharedStage('clients', async (lab) => {
  [dns] = await Promise.all([
    lab.dnsmasq([good, bad, { name: good.name, address: '2001:db8:1::20' }]),
    lab.scriptedDns({
      address: other,
      names: { '*': [{ answers: [{ type: 'A', name: good.name, ttl: 60, data: '203.0.113.9' }] }] },
    }),
    lab.sink([{ kind: 'http', address: good.address, port: 8000 }]),
  ]);
});

const policy: PolicySpec = { allow: [{ fqdn: [good.name], ports: [{ port: 8000 }] }] };
const node = (code: string) => `'${process.execPath}' -e '${code.replaceAll('\n', ' ')}'`;
const print = '(e, a) => console.log(e ? e.code : [a].flat().join())';

interface DnsClient {
  readonly what: string;
  readonly needs: string;
  /** A shell line; NAME stands for the name. It prints the address, if there is one. */
  readonly line: string;
  /** Where it is not the address alone: what an allowed name prints. */
  readonly prints?: RegExp;
  /** It fetches, so it says nothing of a name without a server behind. */
  readonly fetches?: true;
}

const clients: DnsClient[] = [
  { what: 'dig', needs: 'dig', line: 'dig +short +time=2 +tries=1 NAME A' },
  { what: 'dig over TCP', needs: 'dig', line: 'dig +short +time=2 +tries=1 +tcp NAME A' },
  {
    what: 'dig without EDNS',
    needs: 'dig',
    line: 'dig +short +time=2 +tries=1 +noedns +notcp NAME A',
  },
  {
    what: 'dig with a buffer of 512',
    needs: 'dig',
    line: 'dig +short +time=2 +tries=1 +bufsize=512 NAME A',
  },
  {
    what: 'dig at another server',
    needs: 'dig',
    line: `dig +short +time=2 +tries=1 @${other} NAME A`,
  },
  {
    what: 'dig at another server, TCP',
    needs: 'dig',
    line: `dig +short +time=2 +tries=1 +tcp @${other} NAME A`,
  },
  {
    what: 'busybox nslookup',
    needs: 'busybox',
    line: 'busybox nslookup NAME 2>&1 | sed -n "/^Name/,\\$p"',
    prints: /Address.*192\.0\.2\.20/,
  },
  {
    what: 'busybox nslookup at another server',
    needs: 'busybox',
    line: `busybox nslookup NAME ${other} 2>&1 | sed -n "/^Name/,\\$p"`,
    prints: /Address.*192\.0\.2\.20/,
  },
  {
    what: 'busybox wget',
    needs: 'busybox',
    line: 'busybox wget -q -O - http://NAME:8000/',
    prints: /^ok$/,
    fetches: true,
  },
  {
    what: 'glibc, getent hosts',
    needs: 'getent',
    line: 'getent hosts NAME',
    prints: /^192\.0\.2\.20 /,
  },
  {
    what: 'glibc, getent ahosts',
    needs: 'getent',
    line: 'getent ahosts NAME',
    prints: /^192\.0\.2\.20 +STREAM/,
  },
  {
    what: 'glibc, getent ahostsv4',
    needs: 'getent',
    line: 'getent ahostsv4 NAME',
    prints: /^192\.0\.2\.20 +STREAM/,
  },
  { what: 'Node, dns.lookup', needs: 'sh', line: node(`require("dns").lookup("NAME", ${print})`) },
  {
    what: 'Node, dns.resolve4',
    needs: 'sh',
    line: node(`require("dns").resolve4("NAME", ${print})`),
  },
  {
    what: 'Node, a Resolver with another server',
    needs: 'sh',
    line: node(
      `const r = new (require("dns").Resolver)(); r.setServers(["${other}"]); r.resolve4("NAME", ${print})`,
    ),
  },
  {
    what: 'curl',
    needs: 'curl',
    line: 'curl -sS -m 5 http://NAME:8000/',
    prints: /^ok$/,
    fetches: true,
  },
];

for (const { what, needs, line, prints, fetches } of clients) {
  const missing = skip || (hasProgram(needs) ? false : `needs ${needs}`);
  test(what, { skip: missing, timeout: 40_000 }, async () => {
    const { lab } = stage();
    const upper = good.name.replace('good', 'GOOD');
    const script = [good.name, upper, bad.name]
      .map((name) => `echo "= ${name}"; ${line.replaceAll('NAME', name)}`)
      .join('; ');
    const ended = await stage().run({ policy, command: ['sh', '-c', `${script}; true`] });
    const [, allowed = '', mixed = '', refused = ''] = ended.stdout.split(/^= .*\n/m);
    const expected = prints ?? new RegExp(`^${good.address.replaceAll('.', '\\.')}$`);
    assert.match(allowed.trimEnd(), expected, ended.stderr);
    assert.match(mixed.trimEnd(), expected, 'in upper case');
    assert.doesNotMatch(refused, /198\.51\.100\.66|203\.0\.113\.9|ok/);
    assert.match(ended.stderr, /^torwacht: blocked bad\.example\.test for /m);
    assert.equal(lab.packetsTo(other), 0, 'the other server was not asked');
    assert.ok(!dns.queries().some(({ name }) => name === bad.name), 'nor ours for a refused name');
    assert.ok(
      dns.queries().every(({ type }) => type === 'A'),
      'A is the only type that we ask for',
    );

    // Control: outside, the same line gives the refused name's address.
    if (fetches || what.includes('another server')) return;
    const free = await lab.run('host', 'sh', ['-c', line.replaceAll('NAME', bad.name)]);
    assert.match(free.stdout, /198\.51\.100\.66/, `control: ${free.stderr}`);
    assert.ok(dns.queries().some(({ name }) => name === bad.name));
    await dns.stop();
    dns = await lab.dnsmasq([good, bad, { name: good.name, address: '2001:db8:1::20' }]);
  });
}

test('AAAA of an allowed name: no error and no data, so the A look-up lives', {
  skip,
}, async () => {
  const command = [
    'sh',
    '-c',
    `dig +time=2 +tries=1 ${good.name} AAAA; dig +short ${good.name} A; dig +time=2 +tries=1 ${bad.name} AAAA`,
  ];
  const { stdout } = await stage().run({ policy, command });
  const statuses = [...stdout.matchAll(/status: (\w+)/g)].map(([, status]) => status);
  assert.deepEqual(statuses, ['NOERROR', 'NXDOMAIN']);
  assert.match(stdout, /^192\.0\.2\.20$/m);
  assert.doesNotMatch(stdout, /2001:db8:1::20/);
});

const source = `package main
import ("context"; "fmt"; "net"; "os"; "time")
func main() {
  ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
  defer cancel()
  r := &net.Resolver{PreferGo: true}
  for _, name := range os.Args[1:] {
    addrs, err := r.LookupHost(ctx, name)
    if err != nil { fmt.Println("error", err.(*net.DNSError).IsNotFound); continue }
    fmt.Println(addrs)
  }
}
`;
const go = ['/usr/local/go/bin/go', '/usr/bin/go'].find((path) => existsSync(path));
let program = '';

before(async () => {
  if (skip !== false || go === undefined) return;
  const folder = join(stage().lab.folder, 'go');
  mkdirSync(folder);
  writeFileSync(join(folder, 'main.go'), source);
  writeFileSync(join(folder, 'go.mod'), 'module lookup\n');
  const env = {
    HOME: folder,
    GOTOOLCHAIN: 'local',
    GOPROXY: 'off',
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=mod',
  };
  const path = join(stage().work, 'lookup');
  const built = await stage().lab.run('host', go, ['build', '-o', path, '.'], {
    cwd: folder,
    env,
    timeout: 600_000,
  });
  assert.equal(built.code, 0, built.stderr);
  program = path;
});

test('Go’s own resolver', { skip: skip || (go === undefined ? 'needs go' : false) }, async () => {
  const ended = await stage().run({ policy, command: [program, good.name, bad.name] });
  assert.equal(ended.stdout, `[${good.address}]\nerror true\n`, ended.stderr);
});
