/** What the agent is told when it starts: flags, or variables of the environment for a manifest. */
import { parseArgs } from 'node:util';
import { failure } from '#api/error.ts';
import { usualSocket } from '../containerd/client.ts';
import { type OutputSpec, readOutputs } from '../outputs/spec.ts';
import { errors } from './errors.ts';

export interface AgentOptions {
  /** File or folder of policy documents. */
  readonly bundle: string;
  /** The node whose NodeAgent says what is to be held; empty: the files of `bundle` say it. */
  readonly node: string;
  /** Folder of the node where bundles from the API server are kept. */
  readonly keep: string;
  readonly containerd: string;
  /** DNS servers for policies that name none: `address` or `address:port`. */
  readonly upstreams: readonly string[];
  /** Where health and metrics are served: `address:port`. */
  readonly listen: { readonly address: string; readonly port: number };
  /** Name of the folder of its maps, below that of all pins: one agent at a time has it. */
  readonly maps: string;
  /** A folder of the node, for what an agent after this one should know; empty: there is none. */
  readonly state: string;
  /** Which of several this one is, for probes; empty: nobody asks. */
  readonly instance: string;
  readonly logLevel: string;
  readonly outputs: readonly OutputSpec[];
  /** A folder of the node's disk for rows that a receiver has not got yet; empty: they wait in memory. */
  readonly spool: string;
  /** Bytes there for each output. */
  readonly spoolBound: number;
  /** A file of authorities for certificates of receivers, beside those that Node knows; empty: none. */
  readonly ca: string;
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug'];

export const usage = `torwacht-agent: holds the pods of this node

  --bundle PATH        file or folder of EgressPolicy and RunnerBinding documents
                       (TORWACHT_BUNDLE; /etc/torwacht/bundle)
  --node NAME          follow the API server instead, as the agent of this node
                       (TORWACHT_NODE)
  --keep DIR           folder of the node where bundles from the API server are kept
                       (TORWACHT_KEEP; /var/lib/torwacht)
  --containerd SOCKET  containerd's socket (TORWACHT_CONTAINERD;
                       ${usualSocket})
  --upstream ADDRESS   DNS server that allowed names are asked of, repeatable
                       (TORWACHT_UPSTREAMS, separated by commas; those of /etc/resolv.conf)
  --listen ADDRESS     where /healthz, /readyz and /metrics are served
                       (TORWACHT_LISTEN; 127.0.0.1:9465)
  --maps NAME          folder of its maps on the BPF file system, one agent's at a time
                       (TORWACHT_MAPS; maps)
  --output OUTPUT      where rows go, repeatable: stdout, operator:FOLDER,
                       webhook:URL[,secret=FILE][,name=NAME], otlp:URL[,headers=FILE][,name=NAME]
                       (TORWACHT_OUTPUTS, separated by blanks; stdout)
  --spool DIR          folder for rows that a receiver has not got yet
                       (TORWACHT_SPOOL; without it they wait in memory)
  --spool-size MIB     what it may hold for each output (TORWACHT_SPOOL_SIZE; 64)
  --ca FILE            authorities of receivers' certificates, in PEM, beside those that
                       Node knows; read again when it changes (TORWACHT_CA)
  --log-level LEVEL    ${LEVELS.join(', ')} (TORWACHT_LOG_LEVEL; info)
  --help

TORWACHT_STATE names a folder of the node: by it the parent of the next agent takes over the
sockets of this one's, and pods keep their policies. TORWACHT_INSTANCE tells the two apart
for probes.

Exit status: 0 after SIGTERM or SIGINT, which leave all that is attached in force; 2 for
bad arguments; 5 when this host lacks something; docs/exit-codes.md has the rest.
`;

/** @throws TW_AGENT_OPTION, TW_OUTPUT_OPTION */
export function readOptions(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): AgentOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  const upstreams = values.upstream ?? split(env.TORWACHT_UPSTREAMS, ',');
  const node = values.node ?? env.TORWACHT_NODE ?? '';
  return {
    bundle: values.bundle ?? env.TORWACHT_BUNDLE ?? '/etc/torwacht/bundle',
    node,
    keep: values.keep ?? env.TORWACHT_KEEP ?? '/var/lib/torwacht',
    containerd: values.containerd ?? env.TORWACHT_CONTAINERD ?? usualSocket,
    upstreams,
    listen: readListen(values.listen ?? env.TORWACHT_LISTEN ?? '127.0.0.1:9465'),
    maps: readMaps(values.maps ?? env.TORWACHT_MAPS ?? 'maps'),
    state: env.TORWACHT_STATE ?? '',
    instance: env.TORWACHT_INSTANCE ?? '',
    logLevel: readLevel(values['log-level'] ?? env.TORWACHT_LOG_LEVEL ?? 'info'),
    outputs: readRowOutputs(values.output ?? split(env.TORWACHT_OUTPUTS, /\s/), node),
    spool: values.spool ?? env.TORWACHT_SPOOL ?? '',
    spoolBound: readSize(values['spool-size'] ?? env.TORWACHT_SPOOL_SIZE ?? '64'),
    ca: values.ca ?? env.TORWACHT_CA ?? '',
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        bundle: { type: 'string' },
        node: { type: 'string' },
        keep: { type: 'string' },
        containerd: { type: 'string' },
        upstream: { type: 'string', multiple: true },
        listen: { type: 'string' },
        maps: { type: 'string' },
        output: { type: 'string', multiple: true },
        spool: { type: 'string' },
        'spool-size': { type: 'string' },
        ca: { type: 'string' },
        'log-level': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw failure(errors.option, { option: 'arguments', reason: (cause as Error).message }, cause);
  }
}

function readRowOutputs(texts: readonly string[], node: string): readonly OutputSpec[] {
  const outputs = readOutputs(texts.length > 0 ? texts : ['stdout']);
  if (node === '' && outputs.some(({ kind }) => kind === 'operator')) {
    throw bad('--output', 'the operator takes rows of a node alone; name it with --node');
  }
  return outputs;
}

function readListen(text: string): AgentOptions['listen'] {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw bad('--listen', `${text} is no address:port`);
  }
  return { address: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port };
}

function readLevel(level: string): string {
  if (LEVELS.includes(level)) return level;
  throw bad('--log-level', `it is one of ${LEVELS.join(', ')}`);
}

/** `pods` is where links are pinned. */
function readMaps(name: string): string {
  if (/^[\w-]{1,64}$/.test(name) && name !== 'pods') return name;
  throw bad('--maps', `${name} is no name of letters, digits, - and _`);
}

/** MiB as bytes. */
function readSize(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw bad('--spool-size', `${text} is no number of MiB`);
  return Number(text) * 1024 * 1024;
}

function split(text: string | undefined, separator: string | RegExp): readonly string[] {
  return (text ?? '')
    .split(separator)
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function bad(option: string, reason: string): Error {
  return failure(errors.option, { option, reason });
}
