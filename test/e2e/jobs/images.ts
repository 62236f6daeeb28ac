/** A job that builds a container image: buildah, as an ordinary user, from a registry with tokens and redirects. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from '../../lab/execute.ts';
import { writeFiles } from './archives.ts';
import { type JobShape, lacking } from './shape.ts';

const [registry, tokens] = ['registry-1.docker.io', 'auth.docker.io'];
const blobs = 'production.cloudflare.docker.com';
const files = 'files.company.example';
const image = '/v2/library/base';
const media = 'application/vnd.oci.image';

export const imageJob: JobShape = {
  name: 'container-build',
  lacks: lacking('buildah', 'busybox'),
  places: [
    { name: registry, address: '192.0.2.90', port: 443, kind: 'https' },
    {
      ...{ name: tokens, address: '192.0.2.91', port: 443, kind: 'https' },
      replies: { '*': { body: '{"token": "demo-not-a-real-token", "expires_in": 300}' } },
    },
    { name: blobs, address: '192.0.2.92', port: 443, kind: 'https' },
    { name: files, address: '192.0.2.93', port: 80, kind: 'http' },
  ],
  furnish: ({ lab, www }) => {
    writeFiles(www(files), { 'of-the-build': 'works\n' });
    /** Here by its digest, and where the registry sends whoever asks for it. */
    const keep = (bytes: Buffer) => {
      const hex = createHash('sha256').update(bytes).digest('hex');
      writeFiles(www(blobs), { [hex]: bytes });
      return { digest: `sha256:${hex}`, size: bytes.length };
    };
    const layer = keep(readFileSync(layerOf(lab.folder)));
    const about = {
      ...{ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' },
      ...{ config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } },
    };
    const config = keep(Buffer.from(JSON.stringify(about)));
    const type = { 'content-type': `${media}.manifest.v1+json` };
    const manifest = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: type['content-type'] },
      config: { mediaType: `${media}.config.v1+json`, ...config },
      layers: [{ mediaType: `${media}.layer.v1.tar`, ...layer }],
    });
    const challenge = `Bearer realm="https://${tokens}/token",service="registry.docker.io"`;
    const moved = [layer, config].map(({ digest }) => [
      `GET ${image}/blobs/${digest}`,
      { status: 307, headers: { location: `https://${blobs}/${digest.slice('sha256:'.length)}` } },
    ]);
    return {
      [registry]: {
        'GET /v2/': { status: 401, headers: { 'www-authenticate': challenge } },
        [`GET ${image}/manifests/1`]: { headers: type, body: manifest },
        ...Object.fromEntries(moved),
      },
    };
  },
  files: {
    Containerfile: `FROM docker.io/library/base:1\nADD http://${files}/of-the-build /got\n`,
    'policy.json': '{"default": [{"type": "insecureAcceptAnything"}]}',
    'registries.conf': '',
  },
  // The image's name is in `proof` once all steps have passed.
  script: `
    mkdir -m 700 run && export HOME="$PWD" XDG_RUNTIME_DIR="$PWD/run"
    buildah --storage-driver vfs --root "$PWD/storage" --runroot "$PWD/run" build \\
      --isolation chroot --signature-policy policy.json --iidfile proof .`,
  env: ({ authority }) => ({
    ...{ SSL_CERT_FILE: authority, CONTAINERS_REGISTRIES_CONF: './registries.conf' },
  }),
  // What builds in containers need as well.
  flags: ['--allow-user-namespaces'],
  uid: 65534,
  proof: 'proof',
  uses: [`${registry}:443`, `${tokens}:443`, `${blobs}:443`, `${files}:80`],
};

/** A tar of an image with a shell. */
function layerOf(folder: string): string {
  const root = join(folder, 'base');
  const program = execute('sh', ['-c', 'command -v busybox']).trim();
  mkdirSync(join(root, 'bin'), { recursive: true });
  execute('cp', [program, join(root, 'bin/sh')]);
  const layer = join(folder, 'layer.tar');
  execute('tar', ['-C', root, '--owner=0', '--group=0', '-cf', layer, '.']);
  return layer;
}
