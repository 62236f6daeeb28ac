/** What every image must be, and what is wrong with one that is not. */
import { posix } from 'node:path';
import { contents, type ImageName, NODE_PLACE } from './contents.ts';
import { version } from './labels.ts';
import type { Entry, Image } from './look.ts';
import { isLoader } from './root.ts';

interface Expectation {
  /** Bytes, compressed. */
  readonly limit: number;
  /** Empty is root. */
  readonly user: string;
}

const nobody = '65532:65532';
export const expected: Readonly<Record<ImageName, Expectation>> = {
  // It loads programs into the kernel and enters network namespaces: root, with the capabilities for that.
  agent: { limit: 90e6, user: '' },
  operator: { limit: 60e6, user: nobody },
  webhook: { limit: 60e6, user: nobody },
  barrier: { limit: 200e3, user: nobody },
};

const labels = ['title', 'description', 'licenses', 'version', 'revision'] as const;
const label = (word: (typeof labels)[number]): string => `org.opencontainers.image.${word}`;

/** Whoever gets into a container finds nothing to go on with: shells, and what has one inside. */
const shells =
  /^(?:(?:ba|da|a|z|k|mk|c|tc|fi|r)?sh|busybox|toybox|python[\d.]*|perl[\d.]*|apt(?:-get)?|dpkg|apk)$/;
/** What a build leaves where nobody has cleaned. */
const leftovers = /^\/(?:var\/(?:cache|log|lib\/(?:apt|dpkg))|root|home|tmp|run)\/./;

export const shellIn = ({ entries }: Image): string | undefined =>
  entries.map(({ path }) => path).find((path) => shells.test(posix.basename(path)));

export const labelled = (name: ImageName, image: Image): boolean =>
  labelFaults(name, image).length === 0;

function labelFaults(name: ImageName, image: Image): readonly string[] {
  const exact = { title: `torwacht-${name}`, licenses: 'MPL-2.0', version: version() } as const;
  const wrong = Object.entries(exact).filter(
    ([word, value]) => image.labels[label(word as keyof typeof exact)] !== value,
  );
  const missing = labels.filter((word) => image.labels[label(word)] === undefined);
  return [
    ...wrong.map(([word, value]) => `its label ${word} is not ${value}`),
    ...missing.map((word) => `it has no label ${word}`),
  ];
}

/** Sentences; none where all is as it must be. */
export function faults(name: ImageName, image: Image): readonly string[] {
  const { limit, user } = expected[name];
  const found: string[] = [];
  if (image.compressed > limit) found.push(`it has ${image.compressed} bytes, more than ${limit}`);
  if (image.user !== user) found.push(`it runs as ${image.user || 'root'}, not ${user || 'root'}`);
  const shell = shellIn(image);
  if (shell !== undefined) found.push(`it has ${shell}`);
  found.push(...labelFaults(name, image));
  return [...found, ...image.entries.flatMap((entry) => entryFaults(name, entry))];
}

function entryFaults(name: ImageName, { path, mode, owner }: Entry): readonly string[] {
  const isFile = mode.startsWith('-');
  const found: string[] = [];
  if (!isFile && !mode.startsWith('d')) found.push(`${path} is no plain file or folder: ${mode}`);
  if (owner !== '0/0') found.push(`${path} is of ${owner}, not root`);
  // Who starts it becomes somebody else; or anybody may change it.
  const [special, write] = [/s/i.test(mode.slice(1)), mode[8] === 'w'];
  if (special || (write && !mode.startsWith('l'))) found.push(`${path} has the mode ${mode}`);
  if (isFile && mode.includes('x') && !mayRun(name, path)) found.push(`${path} is a program`);
  if (isFile && leftovers.test(path)) found.push(`${path} is a leftover of the build`);
  return found;
}

/** Our own programs, Node.js where there is one, and the loader that the kernel starts for them. */
function mayRun(name: ImageName, path: string): boolean {
  const own = Object.keys(contents[name].built).filter((place) => !posix.extname(place));
  return own.includes(path) || (contents[name].node && (path === NODE_PLACE || isLoader(path)));
}

/** Files that nobody answers for in the image's bill of materials. */
export function unaccounted(image: Image, places: readonly string[]): readonly string[] {
  const known = new Set(places);
  return image.entries
    .filter(({ mode, path }) => mode.startsWith('-') && !known.has(path))
    .map(({ path }) => `${path} is in no part of the SBOM`);
}
