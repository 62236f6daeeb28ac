/** What can go wrong between the agent and containerd. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  lost: {
    code: 'TW_CONTAINERD_LOST',
    message: 'containerd does not answer at {socket}: {reason}',
    hint: 'pods that start now wait for their barrier and are refused at its deadline; look whether containerd runs and whether its socket is mounted',
    exit: 'host',
  },
  sandbox: {
    code: 'TW_CONTAINERD_SANDBOX',
    message: 'containerd’s record of sandbox {id} has no readable {what}',
    hint: 'its pod is not held, and its barrier refuses it; report it with the version of containerd',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
