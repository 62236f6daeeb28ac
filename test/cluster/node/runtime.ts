/** Which containerd the node has: the host's, or one that is built from its modules (`make containerd`). */
import { BUILD_INSIDE } from './mounts.ts';

export interface Runtime {
  readonly command: string;
  /** Of the shim, where it is not the one that a PATH finds. */
  readonly shim: string | undefined;
}

const built = `${BUILD_INSIDE}/containerd`;

/** TORWACHT_CONTAINERD=built asks for the other; whoever attaches to a cluster must say the same. */
export const runtime: Runtime =
  process.env.TORWACHT_CONTAINERD === 'built'
    ? { command: `${built}/containerd`, shim: `${built}/containerd-shim-runc-v2` }
    : { command: 'containerd', shim: undefined };
