/** Jobs that get packages of languages: npm, pip, Go, cargo, Maven. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, execute, PATH } from '../../lab/execute.ts';
import { pythonFolder } from '../../replay/job.ts';
import { digest, tarball, writeFiles, zip } from './archives.ts';
import { type JobShape, lacking, type Place } from './shape.ts';

/** Redirects to it are what the Go proxy and GitLab answer for what is large. */
export const storage: Place = {
  ...{ name: 'storage.googleapis.com', address: '192.0.2.70', port: 443, kind: 'https' },
};

const npm: JobShape = {
  name: 'npm',
  lacks: lacking('npm'),
  // verdaccio, which the ground starts.
  places: [{ name: 'registry.npmjs.org', address: '192.0.2.71', port: 443, kind: 'own' }],
  files: { 'package.json': '{"name": "job", "version": "1.0.0"}' },
  script: 'npm install demo-leaf',
  env: ({ npmEnv }) => ({ ...npmEnv, npm_config_cache: './cache' }),
  proof: 'node_modules/demo-leaf/package.json',
  uses: ['registry.npmjs.org:443'],
};

const pip: JobShape = {
  name: 'pip',
  lacks:
    lacking('python3') ||
    (attempt('python3', ['-m', 'pip', '--version']).code !== 0 && 'needs pip'),
  places: [
    {
      ...{ name: 'pypi.org', address: '192.0.2.72', port: 443, kind: 'https' },
      replies: {
        'GET /simple/demo-leaf/': {
          headers: { 'content-type': 'text/html' },
          body: '<a href="https://files.pythonhosted.org/packages/demo_leaf-1.0-py3-none-any.whl">demo</a>',
        },
      },
    },
    { name: 'files.pythonhosted.org', address: '192.0.2.73', port: 443, kind: 'https' },
  ],
  furnish: ({ www }) => {
    const about = 'demo_leaf-1.0.dist-info';
    zip(join(www('files.pythonhosted.org'), 'packages/demo_leaf-1.0-py3-none-any.whl'), {
      'demo_leaf.py': 'works = True\n',
      [`${about}/METADATA`]: 'Metadata-Version: 2.1\nName: demo-leaf\nVersion: 1.0\n',
      [`${about}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      [`${about}/RECORD`]: `demo_leaf.py,,\n${about}/METADATA,,\n${about}/WHEEL,,\n${about}/RECORD,,\n`,
    });
  },
  script: 'python3 -m pip install --retries 0 --no-cache-dir --target out demo-leaf',
  env: ({ authority }) => ({
    PATH: `${pythonFolder()}:${PATH}`,
    ...{ PIP_CERT: authority, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' },
  }),
  proof: 'out/demo_leaf.py',
  uses: ['pypi.org:443', 'files.pythonhosted.org:443'],
};

const module = 'example.com/leaf';

const go: JobShape = {
  name: 'go',
  lacks: lacking('go'),
  places: [
    {
      ...{ name: 'proxy.golang.org', address: '192.0.2.74', port: 443, kind: 'https' },
      replies: {
        [`GET /${module}/@v/v1.0.0.zip`]: {
          ...{
            status: 302,
            headers: { location: 'https://storage.googleapis.com/proxy/leaf.zip' },
          },
        },
      },
    },
    storage,
  ],
  furnish: ({ www }) => {
    const source = { 'go.mod': `module ${module}\n`, 'leaf.go': 'package leaf\n' };
    writeFiles(join(www('proxy.golang.org'), module, '@v'), {
      ...{ list: 'v1.0.0\n', 'v1.0.0.mod': source['go.mod'] },
      'v1.0.0.info': '{"Version": "v1.0.0", "Time": "2026-01-01T00:00:00Z"}',
    });
    const files = Object.entries(source).map(([name, text]) => [`${module}@v1.0.0/${name}`, text]);
    zip(join(www(storage.name), 'proxy/leaf.zip'), Object.fromEntries(files));
  },
  files: { 'go.mod': `module job\n\nrequire ${module} v1.0.0\n` },
  script: `export GOMODCACHE="$PWD/modules"; go mod download && go mod verify && ls "$GOMODCACHE/${module}@v1.0.0" >proof`,
  // The checksum database signs what it says: there is none of ours.
  env: ({ authority }) => ({
    ...{ SSL_CERT_FILE: authority, GOSUMDB: 'off', GOFLAGS: '-mod=mod -modcacherw' },
    ...{ GOTOOLCHAIN: 'local', GOTELEMETRY: 'off' },
  }),
  proof: 'proof',
  uses: ['proxy.golang.org:443', 'storage.googleapis.com:443'],
};

/** The folder of the compiler itself: a version manager's stand-in needs the user's own HOME. */
function toolchain(): string {
  return join(execute('rustc', ['--print', 'sysroot']).trim(), 'bin');
}

function lacksCargo(): string | false {
  const missing = lacking('rustc', 'cargo');
  if (missing !== false) return missing;
  const [, major, minor] = /^cargo (\d+)\.(\d+)/.exec(attempt('cargo', ['--version']).stdout) ?? [];
  // Before, it cloned an index from GitHub.
  return (Number(major) > 1 || Number(minor) >= 70) && existsSync(join(toolchain(), 'cargo'))
    ? false
    : 'needs cargo 1.70 or later';
}

const cargo: JobShape = {
  name: 'cargo',
  lacks: lacksCargo(),
  places: [
    { name: 'index.crates.io', address: '192.0.2.75', port: 443, kind: 'https' },
    { name: 'static.crates.io', address: '192.0.2.76', port: 443, kind: 'https' },
  ],
  furnish: ({ lab, www }) => {
    const sources = join(lab.folder, 'crates');
    writeFiles(join(sources, 'leaf-1.0.0'), {
      'Cargo.toml': '[package]\nname = "leaf"\nversion = "1.0.0"\nedition = "2021"\n',
      'src/lib.rs': 'pub const WORKS: bool = true;\n',
    });
    const archive = join(www('static.crates.io'), 'crates/leaf/1.0.0/download');
    tarball(archive, sources, ['leaf-1.0.0']);
    const { name, vers } = { name: 'leaf', vers: '1.0.0' };
    const entry = { name, vers, deps: [], cksum: digest(archive), features: {}, yanked: false };
    writeFiles(www('index.crates.io'), {
      'config.json': '{"dl": "https://static.crates.io/crates", "api": "https://crates.io"}',
      'le/af/leaf': `${JSON.stringify(entry)}\n`,
    });
  },
  files: {
    'Cargo.toml':
      '[package]\nname = "job"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nleaf = "1"\n',
    'src/lib.rs': 'pub const WORKS: bool = leaf::WORKS;\n',
  },
  script: 'cargo build && cp target/debug/libjob.rlib proof',
  env: ({ authority }) => ({
    PATH: `${toolchain()}:${PATH}`,
    ...{ CARGO_HTTP_CAINFO: authority, CARGO_NET_RETRY: '0' },
  }),
  proof: 'proof',
  uses: ['index.crates.io:443', 'static.crates.io:443'],
};

const company = 'maven.company.example';
const model = 'http://maven.apache.org/POM/4.0.0';

function pom(group: string, artifact: string, version: string, kind: string, more = ''): string {
  return `<project xmlns="${model}"><modelVersion>4.0.0</modelVersion>${more}
<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>
<packaging>${kind}</packaging></project>\n`;
}

/** A model, and its jar, with their sums, in the layout of a repository. */
function put(root: string, group: string, artifact: string, version: string, kind = 'pom'): void {
  const stem = join(root, group.replaceAll('.', '/'), artifact, version, `${artifact}-${version}`);
  writeFiles('/', { [`${stem}.pom`]: pom(group, artifact, version, kind) });
  if (kind === 'jar') zip(`${stem}.jar`, { 'works.txt': 'true\n' });
  for (const path of new Set([`${stem}.pom`, `${stem}.${kind}`])) {
    writeFiles('/', { [`${path}.sha1`]: digest(path, 'sha1') });
  }
}

const ours = `
<parent><groupId>demo</groupId><artifactId>parent</artifactId><version>1.0</version>
<relativePath/></parent>
<pluginRepositories><pluginRepository><id>company</id><url>https://${company}/</url>
</pluginRepository></pluginRepositories>
<build><extensions><extension><groupId>demo</groupId><artifactId>extension</artifactId>
<version>1.0</version></extension></extensions></build>`;

const maven: JobShape = {
  name: 'maven',
  lacks: lacking('mvn', 'keytool'),
  places: [
    { name: 'repo.maven.apache.org', address: '192.0.2.77', port: 443, kind: 'https' },
    { name: company, address: '192.0.2.78', port: 443, kind: 'https' },
  ],
  furnish: ({ www }) => {
    const [central, other] = [join(www('repo.maven.apache.org'), 'maven2'), www(company)];
    put(central, 'demo', 'parent', '1.0');
    put(other, 'demo', 'extension', '1.0', 'jar');
    // Maven adds it to every extension.
    put(central, 'org.codehaus.plexus', 'plexus-utils', '1.1', 'jar');
  },
  files: { 'pom.xml': pom('demo', 'job', '1.0', 'pom', ours) },
  // What a build needs before its first plugin: the parent, and an extension of the build.
  script: 'mvn -B -q -Dmaven.repo.local=m2 validate && cp m2/demo/extension/1.0/*.jar proof',
  env: ({ keystore }) => ({
    MAVEN_OPTS: `-XX:TieredStopAtLevel=1 -Djavax.net.ssl.trustStore=${keystore}`,
  }),
  proof: 'proof',
  uses: ['repo.maven.apache.org:443', `${company}:443`],
};

export const packageJobs: readonly JobShape[] = [npm, pip, go, cargo, maven];
