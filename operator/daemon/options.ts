/** What the operator is told when it starts: flags, or variables of the environment for a manifest. */
import { parseArgs } from 'node:util';
import { failure } from '#api/error.ts';
import type { Bounds } from '../history/store.ts';
import { faultOfKey, STARTUP_TAINT } from '../nodes/startup-taint.ts';
import { errors } from './errors.ts';

export interface OperatorOptions {
  /** Undefined: the pod's service account, else as kubectl finds one. */
  readonly kubeconfig: string | undefined;
  /** Where its Lease is. */
  readonly namespace: string;
  readonly lease: string;
  /** Labels of nodes that run an agent. */
  readonly nodeSelector: string;
  /** Key of the taint that comes off a node once its agent is ready; undefined: none. */
  readonly startupTaint: string | undefined;
  readonly listen: { readonly address: string; readonly port: number };
  /** Undefined: no history is kept. */
  readonly history: { readonly place: string; readonly bounds: Bounds } | undefined;
  /** Where agents send rows to; undefined: nowhere. */
  readonly intake: { readonly address: string; readonly port: number } | undefined;
  /** Where people are answered; undefined: nowhere. */
  readonly answers: { readonly address: string; readonly port: number } | undefined;
  /** Service account whose tokens may ask, in the same namespace. */
  readonly reader: string;
  /** By which agents call it. */
  readonly service: string;
  /** Service account of the agents, in the same namespace. */
  readonly agent: string;
  /** A file of authorities for certificates of receivers, beside those that Node knows; empty: none. */
  readonly ca: string;
  readonly violations: { readonly perNamespace: number; readonly keep: number };
  readonly logLevel: string;
}

/** ms. */
const DAY = 24 * 3600_000;

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug'];

export const usage = `torwacht-operator: writes what nodes hold, and says in every status where it is in force

  --kubeconfig PATH      (KUBECONFIG; the service account of its pod)
  --namespace NAME       of its Lease (TORWACHT_NAMESPACE; torwacht)
  --lease NAME           by which one of several replicas leads
                         (TORWACHT_LEASE; torwacht-operator)
  --node-selector TEXT   labels of nodes that run an agent, as its DaemonSet selects them
                         (TORWACHT_NODE_SELECTOR; kubernetes.io/os=linux)
  --startup-taint KEY    taint that is taken off a node once its agent is ready, as
                         ${STARTUP_TAINT}; without it none is touched
                         (TORWACHT_STARTUP_TAINT)
  --listen ADDRESS       where /healthz, /readyz and /metrics are served
                         (TORWACHT_LISTEN; 0.0.0.0:9466)
  --intake ADDRESS       where agents send rows to, over gRPC and TLS; \`off\`: nowhere
                         (TORWACHT_INTAKE; 0.0.0.0:9467)
  --service NAME         the Service by which agents call it (TORWACHT_SERVICE; torwacht-operator)
  --agent NAME           service account of the agents (TORWACHT_AGENT; torwacht-agent)
  --answers ADDRESS      where \`torwacht suggest\` and \`torwacht alerts\` are answered; \`off\`: nowhere.
                         It needs --intake (TORWACHT_ANSWERS; 0.0.0.0:9468)
  --reader NAME          service account whose tokens may ask (TORWACHT_READER; torwacht-reader)
  --violations NUMBER    Violations that one namespace may have; the rest is folded into one
                         (TORWACHT_VIOLATIONS; 500)
  --violation-days DAYS  how long one stays that is not seen again (TORWACHT_VIOLATION_DAYS; 30)
  --history PLACE        where it is kept what jobs reached: the path of a file,
                         postgres://USER@HOST/DATABASE, or none (TORWACHT_HISTORY; none)
  --history-days N       for how long (TORWACHT_HISTORY_DAYS; 30)
  --history-flows N      how much of it (TORWACHT_HISTORY_FLOWS; 500000)
  --ca FILE              authorities of receivers' certificates, and of PostgreSQL's, in PEM,
                         beside those that Node knows; read again when it changes (TORWACHT_CA)
  --log-level LEVEL      ${LEVELS.join(', ')} (TORWACHT_LOG_LEVEL; info)
  --help

torwacht-operator check [--admission] [--node-selector TEXT]
                         once: are agents ready, is admission in force
torwacht-operator uninstall [--wait SECONDS] [--namespace NAME]
                         once, before an uninstall: waits (30) until no pod is held, or
                         deletes those that are where the namespace has the annotation
                         torwacht.io/uninstall=force; then takes away the webhooks, and
                         what operator and webhook wrote

Exit status: 0 after SIGTERM or SIGINT, when what was being written is written; 1
where a check fails or pods are held; 2 for bad arguments; docs/exit-codes.md has the rest.
`;

