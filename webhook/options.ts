/** What the webhook's command line says. */
import { parseArgs } from 'node:util';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

export interface Address {
  readonly address: string;
  readonly port: number;
}

export interface Options {
  readonly listen: Address;
  readonly health: Address;
  readonly namespace: string;
  readonly service: string;
  readonly outside: 'refuse' | 'report';
  /** Folder with tls.crt and tls.key that somebody else keeps, like cert-manager. */
  readonly certificates: string | undefined;
  readonly kubeconfig: string | undefined;
}

export const usage = `Usage: torwacht-webhook [options]

  --listen ADDRESS:PORT    where reviews are answered, over HTTPS (0.0.0.0:9443)
  --health ADDRESS:PORT    /healthz, /readyz and /metrics (0.0.0.0:9466)
  --namespace NAME         where it runs: of its Secret and its Service (torwacht)
  --service NAME           the Service that API servers call (torwacht-webhook)
  --outside refuse|report  what becomes of runners' pods in namespaces that nobody labelled (refuse)
  --certificates FOLDER    use tls.crt and tls.key there, which somebody else keeps
  --kubeconfig FILE        outside of a cluster
`;

/** @throws TW_WEBHOOK_OPTION */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args);
  const { outside, namespace, service, certificates, kubeconfig } = values;
  if (outside !== 'refuse' && outside !== 'report') {
    throw failure(errors.option, { option: '--outside', reason: 'it is refuse or report' });
  }
  return {
    listen: addressOf('--listen', values.listen),
    health: addressOf('--health', values.health),
    namespace,
    service,
    outside,
    certificates,
    kubeconfig,
  };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    return parseArgs({
      args: [...args],
      options: {
        listen: { ...text, default: '0.0.0.0:9443' },
        health: { ...text, default: '0.0.0.0:9466' },
        namespace: { ...text, default: 'torwacht' },
        service: { ...text, default: 'torwacht-webhook' },
        outside: { ...text, default: 'refuse' },
        certificates: text,
        kubeconfig: text,
      },
    }).values;
  } catch (cause) {
    const [reason = ''] = (cause as Error).message.split('. ');
    throw failure(errors.option, { option: 'command line', reason }, cause);
  }
}

function addressOf(option: string, text: string): Address {
  const [, address = '', port = ''] = /^([0-9.]+):([0-9]{1,5})$/.exec(text) ?? [];
  if (address === '' || Number(port) > 65535) {
    throw failure(errors.option, { option, reason: `${text} is no IPv4 address with a port` });
  }
  return { address, port: Number(port) };
}
