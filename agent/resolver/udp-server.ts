/** The resolver by UDP: one datagram, one message, one reply. */
import { isIPv6 } from 'node:net';
import { failure } from '#api/error.ts';
import { addressOf, type Datagrams, openDatagrams, type Peer, portOf } from '#bpf/datagrams.ts';
import { native } from '#bpf/native.ts';
import type { Client } from '#dns/ports.ts';
import { errors } from './errors.ts';
import { formatWhere, type Listening, type ListenOptions, type Where } from './listen.ts';

/** Who asks; written out where it is evidence. */
class UdpClient implements Client {
  readonly transport = 'udp';
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  get address(): string {
    return addressOf(this.#peer);
  }

  get port(): number {
    return portOf(this.#peer);
  }
}

/** Resolves once datagrams are taken. @throws TW_RESOLVER_LISTEN (rejects) */
export async function listenByUdp(options: ListenOptions): Promise<Listening> {
  const { where } = options;
  try {
    const fd = 'fd' in where ? where.fd : open(where);
    const socket: Datagrams = openDatagrams(fd, {
      message: (request, from) => serve(socket, options, request, from),
      failed: (error) => options.fault?.(error),
    });
    const { address, port } = native().socketName(fd);
    return { address, port, close: async () => socket.close() };
  } catch (cause) {
    throw failure(errors.listen, { transport: 'UDP', where: formatWhere(where) }, cause);
  }
}

function open({ address, port }: Exclude<Where, { fd: number }>): number {
  return native().openSocket(isIPv6(address) ? 'udp6' : 'udp', address, port, 0, '').fd;
}

function serve(socket: Datagrams, options: ListenOptions, request: Buffer, from: Peer): void {
  const fault = (error: unknown): void => options.fault?.(error);
  options
    .answer(request, new UdpClient(from))
    .then((reply) => {
      if (reply !== null) socket.send(reply, from);
    })
    .catch(fault);
}
