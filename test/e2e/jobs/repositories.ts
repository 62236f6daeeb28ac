/** Jobs that get sources, packages of a distribution and files of GitLab: git, apt, artifacts, cache. */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from '../../lab/execute.ts';
import type { Lab } from '../../lab/lab.ts';
import { digest, writeFiles } from './archives.ts';
import { storage } from './packages.ts';
import { type JobShape, lacking, type Place } from './shape.ts';

const API = '/api/v4/jobs/1/artifacts';

const gitlab: Place = {
  ...{ name: 'gitlab.com', address: '192.0.2.80', port: 443, kind: 'https', git: true },
  replies: {
    [`POST ${API}`]: { status: 201, body: '{}' },
    [`GET ${API}?direct_download=true`]: {
      ...{ status: 302, headers: { location: 'https://storage.googleapis.com/artifacts/1' } },
    },
  },
};
const github: Place = {
  ...{ name: 'github.com', address: '192.0.2.81', port: 443, kind: 'https', git: true },
};
/** An instance of the platform's own, on a private address. */
export const inside: Place = {
  ...{ name: 'git.company.example', address: '10.1.2.80', port: 22, kind: 'own' },
};

/** Where bare repositories lie, whoever serves them. */
export function repositories(lab: Lab): string {
  return join(lab.folder, 'repositories');
}

/** A bare repository with one commit. */
function repository(lab: Lab, name: string, module?: { url: string; commit: string }): string {
  const bare = join(repositories(lab), `${name}.git`);
  const work = join(lab.folder, 'sources', name);
  mkdirSync(work, { recursive: true });
  const git = (...args: readonly string[]) =>
    execute('git', [
      ...['-C', work, '-c', 'user.name=test', '-c', 'user.email=test@example.test'],
      ...['-c', 'init.defaultBranch=main', '-c', 'commit.gpgSign=false', ...args],
    ]).trim();
  git('init', '-q');
  writeFiles(work, { [`${name}.txt`]: 'works\n' });
  if (module !== undefined) {
    writeFiles(work, { '.gitmodules': `[submodule "lib"]\npath = lib\nurl = ${module.url}\n` });
    git('update-index', '--add', '--cacheinfo', `160000,${module.commit},lib`);
  }
  git('add', '-A', '--', ':!lib');
  git('commit', '-q', '-m', 'one');
  git('clone', '-q', '--bare', '.', bare);
  return git('rev-parse', 'HEAD');
}

const https: JobShape = {
  name: 'git-https',
  lacks: lacking('git'),
  places: [gitlab, github],
  furnish: ({ lab }) => {
    const commit = repository(lab, 'library');
    repository(lab, 'project', { url: 'https://github.com/library.git', commit });
  },
  script: 'git clone -q --recurse-submodules https://gitlab.com/project.git',
  env: ({ authority }) => ({ GIT_SSL_CAINFO: authority }),
  proof: 'project/lib/library.txt',
  uses: ['gitlab.com:443', 'github.com:443'],
};

const ssh: JobShape = {
  name: 'git-ssh',
  lacks: lacking('git', 'ssh', 'dropbear'),
  places: [inside],
  furnish: ({ lab }) => {
    repository(lab, 'secret');
  },
  script: 'git clone -q "git@git.company.example:$REPOSITORIES/secret.git"',
  env: ({ lab }) => ({
    REPOSITORIES: repositories(lab),
    GIT_SSH_COMMAND: [
      `ssh -F /dev/null -i ${join(lab.folder, 'ssh/key')} -o BatchMode=yes`,
      '-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no',
    ].join(' '),
  }),
  proof: 'secret/secret.txt',
  uses: ['git.company.example:22'],
};

const suites = [
  { name: 'deb.debian.org', path: 'debian', suite: 'stable', leaf: 'demo-leaf' },
  {
    ...{ name: 'security.debian.org', path: 'debian-security' },
    ...{ suite: 'stable-security', leaf: 'demo-fixed' },
  },
] as const;

const SETTINGS = `
Dir "@/apt";
Dir::State::status "@/apt/status";
APT::Sandbox::User "root";
Acquire::Retries "0";
Acquire::Languages "none";
`;

