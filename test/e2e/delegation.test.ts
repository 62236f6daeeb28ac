/** Root started for someone else (sudo): policy and flags are root's, in /etc/torwacht, and no other's. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { policyText, sharedStage, skip, TORWACHT } from './stage.ts';

const stage = sharedStage('sudo', async (lab) => {
  chmodSync(lab.folder, 0o755);
  for (const name of ['etc', 'etc/torwacht', 'upper']) mkdirSync(join(lab.folder, name));
});
const CALLER = 65534;

/** Runs torwacht as sudo would, in a view in which /etc/torwacht is what the test made. */
async function bySudo(config: string | undefined, args: readonly string[], before = '') {
  const { lab, work, home } = stage();
  const at = join(lab.folder, 'etc/torwacht');
  const policy = policyText({ allow: [{ fqdn: ['good.example.test'] }] });
  writeFileSync(join(at, 'policy.yaml'), policy);
  writeFileSync(join(at, 'run.yaml'), config ?? '');
  const script = `
    mount -t tmpfs none "$1/upper"; mkdir "$1/upper/up" "$1/upper/work"
    mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper/up,workdir=$1/upper/work" overlay /etc
    rm -rf /etc/torwacht
    ${config === undefined ? '' : 'cp -r "$1/etc/torwacht" /etc/torwacht; chmod -R go-w /etc/torwacht'}
    ${before}
    shift; exec "$@"`;
  const shell = ['sh', '-ec', script, 'sudo', lab.folder, TORWACHT, 'run', ...args];
  return await lab.run('host', 'unshare', ['--mount', ...shell], {
    cwd: work,
    env: { HOME: home, SUDO_UID: String(CALLER), SUDO_GID: String(CALLER), SUDO_USER: 'nobody' },
  });
}

const config = `apiVersion: torwacht.io/v1alpha1
kind: RunConfig
spec:
  policy: /etc/torwacht/policy.yaml
`;

test('without root’s file nothing runs', { skip }, async () => {
  const ended = await bySudo(undefined, ['--', 'id', '-u']);
  assert.equal(ended.code, 125);
  assert.match(ended.stderr, /^torwacht: .* \[TW_RUN_NO_CONFIG\]$/m);
  assert.equal(ended.stdout, '');
});

test('the command runs under root’s policy, as who asked, without capabilities', {
  skip,
}, async () => {
  const script = 'id -u; grep ^CapEff /proc/self/status | cut -f2; getent hosts bad.example.test';
  const ended = await bySudo(config, ['--', 'sh', '-c', script]);
  assert.deepEqual(ended.stdout, `${CALLER}\n0000000000000000\n`, ended.stderr);
  assert.match(ended.stderr, /^torwacht: blocked bad\.example\.test /m);
});

for (const flags of [
  ['--policy', '/etc/torwacht/policy.yaml'],
  ['--observe'],
  ['--upstream', '192.0.2.99'],
  ['--user', 'root'],
  ['--allow-write', '/var/lib'],
  ['--allow-cap', 'net_raw'],
  ['--allow-user-namespaces'],
]) {
  test(`${flags[0]} is not theirs to give, unless root trusts them`, { skip }, async () => {
    const refused = await bySudo(config, [...flags, '--', 'echo', 'ran']);
    assert.equal(refused.code, 125, refused.stderr);
    assert.match(refused.stderr, new RegExp(`${flags[0]}.*\\[TW_RUN_NOT_TRUSTED\\]`));
    assert.equal(refused.stdout, '');
    const trusted = await bySudo(`${config}  trustedUsers: [nobody]\n`, [
      ...flags,
      '--',
      'echo',
      'ran',
    ]);
    assert.equal(trusted.stdout, 'ran\n', trusted.stderr);
  });
}

test('a policy that others can write is refused', { skip }, async () => {
  const open = 'chmod o+w /etc/torwacht/policy.yaml';
  const ended = await bySudo(config, ['--', 'echo', 'ran'], open);
  assert.equal(ended.code, 125);
  assert.match(ended.stderr, /TW_RUN_NOT_ROOT_OWNED/);
});

for (const flag of ['--output', '--suggest']) {
  test(`the file of ${flag} is theirs to name, and opened with their rights`, {
    skip,
  }, async () => {
    const ended = await bySudo(config, [flag, '/etc/torwacht-e2e', '--', 'echo', 'ran']);
    assert.equal(ended.code, 125);
    assert.match(ended.stderr, /TW_RUN_OUTPUT/);
    const theirs = join(stage().lab.folder, 'theirs');
    const own = `install -d -o ${CALLER} ${theirs}`;
    const file = join(theirs, `file${flag}`);
    const allowed = await bySudo(config, [flag, file, '--', 'getent', 'hosts', 'bad.test'], own);
    assert.equal(allowed.code, 2, allowed.stderr);
    assert.equal(statSync(file).uid, CALLER);
    assert.match(readFileSync(file, 'utf8'), /bad\.test/);
  });
}
