import type { Incident } from '../../incident.ts';
import { KUBERNETES } from '../../places.ts';

const TRACES = '/api/public/otel/v1/traces';
const SSM = 'ssm.us-east-1.amazonaws.com';
const by = 'sh > python3';

export const durabletask: Incident = {
  id: 'durabletask',
  date: '2026-05-19',
  name: 'AntV wave, durabletask',
  what: 'npm and PyPI packages sent secrets as if they were telemetry (OTLP) to t.m-kosche.com, took a second stage from check.git-service.com, and spread by AWS SSM and kubectl exec.',
  differs:
    'Only the Python package. Spreading is one request each; kubectl exec is an HTTPS request.',
  places: [{ name: 't.m-kosche.com' }, { name: 'check.git-service.com' }, { name: SSM }],
  packages: [
    { registry: 'pypi', name: 'durabletask', version: '1.4.1', files: ['durabletask.py'] },
  ],
  script: `
    install_python durabletask
    python3 -c 'import durabletask; print("imported")' >built`,
  proof: 'built',
  control: {
    arrives: [
      `POST t.m-kosche.com${TRACES}`,
      'GET check.git-service.com/v1/models',
      'GET check.git-service.com/audio.mp3',
      `POST ${SSM}/`,
      `POST ${KUBERNETES}/api/v1/namespaces/default/pods/next/exec`,
    ],
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'That it looks like telemetry does not matter: no rule allows the names. Spreading fails for the same reason.',
      rows: [
        { to: 't.m-kosche.com', by, reason: 'default' },
        { to: 'check.git-service.com', by, reason: 'default', count: 2 },
        { to: SSM, by, reason: 'default' },
        { to: `${KUBERNETES}:443`, by, reason: 'default' },
      ],
    },
  ],
  sources: [],
};
