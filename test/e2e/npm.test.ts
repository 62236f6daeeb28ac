/** Real npm and a real registry: what the policy allows installs, what it does not is refused. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Registry } from '../lab/servers/registry.ts';
import { tableOf } from './rows.ts';
import { type PolicySpec, sharedStage, skip } from './stage.ts';

const mirror = { name: 'tarballs.example.test', address: '198.51.100.70' };
let registry: Registry;

const stage = sharedStage('npm', async (lab) => {
  [registry] = await Promise.all([
    lab.registry(),
    lab.dnsmasq([{ name: 'registry.demo.test', address: '192.0.2.10' }, mirror]),
    lab.sink([{ kind: 'http', address: mirror.address, port: 80 }]),
  ]);
  // left-pad-like leaves first: `tree` needs both, `app` needs `tree`.
  for (const [name, dependencies] of [
    ['demo-leaf', {}],
    ['demo-branch', { 'demo-leaf': '^1.0.0' }],
    ['demo-tree', { 'demo-branch': '^1.0.0', 'demo-leaf': '^1.0.0' }],
  ] as const) {
    await registry.publish(packageFolder(lab.folder, name, dependencies));
  }
});

const policy: PolicySpec = {
  allow: [{ fqdn: ['registry.demo.test'], ports: [{ port: 4873 }] }],
};

function packageFolder(folder: string, name: string, dependencies: object): string {
  const path = join(folder, name);
  mkdirSync(path);
  const manifest = { name, version: '1.0.0', description: name, main: 'index.js', dependencies };
  writeFileSync(join(path, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(path, 'index.js'), `module.exports = '${name}';\n`);
  return path;
}

function project(dependencies: object): string {
  const path = join(stage().work, 'app');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  const manifest = { name: 'app', version: '1.0.0', private: true, dependencies };
  writeFileSync(join(path, 'package.json'), JSON.stringify(manifest));
  return path;
}

const npm = (cwd: string, ...args: string[]) =>
  stage().run({
    policy,
    cwd,
    command: ['npm', ...args],
    env: registry.npmEnv,
    flags: ['--job', 'install'],
  });

test('npm install and npm ci of packages with dependencies', {
  skip,
  timeout: 60_000,
}, async () => {
  const cwd = project({ 'demo-tree': '^1.0.0', 'demo-leaf': '1.0.0' });
  const installed = await npm(cwd, 'install');
  assert.equal(installed.code, 0, installed.stderr);
  const names = ['demo-tree', 'demo-branch', 'demo-leaf'];
  for (const name of names)
    assert.ok(existsSync(join(cwd, 'node_modules', name, 'index.js')), name);
  assert.deepEqual(tableOf(installed.stderr), []);

  rmSync(join(cwd, 'node_modules'), { recursive: true });
  rmSync(registry.npmEnv.npm_config_cache ?? '', { recursive: true, force: true });
  const again = await npm(cwd, 'ci');
  assert.equal(again.code, 0, again.stderr);
  for (const name of names)
    assert.ok(existsSync(join(cwd, 'node_modules', name, 'index.js')), name);
});

test('a package from elsewhere is refused, with a row that names npm’s process', {
  skip,
  timeout: 60_000,
}, async () => {
  const cwd = project({ 'demo-leaf': '^1.0.0', evil: `http://${mirror.name}/evil.tgz` });
  const ended = await npm(cwd, 'install');
  assert.notEqual(ended.code, 0);
  const rows = tableOf(ended.stderr);
  assert.equal(rows.length, 1, ended.stderr);
  const [row] = rows;
  assert.equal(row?.job_name, 'install');
  assert.equal(row?.domain, mirror.name);
  assert.equal(row?.ip, '-');
  assert.match(row?.comm ?? '', /^npm/);
  assert.ok(!existsSync(join(cwd, 'node_modules/evil')));
  assert.equal(stage().lab.packetsTo(mirror.address), 0);
});
