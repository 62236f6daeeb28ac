import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SystemPackage } from './platform.ts';
import { bomOf, type Materials, packagesIn, placesIn } from './sbom.ts';
import { validate } from './testing/schema.ts';

const libc: SystemPackage = {
  name: 'libstdc++6',
  version: '1:12.2.0-14+deb12u1',
  architecture: 'amd64',
  release: 'debian-12',
  vendor: 'debian',
};

const materials: Materials = {
  name: 'torwacht-sample',
  version: '0.1.0',
  architecture: 'amd64',
  epoch: 1_700_000_000,
  own: new Map([['/usr/lib/torwacht/sample.mjs', 'a'.repeat(64)]]),
  node: {
    place: '/usr/bin/node',
    sha256: 'b'.repeat(64),
    versions: { node: '24.1.0', openssl: '3.5.1+quic', modules: '137', nghttp3: '' },
  },
  npm: [
    { name: '@scope/one', version: '1.0.0', license: 'MIT', integrity: 'sha512-qqqq' },
    { name: 'two', version: '2.0.0-rc.1', license: '(MIT OR CC0-1.0)' },
  ],
  system: new Map([[libc, ['/lib/libstdc++.so.6']]]),
};

test('a bill is valid by the schema, and says each package and each place once', () => {
  const bom = bomOf({ ...materials, npm: materials.npm.slice(1) });
  assert.equal(validate(bom), null);
  assert.deepEqual(packagesIn(bom).toSorted(), [
    'pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12',
    'pkg:generic/node@24.1.0',
    'pkg:generic/openssl@3.5.1%2Bquic',
    'pkg:npm/two@2.0.0-rc.1',
  ]);
  assert.deepEqual(placesIn(bom).toSorted(), [
    '/lib/libstdc++.so.6',
    '/usr/bin/node',
    '/usr/lib/torwacht/sample.mjs',
  ]);
  assert.equal(bom.metadata.timestamp, '2023-11-14T22:13:20.000Z');
});

test('the same materials give the same bill; another file gives another number', () => {
  assert.deepEqual(bomOf(materials), bomOf(materials));
  const other = { ...materials, own: new Map([['/usr/lib/torwacht/sample.mjs', 'c'.repeat(64)]]) };
  assert.notEqual(bomOf(other).serialNumber, bomOf(materials).serialNumber);
});

test('the schema refuses what is no bill: a hash that is too short, a part without a name', () => {
  // Three bytes, as no SHA-512 has.
  assert.match(validate(bomOf(materials)) ?? '', /hashes\/0\/content must match pattern/);
  const bom = bomOf({ ...materials, npm: [] });
  const [first, ...rest] = bom.components;
  const nameless = { ...first, name: undefined };
  assert.match(validate({ ...bom, components: [nameless, ...rest] }) ?? '', /must have required/);
  assert.match(validate({ ...bom, specVersion: 1.6 }) ?? '', /specVersion must be string/);
});
