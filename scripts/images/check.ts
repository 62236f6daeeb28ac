/**
 * `make images-check`: builds every image twice, each time from nothing: sources in a folder of another name,
 * compiled and bundled there, in a new storage without layers of anybody. Prints one table and leaves it in
 * build/images/table.txt, with the images of the first time; exits 1 where one of them is not as it must be.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { textTable } from '#cli/table.ts';
import { type ImageName, imageNames } from './contents.ts';
import { expected, faults, labelled, shellIn, unaccounted } from './expected.ts';
import { arm64 } from './foreign.ts';
import { buildFresh } from './fresh.ts';
import { source } from './labels.ts';
import { type Made, makeImage } from './make.ts';
import { IMAGES } from './places.ts';
import { host, type Platform } from './platform.ts';
import { packagesIn, placesIn } from './sbom.ts';

interface Twice {
  readonly name: ImageName;
  readonly first: Made;
  readonly second: Made;
}

/** For whom, and what the Makefile is told for that. */
interface Target {
  readonly platform: Platform;
  readonly variables: Readonly<Record<string, string>>;
  /** Where the images of the first time stay. */
  readonly folder: string;
}

const heads = [
  ...['image', 'for', 'compressed', 'limit', 'built twice', 'packages', 'labels', 'user', 'shell'],
  '',
];

async function buildTwice({ platform, variables, folder }: Target): Promise<readonly Twice[]> {
  const from = source();
  const builds: string[] = [];
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'twice-'));
  try {
    // Of other lengths, too: what depends on a path is seen.
    for (const name of ['once', 'once-more/elsewhere']) {
      process.stderr.write(`${platform.architecture}: compiling the sources in ${name}\n`);
      builds.push(await buildFresh({ folder: join(work, name), variables }));
    }
    const [one = '', other = ''] = builds;
    const all: Twice[] = [];
    for (const name of imageNames) {
      process.stderr.write(`${platform.architecture}: building ${name}, twice\n`);
      const making = { platform, source: from };
      const first = await makeImage(name, folder, { ...making, build: one });
      const second = await makeImage(name, join(work, 'images'), { ...making, build: other });
      all.push({ name, first, second });
    }
    return all;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function faultsOf({ name, first, second }: Twice): readonly string[] {
  const found = [...faults(name, first.image), ...unaccounted(first.image, placesIn(first.bom))];
  if (first.image.digest !== second.image.digest) {
    found.push(`built twice it is ${first.image.digest} and ${second.image.digest}`);
  }
  if (JSON.stringify(first.bom) !== JSON.stringify(second.bom)) found.push('it has two SBOMs');
  return found;
}

function row(twice: Twice): readonly string[] {
  const { name, first, second } = twice;
  const { image, bom } = first;
  const same = image.digest === second.image.digest;
  return [
    ...[`torwacht-${name}`, image.architecture],
    ...[size(image.compressed), `< ${size(expected[name].limit)}`],
    same ? `the same, ${image.digest?.slice(0, 19)}…` : 'differs',
    String(packagesIn(bom).length),
    labelled(name, image) ? 'all' : 'not all',
    image.user || 'root, it must be',
    shellIn(image) ?? 'none',
    faultsOf(twice).length === 0 ? 'holds' : 'FAILS',
  ];
}

const size = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;

async function main(): Promise<number> {
  const all = [...(await buildTwice({ platform: host(), variables: {}, folder: IMAGES }))];
  const foreign = arm64();
  if (!('missing' in foreign)) {
    all.push(...(await buildTwice({ ...foreign, folder: join(IMAGES, 'arm64') })));
  }
  const wrong = all.flatMap((one) =>
    faultsOf(one).map((text) => `FAILS  ${one.name}, ${one.first.image.architecture}: ${text}\n`),
  );
  const notes = 'missing' in foreign ? [`Not built for arm64: ${foreign.missing}.\n`] : [];
  const text = [textTable(heads, all.map(row), (line) => line), ...wrong, ...notes].join('');
  writeFileSync(join(IMAGES, 'table.txt'), text);
  process.stdout.write(text);
  return wrong.length === 0 ? 0 : 1;
}

process.exitCode = await main();
