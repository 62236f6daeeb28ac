import type { Incident } from '../../incident.ts';
import { BUN_RELEASE, GITHUB_API, METADATA, ONLY_INSIDE } from '../../places.ts';

const RUNNER = '/actions/runner/releases/download/v2.330.0/actions-runner-linux-x64-2.330.0.tar.gz';
const loader = 'sh > npm install > sh > node';
const worm = `${loader} > node`;

export const shaiHulud2: Incident = {
  id: 'shai-hulud-2',
  date: '2025-11-21',
  name: 'Sha1-Hulud: The Second Coming',
  what: 'A preinstall script fetched the Bun runtime and ran the worm in it: cloud metadata, a dead-drop repository by api.github.com, and the machine registered as a self-hosted runner, which made GitHub the command channel.',
  differs:
    'Bun is a script that starts Node.js. Wiping the home folder, which it did when no way out was left, is not replayed: it needs no network, so no egress control stops it.',
  places: [
    {
      name: 'bun.sh',
      replies: {
        'GET /install': {
          body: `${ONLY_INSIDE}mkdir -p "$BUN_INSTALL/bin"
            curl -fsS https://github.com${BUN_RELEASE} >"$BUN_INSTALL/bin/bun"\n`,
        },
      },
    },
  ],
  packages: [
    {
      ...{ registry: 'npm', name: '@asyncapi/specs', version: '6.8.2' },
      files: ['setup_bun.js', 'bun_environment.js'],
      scripts: { preinstall: 'node setup_bun.js' },
    },
  ],
  script: 'npm install @asyncapi/specs@6.8.2',
  proof: 'node_modules/@asyncapi/specs/package.json',
  control: {
    arrives: [
      'GET bun.sh/install',
      `GET github.com${BUN_RELEASE}`,
      `GET ${METADATA}/latest/meta-data/iam/security-credentials/`,
      `POST ${GITHUB_API}/user/repos`,
      `GET github.com${RUNNER}`,
      `POST ${GITHUB_API}/actions/runner-registration`,
    ],
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'The runtime that the worm runs in cannot be fetched, neither from bun.sh nor from GitHub releases.',
      rows: [
        { to: 'bun.sh', by: `${loader} > bash > curl`, reason: 'default' },
        { to: 'github.com', by: `${loader} > curl`, reason: 'default' },
      ],
    },
    {
      policy: 'github',
      verdict: 'stopped',
      why: 'GitHub releases give it Bun and the runner, so the worm runs. The dead drop and the registration of a runner need api.github.com.',
      rows: [
        { to: 'bun.sh', by: `${loader} > bash > curl`, reason: 'default' },
        { to: `${METADATA}:80`, by: worm, reason: 'metadata' },
        { to: GITHUB_API, by: worm, reason: 'default', count: 2 },
      ],
      arrives: [`GET github.com${BUN_RELEASE}`, `GET github.com${RUNNER}`],
    },
    {
      policy: 'githubApi',
      verdict: 'limit',
      why: 'With the API allowed, GitHub is dead drop and command channel. Only the cloud’s credentials stay. Allow api.github.com to no job that runs code of others.',
      rows: [
        { to: 'bun.sh', by: `${loader} > bash > curl`, reason: 'default' },
        { to: `${METADATA}:80`, by: worm, reason: 'metadata' },
      ],
      arrives: [
        `GET github.com${BUN_RELEASE}`,
        `POST ${GITHUB_API}/user/repos`,
        `GET github.com${RUNNER}`,
        `POST ${GITHUB_API}/actions/runner-registration`,
      ],
      carriesSecrets: true,
    },
  ],
  sources: ['https://sectank.net/?p=28413'],
};
