/** The images that the test cluster runs: what they are, and that their bills of materials say all that is in them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ImageName, imageNames } from '../../scripts/images/contents.ts';
import { faults, unaccounted } from '../../scripts/images/expected.ts';
import { type Image, lookAtArchive } from '../../scripts/images/look.ts';
import { materialsOf } from '../../scripts/images/materials.ts';
import { bomOf, packagesIn, placesIn } from '../../scripts/images/sbom.ts';
import { validate } from '../../scripts/images/testing/schema.ts';
import { imageArchive } from '../cluster/images/images.ts';

/** One that each surely has; the barrier has no bundle. */
const bundled = { agent: 'npm/zod', operator: 'npm/pg', webhook: 'npm/fastify', barrier: 'deb/' };

const skip = process.getuid?.() === 0 ? false : 'buildah needs root here';

for (const name of imageNames) {
  test(`${name} is as it must be, and every file of it is in its SBOM`, { skip }, async (t) => {
    const image = lookAtArchive(await imageArchive(name));
    assert.deepEqual(faults(name, image), []);
    const bom = bomOf(materialsOf(name, { epoch: 0 }));
    assert.equal(validate(bom), null);
    assert.match(packagesIn(bom).join('\n'), new RegExp(`^pkg:${bundled[name]}`, 'm'));
    assert.deepEqual(unaccounted(image, placesIn(bom)), []);
    const size = `${(image.compressed / 1e6).toFixed(2)} MB, ${image.entries.length} entries`;
    t.diagnostic(`${name}: ${size}, ${packagesIn(bom).length} packages in the SBOM`);
  });
}

test('an image that has a shell, as those of jobs do, is found out', { skip }, async () => {
  const image: Image = lookAtArchive(await imageArchive('busybox'));
  const found = faults('operator' satisfies ImageName, image);
  for (const what of [/^it has \/bin\/\w*sh$/, /^it runs as root/, /no label title/]) {
    assert.ok(
      found.some((one) => what.test(one)),
      String(what),
    );
  }
  assert.ok(unaccounted(image, ['/bin/other']).length > 0);
});
