import type { Incident } from '../../incident.ts';
import { KUBERNETES, METADATA } from '../../places.ts';

const by = 'sh > python3';

export const litellm: Incident = {
  id: 'litellm',
  date: '2026-03-24',
  name: 'LiteLLM 1.82.7, 1.82.8',
  what: 'A .pth file ran at every start of Python, without an install hook: cloud metadata, all secrets of the Kubernetes API, an archive to models.litellm.cloud, orders from checkmarx.zone.',
  differs:
    'A source archive in place of a wheel, curl and tar in place of pip. The Kubernetes API is only asked. Orders are polled once.',
  places: [{ name: 'models.litellm.cloud' }, { name: 'checkmarx.zone', address: '83.142.209.11' }],
  packages: [
    {
      ...{ registry: 'pypi', name: 'litellm', version: '1.82.8' },
      files: ['litellm_init.pth', 'litellm_init.py'],
    },
  ],
  script: `
    install_python litellm
    python3 -c 'print("an innocent build step")' >built`,
  proof: 'built',
  control: {
    arrives: [
      `GET ${METADATA}/latest/meta-data/iam/security-credentials/`,
      `GET ${KUBERNETES}/api/v1/secrets`,
      'POST models.litellm.cloud/',
      'GET checkmarx.zone/raw',
    ],
  },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'Names and addresses are refused, metadata whatever a policy says. The secrets of a cluster stay where they are unless a policy opens its API.',
      rows: [
        { to: `${METADATA}:80`, by, reason: 'metadata' },
        { to: `${KUBERNETES}:443`, by, reason: 'default' },
        { to: 'models.litellm.cloud', by, reason: 'default' },
        { to: 'checkmarx.zone', by, reason: 'default' },
      ],
    },
  ],
  sources: ['https://www.ic3.gov/CSA/2026/260702.pdf'],
};
