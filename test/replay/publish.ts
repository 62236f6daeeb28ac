/** Puts the poisoned packages where jobs get theirs: npm's into the registry, Python's into an index. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from '../lab/execute.ts';
import type { Lab } from '../lab/lab.ts';
import type { SinkListener } from '../lab/servers/sink-process.ts';
import type { Incident, PoisonedPackage } from './incident.ts';
import { hosts } from './policies.ts';

type Replies = NonNullable<SinkListener['replies']>;

export interface Prepared {
  /** A folder of npm workspaces; undefined when no incident has an npm package. */
  readonly workspaces: string | undefined;
  /** What the two hosts of the Python index serve. */
  readonly index: Replies;
  readonly files: Replies;
}

export const payloads = join(import.meta.dirname, 'payload');

export function folderOf(incident: Incident): string {
  return join(import.meta.dirname, 'incidents', incident.id);
}

export function preparePackages(lab: Lab, incidents: readonly Incident[]): Prepared {
  const all = incidents.flatMap((incident) =>
    (incident.packages ?? []).map((poisoned) => ({ from: folderOf(incident), poisoned })),
  );
  const of = (registry: PoisonedPackage['registry']) =>
    all.filter(({ poisoned }) => poisoned.registry === registry);
  const python = of('pypi').map(({ from, poisoned }) => sourceArchive(lab, from, poisoned));
  return {
    workspaces: of('npm').length === 0 ? undefined : npmWorkspaces(lab, of('npm')),
    index: Object.fromEntries(python.map(({ page, link }) => [`GET ${page}`, { body: link }])),
    files: Object.fromEntries(python.map(({ path, tar }) => [`GET ${path}`, { body: tar }])),
  };
}

function npmWorkspaces(
  lab: Lab,
  packages: readonly { from: string; poisoned: PoisonedPackage }[],
): string {
  const root = join(lab.folder, 'npm-packages');
  const folders = packages.map(({ from, poisoned }, index) => {
    const folder = join(root, String(index));
    copyFiles(from, folder, poisoned, 'wire.js');
    const { name, version, scripts, dependencies } = poisoned;
    const manifest = { name, version, main: 'innocent.js', scripts, dependencies };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'innocent.js'), 'module.exports = true;\n');
    return String(index);
  });
  const manifest = { name: 'all', version: '1.0.0', private: true, workspaces: folders };
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
  return root;
}

/** An uncompressed tar of plain text is plain text: it fits into a sink's reply. */
function sourceArchive(lab: Lab, from: string, poisoned: PoisonedPackage) {
  const folder = join(lab.folder, 'pypi-packages', poisoned.name);
  copyFiles(from, folder, poisoned, 'wire.py');
  const tar = execute('tar', ['-C', folder, '--owner=0', '--group=0', '-cf', '-', '.']);
  const path = `/packages/${poisoned.name}-${poisoned.version}.tar`;
  const digest = createHash('sha256').update(tar).digest('hex');
  const link = `<a href="https://${hosts.pypiFiles}${path}#sha256=${digest}">${poisoned.name}</a>\n`;
  return { page: `/simple/${poisoned.name}/`, link, path, tar };
}

function copyFiles(from: string, to: string, { files }: PoisonedPackage, wire: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of files) cpSync(join(from, file), join(to, file));
  cpSync(join(payloads, wire), join(to, wire));
}

/** What a job's script can use: the part of pip that matters here, with curl and tar. */
export const PRELUDE = `
install_python() {
  site=$(python3 -m site --user-site)
  mkdir -p "$site"
  link=$(curl -fsS "https://${hosts.pypi}/simple/$1/" | sed -n 's/.*href="\\([^"#]*\\).*/\\1/p')
  curl -fsS "$link" | tar -x -C "$site"
}
`;

/** Names of everything that npm may run scripts of; npm 11 asks for it. */
export function allowScripts({ packages = [] }: Incident): Readonly<Record<string, true>> {
  return Object.fromEntries(packages.map(({ name }) => [name, true as const]));
}
