/** What images are made of besides what is built here: Node.js, and libraries of a distribution with their packages. */
import { readFileSync, realpathSync } from 'node:fs';
import { attempt, execute } from '../../test/lab/execute.ts';

export interface Library {
  readonly from: string;
  /** Its place in an image: where the loader looks for it. */
  readonly to: string;
}

/** A package of Debian or Ubuntu. */
export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** `debian-12` */
  readonly release: string;
  /** `debian` */
  readonly vendor: string;
}

export interface Platform {
  /** As images name it. */
  readonly architecture: 'amd64' | 'arm64';
  readonly node: string;
  /** The loader and the shared libraries of a program; none of what is no program. */
  libraries(path: string): readonly Library[];
  /** Whose file this is, of those that `libraries` names as `from`. @throws where it is of no package */
  owner(path: string): SystemPackage;
  /** A package that is compiled in. @throws where it is not there */
  package(name: string): SystemPackage;
}

/** This machine: what the loader finds here, and what dpkg knows of it. */
export function host(): Platform {
  return {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    node: realpathSync(process.execPath),
    libraries: (path) => {
      const { stdout } = attempt('ldd', [path]);
      return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => ({
        from: library,
        to: library,
      }));
    },
    owner: (path) => packageOf(ownerOf(path)),
    package: packageOf,
  };
}

/** dpkg knows a file by the name that it was unpacked under; a folder of it may be a link since. */
function ownerOf(path: string): string {
  const real = realpathSync(path);
  for (const name of [real, real.replace(/^\/usr/, ''), path]) {
    const { code, stdout } = attempt('dpkg', ['-S', name]);
    const owner = /^(\S+): /.exec(stdout)?.[1];
    if (code === 0 && owner !== undefined) return owner;
  }
  throw new Error(`${path} is of no package that dpkg knows: nobody can say what is in the image.`);
}

function packageOf(name: string): SystemPackage {
  const format = ['Package', 'Version', 'Architecture'].map((field) => `\${${field}}`).join('\\t');
  const shown = execute('dpkg-query', ['--show', `--showformat=${format}\\n`, name]);
  const [found = '', version = '', architecture = ''] = shown.trim().split('\t');
  return { name: found, version, architecture, ...release('/etc/os-release') };
}

/** Of a distribution, by its os-release(5). */
export function release(path: string): { readonly vendor: string; readonly release: string } {
  const text = readFileSync(path, 'utf8');
  const field = (name: string): string =>
    new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(text)?.[1] ?? 'unknown';
  return { vendor: field('ID'), release: `${field('ID')}-${field('VERSION_ID')}` };
}
