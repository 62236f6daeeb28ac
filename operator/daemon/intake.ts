/** The intake as a part of the process: its certificates, its server, and its end before that of the operator. */
import type { Logger } from 'pino';
import { failure } from '#api/error.ts';
import { factsOf, type Issued } from '#kube/certificates/issue.ts';
import { Keeper } from '#kube/certificates/keeper.ts';
import { type Client, type Operator, systemClock } from '#kube/index.ts';
import { defaultIntakeLimits } from '../intake/gate.ts';
import { Intake } from '../intake/intake.ts';
import { type IntakeServer, serveIntake } from '../intake/server.ts';
import type { EventSink } from '../intake/sink.ts';
import { reviewer, Tokens } from '../intake/tokens.ts';
import { intakeNames, intakeTrust } from '../intake/trust.ts';
import { errors } from './errors.ts';
import type { IntakeMetrics } from './intake-metrics.ts';
import { fields } from './log.ts';
import type { OperatorOptions } from './options.ts';
import { seldom } from './seldom.ts';

export interface IntakeDaemonParts {
  readonly options: Pick<OperatorOptions, 'namespace' | 'service' | 'agent'>;
  readonly listen: { readonly address: string; readonly port: number };
  /** Writes on any replica: each has to show a certificate. */
  readonly client: Client;
  readonly operator: Operator;
  readonly sinks: readonly EventSink[];
  readonly metrics: IntakeMetrics;
  readonly log: Logger;
  /** A certificate, the first one or another, for whoever else serves. */
  certified(pair: Issued): void;
}

export interface RunningIntake {
  /** 0 until there is a certificate. */
  readonly port: number;
  problems(): readonly string[];
  /** Takes nothing more, and waits so many ms for what it has taken. */
  close(ms: number): Promise<void>;
}

/** How often one fault of one node is told, ms. */
const TOLD_EVERY = 60_000;

export function startIntake(parts: IntakeDaemonParts): RunningIntake {
  const { options, client, operator, sinks, metrics, log } = parts;
  const isDue = seldom(TOLD_EVERY);
  const intake = new Intake({
    tokens: new Tokens({
      review: reviewer(client),
      clock: systemClock,
      account: `system:serviceaccount:${options.namespace}:${options.agent}`,
      reviewed: metrics.reviewed,
    }),
    sinks,
    limits: defaultIntakeLimits,
    clock: systemClock,
    leads: () => operator.leading,
    counts: metrics,
    fault(node, why) {
      if (isDue(node)) log.warn({ node, ...fields(why) }, 'rows of a node were not taken');
    },
  });
  operator.onLead(() => intake.begin());
  metrics.watch(intake);
  const state: { server: Promise<IntakeServer> | undefined; port: number } = {
    server: undefined,
    port: 0,
  };
  const use = (pair: Issued): void => {
    metrics.shown(factsOf(pair)?.until ?? 0);
    parts.certified(pair);
    if (state.server !== undefined) return void state.server.then((server) => server.use(pair));
    state.server = serveIntake(intake, { ...parts.listen, pair });
    state.server.then(
      ({ port }) => {
        state.port = port;
        log.info({ port }, 'taking rows of agents');
      },
      (cause: Error) => {
        const where = `${parts.listen.address}:${parts.listen.port}`;
        const error = failure(errors.intake, { where, reason: cause.message }, cause);
        log.fatal(fields(error), 'rows of agents cannot be taken');
      },
    );
  };
  const over = new AbortController();
  const keeping = keeperOf(parts, use).run(over.signal);
  return {
    get port() {
      return state.port;
    },
    problems: () => (state.port === 0 ? ['rows of agents cannot be taken yet'] : []),
    async close(ms) {
      over.abort();
      await keeping;
      await (await state.server?.catch(() => undefined))?.close(ms);
    },
  };
}

function keeperOf(
  { options, client, log }: IntakeDaemonParts,
  use: (pair: Issued) => void,
): Keeper {
  const { namespace } = options;
  const server = intakeNames.server(options);
  return new Keeper({
    client,
    trust: intakeTrust(options),
    secret: {
      ...{ namespace, name: intakeNames.secret(options), since: 'torwacht.io/next-since' },
      labels: { 'app.kubernetes.io/part-of': 'torwacht' },
    },
    names: [server, `${server}.cluster.local`],
    use,
    stepped: (step) => log.info({ step }, 'certificates'),
    failed: (error) => log.warn(fields(error), 'certificates could not be looked at'),
  });
}