/** @throws TW_OPERATOR_OPTION */
export function readOptions(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): OperatorOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  const logLevel = values['log-level'] ?? env.TORWACHT_LOG_LEVEL ?? 'info';
  if (!LEVELS.includes(logLevel)) throw bad('--log-level', `it is one of ${LEVELS.join(', ')}`);
  return {
    kubeconfig: values.kubeconfig,
    namespace: values.namespace ?? env.TORWACHT_NAMESPACE ?? 'torwacht',
    lease: values.lease ?? env.TORWACHT_LEASE ?? 'torwacht-operator',
    nodeSelector: values['node-selector'] ?? env.TORWACHT_NODE_SELECTOR ?? 'kubernetes.io/os=linux',
    startupTaint: readTaint(values['startup-taint'] ?? env.TORWACHT_STARTUP_TAINT),
    listen: readListen('--listen', values.listen ?? env.TORWACHT_LISTEN ?? '0.0.0.0:9466'),
    intake: readOrOff('--intake', values.intake ?? env.TORWACHT_INTAKE ?? '0.0.0.0:9467'),
    answers: readOrOff('--answers', values.answers ?? env.TORWACHT_ANSWERS ?? '0.0.0.0:9468'),
    reader: values.reader ?? env.TORWACHT_READER ?? 'torwacht-reader',
    service: values.service ?? env.TORWACHT_SERVICE ?? 'torwacht-operator',
    agent: values.agent ?? env.TORWACHT_AGENT ?? 'torwacht-agent',
    violations: readViolations(values, env),
    history: readHistory(values, env),
    ca: values.ca ?? env.TORWACHT_CA ?? '',
    logLevel,
  };
}

type Values = Readonly<
  Partial<
    Record<
      'history' | 'history-days' | 'history-flows' | 'violations' | 'violation-days',
      string | undefined
    >
  >
>;

function readViolations(values: Values, env: NodeJS.ProcessEnv): OperatorOptions['violations'] {
  const most = values.violations ?? env.TORWACHT_VIOLATIONS ?? '500';
  const days = values['violation-days'] ?? env.TORWACHT_VIOLATION_DAYS ?? '30';
  return {
    perNamespace: readNumber('--violations', most),
    keep: readNumber('--violation-days', days) * DAY,
  };
}

function readHistory(values: Values, env: NodeJS.ProcessEnv): OperatorOptions['history'] {
  const place = values.history ?? env.TORWACHT_HISTORY ?? 'none';
  const days = values['history-days'] ?? env.TORWACHT_HISTORY_DAYS ?? '30';
  const flows = values['history-flows'] ?? env.TORWACHT_HISTORY_FLOWS ?? '500000';
  const age = readNumber('--history-days', days) * DAY;
  const rows = readNumber('--history-flows', flows, 1e9);
  return place === 'none' || place === '' ? undefined : { place, bounds: { age, rows } };
}

/** From 1. */
function readNumber(option: string, text: string, most = 9999): number {
  const number = Number(text);
  if (/^[1-9]\d*$/.test(text) && number <= most) return number;
  throw bad(option, `${text} is no number from 1 to ${most}`);
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        kubeconfig: text,
        namespace: text,
        lease: text,
        'node-selector': text,
        'startup-taint': text,
        listen: text,
        history: text,
        'history-days': text,
        'history-flows': text,
        intake: text,
        answers: text,
        reader: text,
        service: text,
        agent: text,
        violations: text,
        'violation-days': text,
        ca: text,
        'log-level': text,
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw failure(errors.option, { option: 'arguments', reason: (cause as Error).message }, cause);
  }
}

function readListen(option: string, text: string): OperatorOptions['listen'] {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw bad(option, `${text} is no address:port`);
  }
  return { address: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port };
}

function readTaint(key: string | undefined): string | undefined {
  if (key === undefined || key === '') return undefined;
  const fault = faultOfKey(key);
  if (fault !== undefined) throw bad('--startup-taint', fault);
  return key;
}

function readOrOff(option: string, text: string): OperatorOptions['intake'] {
  return text === 'off' ? undefined : readListen(option, text);
}

function bad(option: string, reason: string): Error {
  return failure(errors.option, { option, reason });
}
