/** What `torwacht-operator check` and `uninstall` are told. */
import { parseArgs } from 'node:util';
import { failure } from '#api/error.ts';
import { errors } from '../daemon/errors.ts';

export const words = ['check', 'uninstall'] as const;
export type Word = (typeof words)[number];

export interface OnceOptions {
  readonly kubeconfig: string | undefined;
  /** Where the release is. */
  readonly namespace: string;
  /** Labels of nodes that run an agent. */
  readonly nodeSelector: string;
  /** Does something judge pods that come into the cluster? */
  readonly admission: boolean;
  /** ms */
  readonly wait: number;
}

/** @throws TW_OPERATOR_OPTION */
export function readOnceOptions(args: readonly string[]): OnceOptions {
  const values = parse(args);
  const seconds = Number(values.wait);
  if (!/^\d{1,5}$/.test(values.wait)) {
    throw failure(errors.option, {
      option: '--wait',
      reason: `${values.wait} is no number of seconds`,
    });
  }
  return {
    kubeconfig: values.kubeconfig,
    namespace: values.namespace,
    nodeSelector: values['node-selector'],
    admission: values.admission,
    wait: seconds * 1000,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        kubeconfig: { type: 'string' },
        namespace: { type: 'string', default: 'torwacht' },
        'node-selector': { type: 'string', default: 'kubernetes.io/os=linux' },
        admission: { type: 'boolean', default: false },
        wait: { type: 'string', default: '30' },
      },
    }).values;
  } catch (cause) {
    throw failure(errors.option, { option: 'arguments', reason: (cause as Error).message }, cause);
  }
}
