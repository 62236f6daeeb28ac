import type { Incident } from '../../incident.ts';

const addresses = ['23.254.164.92', '23.254.164.123'];
const by = 'sh > npm install > sh > node';

export const easyDayJs: Incident = {
  id: 'easy-day-js',
  date: '2026-06-17',
  name: 'easy-day-js, Mastra',
  what: 'A postinstall script posted to two bare addresses, TLS verification turned off. No name was looked up.',
  differs: '',
  places: addresses.map((address) => ({ address })),
  packages: [
    {
      ...{ registry: 'npm', name: 'easy-day-js', version: '1.11.21', files: ['setup.js'] },
      scripts: { postinstall: 'node setup.js' },
    },
  ],
  script: 'npm install easy-day-js@1.11.21',
  proof: 'node_modules/easy-day-js/package.json',
  control: { arrives: addresses.map((address) => `POST ${address}/`) },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'An address that no allowed name has led to is refused at connect.',
      rows: addresses.map((address) => ({ to: `${address}:443`, by, reason: 'default' as const })),
    },
  ],
  sources: [],
};
