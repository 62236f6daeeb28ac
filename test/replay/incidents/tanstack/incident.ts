import type { Incident } from '../../incident.ts';
import { METADATA } from '../../places.ts';

const names = [
  'filev2.getsession.org',
  'seed1.getsession.org',
  'seed2.getsession.org',
  'seed3.getsession.org',
  'api.masscan.cloud',
  'git-tanstack.com',
  'litter.catbox.moe',
];
const addresses = [METADATA, '169.254.170.2'];
const by = 'sh > node';

export const tanstack: Incident = {
  id: 'tanstack',
  date: '2026-05-11',
  name: 'Mini Shai-Hulud: TanStack (CVE-2026-45321)',
  what: 'No install hook: importing the package asked three metadata services and sent secrets to the Session network, to three more domains and to a bare address.',
  differs:
    'Session is spoken to by HTTPS requests without its onion layers. The dead-man switch is left out.',
  places: [...names.map((name) => ({ name })), { address: '83.142.209.194' }],
  packages: [
    {
      ...{ registry: 'npm', name: '@tanstack/router-core', version: '1.169.5' },
      files: ['router_init.js'],
    },
  ],
  script: `
    npm install @tanstack/router-core@1.169.5
    node -e "require('@tanstack/router-core/router_init.js')"`,
  proof: 'node_modules/@tanstack/router-core/package.json',
  control: {
    arrives: [
      `GET ${METADATA}/latest/meta-data/iam/security-credentials/`,
      'GET 169.254.170.2/v2/credentials',
      'GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token',
      ...names.map((name) => `POST ${name}/`),
      'POST 83.142.209.194/',
    ],
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'Metadata is refused whatever a policy says; no rule allows the names or the address. That no install hook ran makes no difference: the whole job is held.',
      rows: [
        ...addresses.map((to) => ({ to: `${to}:80`, by, reason: 'metadata' as const })),
        { to: 'metadata.google.internal', by, reason: 'metadata' },
        ...names.map((to) => ({ to, by, reason: 'default' as const })),
        { to: '83.142.209.194:443', by, reason: 'default' },
      ],
    },
  ],
  sources: ['https://www.cve.org/CVERecord?id=CVE-2026-45321', 'tech86.com.br'],
};
