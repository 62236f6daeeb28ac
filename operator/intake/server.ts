/** The intake over gRPC and TLS. */
import { Server } from '@grpc/grpc-js';
import { IntakeService, type IntakeServer as Service } from '#api/gen/intake.ts';
import type { Issued } from '#kube/certificates/issue.ts';
import { KeptCredentials } from './credentials.ts';
import type { Intake } from './intake.ts';

export interface ServerOptions {
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly pair: Issued;
  /** When a connection on which nobody sends is closed, ms. */
  readonly idle?: number;
}

export interface IntakeServer {
  readonly port: number;
  /** Another certificate, for connections from now on. */
  use(pair: Issued): void;
  /** Takes nothing more; waits so many ms for what it has taken. */
  close(ms: number): Promise<void>;
}

/** A batch of agents has a megabyte at most. */
const LARGEST = 4 * 1024 * 1024;

/** ms. A connection costs a quarter of a megabyte, and most nodes have nothing to say most of the time. */
const IDLE = 10_000;

const options = {
  'grpc.max_receive_message_length': LARGEST,
  'grpc.max_concurrent_streams': 8,
  // A node that is gone without a word is noticed.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** Rejects with the error of listening. */
export async function serveIntake(
  intake: Intake,
  { address, port, pair, idle = IDLE }: ServerOptions,
): Promise<IntakeServer> {
  const credentials = new KeptCredentials(pair);
  const server = new Server({
    ...options,
    'grpc.max_connection_idle_ms': idle,
    interceptors: [intake.guard.interceptor],
  });
  const service: Service = { deliver: (call, done) => void intake.deliver(call, done) };
  server.addService(IntakeService, service);
  const host = address.includes(':') ? `[${address}]` : address;
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, credentials, (error, actual) =>
      error === null ? resolve(actual) : reject(error),
    );
  });
  return {
    port: bound,
    use: (next) => credentials.use(next),
    async close(ms) {
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const timer = setTimeout(() => server.forceShutdown(), ms);
      await closed;
      clearTimeout(timer);
    },
  };
}
