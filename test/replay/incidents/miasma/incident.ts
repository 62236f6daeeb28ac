import type { Incident } from '../../incident.ts';
import { GITHUB_API, METADATA } from '../../places.ts';

const CAMOUFLAGE = 'api.anthropic.com';
const by = 'sh > npm install > sh > node-gyp > python3 > sh > node';
const clouds = [
  { to: 'metadata.google.internal', by, reason: 'metadata' as const },
  { to: `${METADATA}:80`, by, reason: 'metadata' as const },
];
const api = { to: GITHUB_API, by, reason: 'default' as const };

export const miasma: Incident = {
  id: 'miasma',
  date: '2026-06-01',
  name: 'Miasma, Hades',
  what: 'Packages without an install script in package.json: binding.gyp ran the payload while node-gyp configured the build. It collected cloud identities and posted them to a made-up path of api.anthropic.com and to api.github.com.',
  differs:
    'Only the npm package. Its headers of Node.js are on the machine already, as in an image for builds.',
  places: [],
  packages: [
    {
      ...{ registry: 'npm', name: '@redhat-cloud-services/types', version: '3.6.1' },
      files: ['binding.gyp', 'index.js'],
    },
  ],
  script: 'npm install @redhat-cloud-services/types@3.6.1',
  proof: 'node_modules/@redhat-cloud-services/types/package.json',
  control: {
    arrives: [
      'GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity',
      `GET ${METADATA}/metadata/identity/oauth2/token`,
      `POST ${CAMOUFLAGE}/v1/api`,
      `POST ${GITHUB_API}/user/repos`,
    ],
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'A name with a good reputation is still a name that no rule allows.',
      rows: [...clouds, { to: CAMOUFLAGE, by, reason: 'default' }, api],
    },
    {
      policy: 'ai',
      verdict: 'limit',
      why: 'A project that allows api.anthropic.com lets through what is sent there. The provider gets it, not the thief, unless the thief has an account there.',
      rows: [...clouds, api],
      arrives: [`POST ${CAMOUFLAGE}/v1/api`],
      carriesSecrets: true,
    },
  ],
  sources: ['Microsoft, 2026-06-02'],
};
