import type { Incident } from '../../incident.ts';
import { BUN_RELEASE, GITHUB_API } from '../../places.ts';

const loader = 'sh > npm install > sh > node';
const worm = `${loader} > node`;

export const bitwarden: Incident = {
  id: 'bitwarden',
  date: '2026-04-22',
  name: 'Bitwarden CLI 2026.4.0',
  what: 'A preinstall script fetched Bun from GitHub releases; the worm in it posted to audit.checkmarx.cx, with api.github.com as the fallback, and published itself to npm.',
  differs: 'Bun is a script that starts Node.js.',
  places: [
    {
      ...{ name: 'audit.checkmarx.cx', address: '94.154.172.43' },
      replies: { '*': { status: 503, body: '' } },
    },
  ],
  packages: [
    {
      ...{ registry: 'npm', name: '@bitwarden/cli', version: '2026.4.0' },
      files: ['bw_setup.js', 'bw1.js'],
      scripts: { preinstall: 'node bw_setup.js' },
    },
  ],
  script: 'npm install @bitwarden/cli@2026.4.0',
  proof: 'node_modules/@bitwarden/cli/package.json',
  control: {
    arrives: [
      `GET github.com${BUN_RELEASE}`,
      'POST audit.checkmarx.cx/v1/telemetry',
      `POST ${GITHUB_API}/user/repos`,
    ],
    publishes: true,
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'The runtime that the worm runs in cannot be fetched.',
      rows: [{ to: 'github.com', by: loader, reason: 'default' }],
    },
    {
      policy: 'github',
      verdict: 'partly',
      why: 'GitHub releases give it Bun. Both ways out are refused; the copy of itself reaches the npm registry.',
      rows: [
        { to: 'audit.checkmarx.cx', by: worm, reason: 'default' },
        { to: GITHUB_API, by: worm, reason: 'default' },
      ],
      arrives: [`GET github.com${BUN_RELEASE}`],
      publishes: true,
    },
  ],
  sources: ['https://www.ic3.gov/CSA/2026/260702.pdf'],
};
