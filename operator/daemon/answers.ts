/** Answers to people as a part of the process: a server that begins with the first certificate. */
import type { Logger } from 'pino';
import { failure } from '#api/error.ts';
import type { Issued } from '#kube/certificates/issue.ts';
import { type Client, systemClock } from '#kube/index.ts';
import type { AnswersParts } from '../answers/answers.ts';
import { type AnswersServer, serveAnswers } from '../answers/server.ts';
import { reviewer } from '../intake/tokens.ts';
import { errors } from './errors.ts';
import { fields } from './log.ts';
import type { OperatorOptions } from './options.ts';

export interface AnswersDaemonParts extends AnswersParts {
  readonly options: Pick<OperatorOptions, 'namespace' | 'reader'>;
  readonly listen: { readonly address: string; readonly port: number };
  readonly client: Client;
  readonly log: Logger;
}

export interface RunningAnswers {
  /** A certificate, the first one or another. */
  use(pair: Issued): void;
  close(): Promise<void>;
}

export function startAnswers(parts: AnswersDaemonParts): RunningAnswers {
  const { options, listen, client, log, ...rest } = parts;
  let server: Promise<AnswersServer> | undefined;
  return {
    use(pair) {
      if (server !== undefined) return void server.then((one) => one.use(pair));
      server = serveAnswers({
        ...{ ...rest, ...listen, pair, clock: systemClock, review: reviewer(client) },
        account: `system:serviceaccount:${options.namespace}:${options.reader}`,
        fault: (error) => log.warn(fields(error), 'somebody was not answered'),
      });
      server.then(
        ({ port }) => log.info({ port }, 'answering people'),
        (cause: Error) => {
          const where = `${listen.address}:${listen.port}`;
          const error = failure(errors.answers, { where, reason: cause.message }, cause);
          log.error(fields(error), 'nobody can ask for the history');
        },
      );
    },
    async close() {
      await (await server?.catch(() => undefined))?.close();
    },
  };
}
