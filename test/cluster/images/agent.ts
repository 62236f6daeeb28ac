/** What the agent's image holds: what was built, Node.js, and their libraries. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { attempt } from '../../lab/execute.ts';
import { ROOT } from '../names.ts';

const built = (name: string): string => join(ROOT, 'build', name);

/** Where each file is in the image, by where it comes from. */
function files(): ReadonlyMap<string, string> {
  return new Map([
    [process.execPath, '/usr/bin/node'],
    [built('torwacht-agent.mjs'), '/usr/lib/torwacht/torwacht-agent.mjs'],
    [built('torwacht-parent'), '/usr/lib/torwacht/torwacht-parent'],
    [built('torwacht.node'), '/usr/lib/torwacht/torwacht.node'],
    [built('bpf/engine.bpf.o'), '/usr/lib/torwacht/bpf/engine.bpf.o'],
  ]);
}

export function agentFiles(): readonly string[] {
  return [...files().keys()];
}

/** Fills the folder that becomes the image's root. */
export function fillAgent(root: string): void {
  const put = (from: string, to: string): void => {
    const path = join(root, to);
    if (existsSync(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(from, path);
  };
  for (const [from, to] of files()) {
    put(from, to);
    for (const library of libraries(from)) put(library, library);
  }
  // Places that the manifest mounts something at: the image is read-only.
  for (const folder of ['etc/torwacht/bundle', 'run/containerd', 'sys/fs', 'tmp', 'proc']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
}

/** The loader and the shared libraries of a program, as the loader finds them here; none of what is no program. */
function libraries(path: string): readonly string[] {
  const { stdout } = attempt('ldd', [path]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
}
