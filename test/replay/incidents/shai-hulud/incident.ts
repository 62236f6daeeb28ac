import type { Incident } from '../../incident.ts';
import { GITHUB_API, METADATA } from '../../places.ts';

const HOOK = '/bb8ca5f6-4175-45d2-b042-fc9ebb8170b7';
const CREDENTIALS = '/latest/meta-data/iam/security-credentials/';
const TRUFFLEHOG = '/trufflesecurity/trufflehog/releases/latest';
const worm = 'sh > npm install > sh > node';
const cloud = [
  { to: `${METADATA}:80`, by: worm, reason: 'metadata' as const },
  { to: 'metadata.google.internal', by: worm, reason: 'metadata' as const },
];
const exfiltration = [
  { to: GITHUB_API, by: worm, reason: 'default' as const },
  { to: 'webhook.site', by: `${worm} > curl`, reason: 'default' as const },
];

export const shaiHulud: Incident = {
  id: 'shai-hulud',
  date: '2025-09-14',
  name: 'Shai-Hulud',
  what: 'A worm in npm packages: trufflehog from GitHub releases, cloud metadata, secrets to a repository named Shai-Hulud and to webhook.site, then a copy of itself published with the stolen npm token.',
  differs: 'What the planted workflow sent to webhook.site is sent by the install script.',
  places: [{ name: 'webhook.site' }],
  packages: [
    {
      ...{ registry: 'npm', name: '@ctrl/tinycolor', version: '4.1.1', files: ['bundle.js'] },
      scripts: { postinstall: 'node bundle.js' },
    },
  ],
  script: 'npm install @ctrl/tinycolor@4.1.1',
  proof: 'node_modules/@ctrl/tinycolor/package.json',
  control: {
    arrives: [
      `GET ${METADATA}${CREDENTIALS}`,
      'GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token',
      `GET github.com${TRUFFLEHOG}`,
      `POST ${GITHUB_API}/user/repos`,
      `POST webhook.site${HOOK}`,
    ],
    publishes: true,
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'partly',
      why: 'Every place that got secrets is refused. The worm can still publish itself: the npm preset opens the registry, and a policy says where, not what. Keep publish tokens out of install jobs.',
      rows: [...cloud, { to: 'github.com', by: worm, reason: 'default' }, ...exfiltration],
      publishes: true,
    },
    {
      policy: 'github',
      verdict: 'partly',
      why: 'As above; trufflehog is fetched as well.',
      rows: [...cloud, ...exfiltration],
      arrives: [`GET github.com${TRUFFLEHOG}`],
      publishes: true,
    },
  ],
  sources: [],
};
