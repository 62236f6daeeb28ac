/** The operator's process: options, logs, health and metrics, and the operator in between. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Logger, pino } from 'pino';
import { type ExitReason, exitCodes, failure, TorwachtError } from '#api/error.ts';
import { escapeText } from '#api/escape.ts';
import { Authorities } from '#delivery/authorities.ts';
import { serveHealth } from '#kube/health.ts';
import {
  createClient,
  findConnection,
  isKubeError,
  type Observation,
  systemClock,
} from '#kube/index.ts';
import manifest from '../package.json' with { type: 'json' };
import { startAnswers } from './daemon/answers.ts';
import { errors } from './daemon/errors.ts';
import { startIntake } from './daemon/intake.ts';
import { IntakeMetrics } from './daemon/intake-metrics.ts';
import { fields, logging } from './daemon/log.ts';
import { createMetrics } from './daemon/metrics.ts';
import { type OperatorOptions, readOptions, usage } from './daemon/options.ts';
import { seldom } from './daemon/seldom.ts';
import { Evidence } from './evidence.ts';
import { openHistory } from './history/open.ts';
import { isWord, runOnce } from './once/run.ts';
import { assemble } from './operator.ts';

/** Fields of what we write belong to it; it never changes. */
const FIELD_MANAGER = 'torwacht-operator';

/** How long rows that were taken are waited for at the end, ms. */
const FAREWELL = 5000;

async function run(options: OperatorOptions): Promise<void> {
  const { kubeconfig, namespace, lease, nodeSelector, startupTaint, listen, history } = options;
  const log = pino({ level: options.logLevel, base: { version: manifest.version } });
  trustAlso(options.ca, log);
  const metrics = createMetrics();
  const tell = logging(log);
  const observe = (observation: Observation): void => {
    metrics.observe(observation);
    tell(observation);
  };
  const connection = findConnection(kubeconfig === undefined ? {} : { path: kubeconfig });
  const client = createClient(connection, { fieldManager: FIELD_MANAGER, observe });
  const identity = `${hostname()}-${randomUUID()}`;
  const isDue = seldom(60_000);
  const ofRows = new IntakeMetrics(metrics.registry);
  const { operator, parts, violations } = assemble({
    client,
    nodeSelector,
    startupTaint,
    untainted: (node) => log.info({ node, taint: startupTaint }, 'startup taint taken off'),
    observe,
    lease: { namespace, name: lease, identity },
    violations: {
      ...options.violations,
      counted: ofRows.counted,
      fault: (error) => isDue('') && log.warn(fields(error), 'rows are in no Violation'),
    },
  });
  metrics.watch(parts);
  const evidence = new Evidence({
    ...{ client, clock: systemClock, parts, registry: metrics.registry, namespace },
    leads: () => operator.leading,
    history: history && { store: await openHistory(history.place), bounds: history.bounds },
    trouble: (of, why) => {
      if (why === undefined) log.info({ of }, 'it takes what it is sent again');
      else log.warn({ of, reason: escapeText(why) }, 'it does not take what it is sent');
    },
  });
  ofRows.watchViolations(violations);
  const answers =
    options.answers &&
    startAnswers({
      ...{ options, client, log, listen: options.answers, alerts: evidence.alerts },
      ...{ history: evidence.history?.store, leads: () => operator.leading },
    });
  const intake =
    options.intake &&
    startIntake({
      ...{ options, client, operator, log, listen: options.intake },
      ...{ metrics: ofRows, sinks: [violations, ...evidence.sinks] },
      certified: (pair) => answers?.use(pair),
    });
  const health = await serveHealth({
    ...listen,
    metrics: metrics.registry,
    problems: () => [
      ...(operator.hasSynced ? [] : ['The API server has not told all of it yet.']),
      ...(intake?.problems() ?? []),
    ],
  }).catch((cause: Error) => {
    const where = `${listen.address}:${listen.port}`;
    throw failure(errors.listen, { where, reason: cause.message }, cause);
  });
  const over = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      // What was taken is written first: only then agents forget it.
      void Promise.resolve(intake?.close(FAREWELL)).then(() => over.abort(new Error(signal)));
    });
  }
  log.info({ identity, server: connection.server, listen: health.port }, 'ready');
  await operator.run(over.signal);
  log.info('leaving');
  await answers?.close();
  await evidence.end();
  await health.close();
  client.close();
}

/** Where it cannot be used, messages wait for their receivers; policies are written all the same. */
function trustAlso(file: string, log: Logger): void {
  if (file === '') return;
  const authorities = new Authorities(file, {
    taken: (certificates) => log.info({ file, certificates }, 'authorities taken'),
    failed: (error) => log.error({ file, ...fields(error) }, 'authorities not taken'),
  });
  authorities.follow();
}

try {
  const args = process.argv.slice(2);
  const [word] = args;
  if (isWord(word)) process.exitCode = await runOnce(word, args.slice(1));
  else {
    const options = readOptions(args, process.env);
    if (options === 'help') process.stdout.write(usage);
    else await run(options);
  }
} catch (error) {
  const { reason, code, hint } = fields(error);
  process.stderr.write(`torwacht-operator: ${reason}${code ? ` [${code}]` : ''}\n`);
  if (hint !== undefined) process.stderr.write(`  ${hint}\n`);
  process.exit(exitCodes[reasonToExit(error)]);
}

function reasonToExit(error: unknown): ExitReason {
  if (error instanceof TorwachtError) return error.exit;
  return isKubeError(error, 'KUBE_CONFIG', 'KUBE_CREDENTIALS') ? 'usage' : 'internal';
}
