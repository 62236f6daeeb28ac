/** The webhook as a whole: what it knows of the cluster, its certificates, its server. */
import type { Logger } from 'pino';
import { factsOf } from '#kube/certificates/issue.ts';
import { Keeper } from '#kube/certificates/keeper.ts';
import type { Lifetimes, Step } from '#kube/certificates/plan.ts';
import { type Client, systemClock } from '#kube/index.ts';
import { configurationTrust } from './certificates/configurations.ts';
import { FolderCertificates } from './certificates/folder.ts';
import { cachedWorld } from './objects/cached.ts';
import type { Options } from './options.ts';
import { serveHealth } from './server/health.ts';
import { Metrics } from './server/metrics.ts';
import { type Pair, type ReviewServer, serveReviews } from './server/server.ts';

export interface Parts {
  readonly options: Options;
  readonly client: Client;
  readonly log: Logger;
  /** Shorter in tests. */
  readonly lifetimes?: Lifetimes;
  /** What API servers call it beside its Service's name: an address, where they are told one. */
  readonly names?: readonly string[];
}

export interface Running {
  /** Of the reviews; 0 until there is a certificate. */
  readonly port: number;
  readonly healthPort: number;
  /** What keeps it from being ready. */
  problems(): readonly string[];
  /** Ends when the signal was aborted and what was asked is answered. */
  readonly ended: Promise<void>;
}

/** Serves health at once, reviews as soon as there is a certificate. @throws TW_WEBHOOK_LISTEN (rejects) */
export async function startWebhook(parts: Parts, signal: AbortSignal): Promise<Running> {
  const { options, client, log } = parts;
  const metrics = new Metrics();
  const world = cachedWorld(client);
  const state: { server: Promise<ReviewServer> | null; port: number } = { server: null, port: 0 };

  const problems = () => [
    ...(world.cache.hasSynced ? [] : ['the RunnerBindings are not read yet']),
    ...(state.port === 0 ? ['there is no certificate yet'] : []),
  ];
  const use = (pair: Pair): void => {
    metrics.shown(factsOf(pair)?.until ?? 0);
    if (state.server !== null) return void state.server.then((server) => server.use(pair));
    state.server = serveReviews({
      ...options.listen,
      pair,
      world,
      outside: options.outside,
      observe: (observed) => metrics.observe(observed),
      fault: (error) => log.error({ err: error }, 'a review could not be answered'),
    });
    state.server.then(
      ({ port }) => {
        state.port = port;
        log.info({ port }, 'answering reviews');
      },
      (error) => log.fatal({ err: error }, 'reviews cannot be answered'),
    );
  };

  const health = await serveHealth({ ...options.health, metrics: metrics.registry, problems });
  const certificates = keeping(parts, { use, stepped: (step) => metrics.stepped(step) });
  const work = Promise.all([world.cache.run(signal), certificates.run(signal)]);
  return {
    get port() {
      return state.port;
    },
    healthPort: health.port,
    problems,
    ended: work.then(async () => {
      await (await state.server)?.close();
      await health.close();
    }),
  };
}

interface Told {
  use(pair: Pair): void;
  stepped(step: Step): void;
}

function keeping({ options, client, log, lifetimes, names = [] }: Parts, told: Told) {
  const { namespace, service, certificates } = options;
  const failed = (error: unknown): void =>
    log.warn({ err: error }, 'the certificates could not be looked at; what is shown stays');
  if (certificates !== undefined) {
    return new FolderCertificates({
      folder: certificates,
      clock: systemClock,
      use: told.use,
      failed,
    });
  }
  return new Keeper({
    client,
    trust: configurationTrust,
    secret: {
      ...{ namespace, name: `${service}-certificates`, since: 'torwacht.io/next-since' },
      labels: { 'app.kubernetes.io/part-of': 'torwacht' },
    },
    names: [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, ...names],
    use: told.use,
    stepped: (step) => {
      told.stepped(step);
      log.info({ step }, 'certificates');
    },
    failed,
    ...(lifetimes === undefined ? {} : { lifetimes }),
  });
}
