/** `make images`: agent, operator, webhook and barrier, with their bills of materials, into build/images. */
import { relative } from 'node:path';
import { imageNames } from './contents.ts';
import { source } from './labels.ts';
import { layoutOf, makeImage } from './make.ts';
import { IMAGES, ROOT } from './places.ts';
import { packagesIn } from './sbom.ts';

const from = source();
for (const name of imageNames) {
  const { image, bom } = await makeImage(name, IMAGES, { source: from });
  const size = `${(image.compressed / 1e6).toFixed(2)} MB, ${packagesIn(bom).length} packages`;
  process.stdout.write(`${relative(ROOT, layoutOf(IMAGES, name))}  ${size}\n  ${image.digest}\n`);
}
process.stdout.write(
  '\nTo a registry: buildah push oci:build/images/torwacht-agent docker://REGISTRY/torwacht-agent:TAG\n',
);
