import type { Incident } from '../../incident.ts';
import { GITHUB_API } from '../../places.ts';

const TUNNEL = 'plug-tab-protective-relay.trycloudflare.com';
const CANISTER = 'tdtqy-oyaaa-aaaae-af2dq-cai.raw.icp0.io';
const rows = ['scan.aquasecurtiy.org', GITHUB_API, TUNNEL, CANISTER].map((to) => ({
  ...{ to, by: 'sh > bash > curl', reason: 'default' as const },
}));

export const trivy: Incident = {
  id: 'trivy',
  date: '2026-03-19',
  name: 'Trivy: trivy-action, setup-trivy (CVE-2026-33634)',
  what: 'Tampered tags of an action read the runner’s memory and posted an archive to a look-alike domain; a repository named tpcp-docs by api.github.com was the fallback; a tunnel and a canister gave orders.',
  differs:
    'The archive is base64 in place of AES and RSA. What a user unit polled later is asked at once.',
  places: [
    {
      name: 'scan.aquasecurtiy.org',
      address: '45.148.10.212',
      replies: { '*': { status: 503, body: '' } },
    },
    { name: TUNNEL },
    { name: CANISTER },
  ],
  script: `
    curl -fsS "$NPM_REGISTRY-/ping" >pinged
    bash "$INCIDENT/entrypoint.sh"`,
  proof: 'pinged',
  control: {
    arrives: [
      'POST scan.aquasecurtiy.org/',
      `POST ${GITHUB_API}/user/repos`,
      `POST ${TUNNEL}/`,
      `GET ${CANISTER}/`,
    ],
  },
  runs: (['gitlab', 'github'] as const).map((policy) => ({
    ...{ policy, verdict: 'stopped' as const, rows },
    why: 'Four names, and no rule allows any of them; the fallback by api.github.com fails for a project that reads from GitHub too.',
  })),
  sources: ['https://www.cve.org/CVERecord?id=CVE-2026-33634'],
};
