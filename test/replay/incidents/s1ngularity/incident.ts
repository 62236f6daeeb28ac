import type { Incident } from '../../incident.ts';
import { GITHUB_API } from '../../places.ts';

const dropped = [
  `POST ${GITHUB_API}/user/repos`,
  `PUT ${GITHUB_API}/repos/victim/s1ngularity-repository-0/contents/results.b64`,
];

export const s1ngularity: Incident = {
  id: 's1ngularity',
  date: '2025-08-26',
  name: 's1ngularity: nx 20.9 to 20.12, 21.5 to 21.8',
  what: 'A postinstall script collected secrets and put them into a new public repository of the victim, by api.github.com alone.',
  differs: 'No AI tools are asked for files, and shell start-up files are left alone.',
  places: [],
  packages: [
    {
      ...{ registry: 'npm', name: 'nx', version: '21.5.0', files: ['telemetry.js'] },
      scripts: { postinstall: 'node telemetry.js' },
    },
  ],
  script: 'npm install nx@21.5.0',
  proof: 'node_modules/nx/package.json',
  control: { arrives: dropped },
  runs: [
    ...(['gitlab', 'github'] as const).map((policy) => ({
      ...{ policy, verdict: 'stopped' as const },
      why: 'api.github.com is in no preset, not even in github-read.',
      rows: [{ to: GITHUB_API, by: 'sh > npm install > sh > node', reason: 'default' as const }],
    })),
    {
      policy: 'githubApi',
      verdict: 'limit',
      why: 'With the API allowed, the dead drop works as it did.',
      rows: [],
      arrives: dropped,
      carriesSecrets: true,
    },
  ],
  sources: ['thestack.technology'],
};
