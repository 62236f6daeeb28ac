/** A cloud's metadata service, as credentials thieves expect it (EC2, IMDSv1 and v2). */
import type { Lab } from '../lab.ts';
import { type Sink, startSink } from './sink.ts';

export const METADATA_ADDRESS = '169.254.169.254';

const ROLES = '/latest/meta-data/iam/security-credentials/';
const CREDENTIALS = JSON.stringify({
  Code: 'Success',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIADEMODEMODEMODEMO',
  SecretAccessKey: 'demo-secret-of-nobody',
  Token: 'demo-session-token',
});

export function startMetadata(lab: Lab): Promise<Sink> {
  return startSink(lab, [
    {
      kind: 'http',
      address: METADATA_ADDRESS,
      port: 80,
      replies: {
        'PUT /latest/api/token': { body: 'demo-metadata-token' },
        [`GET ${ROLES}`]: { body: 'demo-role' },
        [`GET ${ROLES}demo-role`]: { body: CREDENTIALS },
        '*': { status: 404, body: 'not found\n' },
      },
    },
  ]);
}
