/** A real SSH server (dropbear) of a lab's internet, with one user, `git`, who may run what git needs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from '../execute.ts';
import type { Lab } from '../lab.ts';
import { type Server, startServer } from './start.ts';

export interface Ssh extends Server {
  /** The private key of whoever may log in: a path. */
  readonly key: string;
}

/** Its own users, which nobody else sees: the process has a mount namespace of its own. */
const START = `
mount --bind "$1/passwd" /etc/passwd
exec dropbear -F -E -s -r "$1/host" -P "$1/pid" -p "$2:22"
`;

export async function startSsh(lab: Lab, address: string): Promise<Ssh> {
  const listen = lab.addAddress(address);
  const folder = join(lab.folder, 'ssh');
  const home = join(folder, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'passwd'), `git:x:0:0::${home}:/bin/sh\n`);
  execute('dropbearkey', ['-t', 'ed25519', '-f', join(folder, 'host')]);
  const key = join(folder, 'key');
  execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
  writeFileSync(join(home, '.ssh/authorized_keys'), readFileSync(`${key}.pub`), { mode: 0o600 });
  const server = await startServer(lab, {
    ...{ name: 'dropbear', command: 'sh', args: ['-ec', START, 'sh', folder, listen] },
    ready: (output) => output.includes('Not backgrounding'),
  });
  return { ...server, key };
}
