import type { Incident } from '../../incident.ts';

export const kics: Incident = {
  id: 'kics',
  date: '2026-03-23',
  name: 'Checkmarx KICS, ast-github-action',
  what: 'The same group, with tokens stolen from the Trivy victims: CI secrets to a look-alike domain.',
  differs: '',
  places: [{ name: 'checkmarx.zone', address: '83.142.209.11' }],
  script: `
    curl -fsS "$NPM_REGISTRY-/ping" >pinged
    bash "$INCIDENT/setup.sh"`,
  proof: 'pinged',
  control: { arrives: ['POST checkmarx.zone/'] },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'No rule allows the name.',
      rows: [{ to: 'checkmarx.zone', by: 'sh > bash > curl', reason: 'default' }],
    },
  ],
  sources: ['https://www.ic3.gov/CSA/2026/260702.pdf'],
};