const apt: JobShape = {
  name: 'apt',
  lacks: lacking('apt-get', 'dpkg-deb'),
  places: [
    { name: 'deb.debian.org', address: '192.0.2.82', port: 80, kind: 'http' },
    { name: 'security.debian.org', address: '192.0.2.83', port: 80, kind: 'http' },
  ],
  furnish: ({ lab, www }) => {
    for (const { name, path, suite, leaf } of suites) {
      const [root, built] = [join(www(name), path), join(lab.folder, 'debs', leaf)];
      const about = [
        ...[`Package: ${leaf}`, 'Version: 1.0', 'Architecture: all'],
        ...['Maintainer: Test <test@example.test>', 'Description: of a test'],
      ];
      writeFiles(built, {
        'DEBIAN/control': `${about.join('\n')}\n`,
        [`usr/share/${leaf}`]: 'works\n',
      });
      const file = `pool/${leaf}_1.0_all.deb`;
      mkdirSync(join(root, 'pool'), { recursive: true });
      execute('dpkg-deb', ['--root-owner-group', '--build', built, join(root, file)]);
      const [size, sum] = [statSync(join(root, file)).size, digest(join(root, file))];
      const index = [...about, `Filename: ${file}`, `Size: ${size}`, `SHA256: ${sum}`].join('\n');
      const machine = execute('dpkg', ['--print-architecture']).trim();
      const [dists, list] = [join(root, 'dists', suite), `main/binary-${machine}/Packages`];
      writeFiles(dists, { [list]: `${index}\n` });
      const known = `${digest(join(dists, list))} ${statSync(join(dists, list)).size} ${list}`;
      writeFiles(dists, {
        Release: [
          ...[`Suite: ${suite}`, `Codename: ${suite}`, `Architectures: ${machine}`],
          ...['Components: main', 'SHA256:', ` ${known}`, ''],
        ].join('\n'),
      });
    }
  },
  files: {
    'apt.conf.in': SETTINGS,
    'apt/status': '',
    // Unsigned: what signs Debian's is not ours.
    'apt/etc/apt/sources.list': suites
      .map(({ name, path, suite }) => `deb [trusted=yes] http://${name}/${path} ${suite} main\n`)
      .join(''),
  },
  script: `
    mkdir -p apt/etc/apt/preferences.d apt/var/lib/apt/lists/partial apt/var/cache/apt/archives/partial
    sed "s|@|$PWD|" apt.conf.in >apt.conf
    apt-get -q update
    apt-get -q download ${suites.map(({ leaf }) => leaf).join(' ')}
    for package in *.deb; do dpkg-deb -x "$package" out; done
    cat ${suites.map(({ leaf }) => `out/usr/share/${leaf}`).join(' ')} >proof`,
  env: () => ({ APT_CONFIG: './apt.conf' }),
  proof: 'proof',
  uses: ['deb.debian.org:80', 'security.debian.org:80'],
  inVain: ['_http._tcp.deb.debian.org', '_http._tcp.security.debian.org'],
};

const artifacts: JobShape = {
  name: 'artifacts',
  lacks: lacking('curl'),
  places: [gitlab, storage],
  furnish: ({ www }) => {
    writeFiles(www(storage.name), { 'artifacts/1': 'of the job before\n' });
  },
  // What the helper of GitLab Runner asks; curl asks it here.
  script: `
    echo built >result
    curl -fsS -F file=@result https://gitlab.com${API}
    curl -fsSL -o proof 'https://gitlab.com${API}?direct_download=true'`,
  env: ({ authority }) => ({ CURL_CA_BUNDLE: authority }),
  proof: 'proof',
  uses: ['gitlab.com:443', 'storage.googleapis.com:443'],
};

const bucket = 'runner-cache.s3.eu-central-1.amazonaws.com';
const object = `https://${bucket}/project/4711/main?X-Amz-Signature=`;

const cache: JobShape = {
  name: 'cache',
  lacks: lacking('curl'),
  places: [{ name: bucket, address: '192.0.2.84', port: 443, kind: 'https' }],
  // As before: what the helper does with the addresses that GitLab Runner has signed.
  script: `
    curl -fsS -o old.tgz '${object}read' || echo 'no cache yet'
    echo kept >kept && tar -czf new.tgz kept
    curl -fsS -T new.tgz '${object}write'
    curl -fsS -o back.tgz '${object}read' && tar -xzOf back.tgz kept >proof`,
  env: ({ authority }) => ({ CURL_CA_BUNDLE: authority }),
  proof: 'proof',
  uses: [`${bucket}:443`],
};

export const repositoryJobs: readonly JobShape[] = [https, ssh, apt, artifacts, cache];
