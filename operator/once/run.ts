/** What the program does once and ends: for `helm test` and `helm uninstall`, whose Jobs have no other program. */
import { createClient, findConnection, systemClock } from '#kube/index.ts';
import { check } from './check.ts';
import { readOnceOptions, type Word, words } from './options.ts';
import { uninstall } from './uninstall.ts';

export function isWord(text: string | undefined): text is Word {
  return words.some((word) => word === text);
}

/** 0, or 1 where something does not work, or pods are held. @throws TW_OPERATOR_OPTION, KubeError */
export async function runOnce(word: Word, args: readonly string[]): Promise<number> {
  const options = readOnceOptions(args);
  const { kubeconfig } = options;
  const connection = findConnection(kubeconfig === undefined ? {} : { path: kubeconfig });
  const client = createClient(connection, { fieldManager: `torwacht-${word}` });
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    if (word === 'uninstall') {
      return (await uninstall({ ...options, client, clock: systemClock, tell })) ? 0 : 1;
    }
    const findings = await check(client, options);
    for (const { good, said } of findings) tell(`${good ? 'ok    ' : 'FAILED'}  ${said}`);
    return findings.every(({ good }) => good) ? 0 : 1;
  } finally {
    client.close();
  }
}
