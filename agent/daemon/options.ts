/** What the agent is told when it starts: flags, or variables of the environment for a manifest. */
import { parseArgs } from 'node:util';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

export interface AgentOptions {
  /** File or folder of policy documents. */
  readonly bundle: string;
  readonly containerd: string;
  /** DNS servers for policies that name none: `address` or `address:port`. */
  readonly upstreams: readonly string[];
  /** Where health and metrics are served: `address:port`. */
  readonly listen: { readonly address: string; readonly port: number };
  /** Name of the folder of its maps, below that of all pins: one agent at a time has it. */
  readonly maps: string;
  readonly logLevel: string;
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug'];

export const usage = `torwacht-agent: holds the pods of this node

  --bundle PATH        file or folder of EgressPolicy and RunnerBinding documents
                       (TORWACHT_BUNDLE; /etc/torwacht/bundle)
  --containerd SOCKET  containerd's socket (TORWACHT_CONTAINERD;
                       /run/containerd/containerd.sock)
  --upstream ADDRESS   DNS server that allowed names are asked of, repeatable
                       (TORWACHT_UPSTREAMS, separated by commas; those of /etc/resolv.conf)
  --listen ADDRESS     where /healthz, /readyz and /metrics are served
                       (TORWACHT_LISTEN; 127.0.0.1:9465)
  --maps NAME          folder of its maps on the BPF file system, one agent's at a time
                       (TORWACHT_MAPS; maps)
  --log-level LEVEL    ${LEVELS.join(', ')} (TORWACHT_LOG_LEVEL; info)
  --help

Exit status: 0 after SIGTERM or SIGINT, which leave all that is attached in force; 2 for
bad arguments; 5 when this host lacks something; docs/exit-codes.md has the rest.
`;

/** @throws TW_AGENT_OPTION */
export function readOptions(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): AgentOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  const upstreams = values.upstream ?? split(env.TORWACHT_UPSTREAMS);
  const logLevel = values['log-level'] ?? env.TORWACHT_LOG_LEVEL ?? 'info';
  if (!LEVELS.includes(logLevel)) throw bad('--log-level', `it is one of ${LEVELS.join(', ')}`);
  return {
    bundle: values.bundle ?? env.TORWACHT_BUNDLE ?? '/etc/torwacht/bundle',
    containerd: values.containerd ?? env.TORWACHT_CONTAINERD ?? '/run/containerd/containerd.sock',
    upstreams,
    listen: readListen(values.listen ?? env.TORWACHT_LISTEN ?? '127.0.0.1:9465'),
    maps: readMaps(values.maps ?? env.TORWACHT_MAPS ?? 'maps'),
    logLevel,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        bundle: { type: 'string' },
        containerd: { type: 'string' },
        upstream: { type: 'string', multiple: true },
        listen: { type: 'string' },
        maps: { type: 'string' },
        'log-level': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw failure(errors.option, { option: 'arguments', reason: (cause as Error).message }, cause);
  }
}

function readListen(text: string): AgentOptions['listen'] {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw bad('--listen', `${text} is no address:port`);
  }
  return { address: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port };
}

/** `pods` is where links are pinned. */
function readMaps(name: string): string {
  if (/^[\w-]{1,64}$/.test(name) && name !== 'pods') return name;
  throw bad('--maps', `${name} is no name of letters, digits, - and _`);
}

function split(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function bad(option: string, reason: string): Error {
  return failure(errors.option, { option, reason });
}
