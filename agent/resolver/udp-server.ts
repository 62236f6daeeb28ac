/** The resolver by UDP: one datagram, one message, one reply. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { formatWhere, type Listening, type ListenOptions, type Where } from './listen.ts';
import { literalLookup } from './literal-lookup.ts';

/** Resolves once datagrams are taken. @throws TW_RESOLVER_LISTEN (rejects) */
export function listenByUdp(options: ListenOptions): Promise<Listening> {
  const { where } = options;
  const family = familyOf(where);
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    lookup: literalLookup(family),
  });
  socket.on('message', (request, from) => serve(socket, options, request, from));
  return new Promise((resolve, reject) => {
    const refused = (cause: unknown): void => {
      socket.close();
      reject(failure(errors.listen, { transport: 'UDP', where: formatWhere(where) }, cause));
    };
    socket.once('error', refused);
    const bound = (): void => {
      socket.off('error', refused);
      socket.on('error', (error) => options.fault?.(error));
      const { address, port } = socket.address();
      resolve({ address, port, close: () => closed(socket) });
    };
    try {
      socket.bind(bindOptions(where), bound);
    } catch (cause) {
      // A descriptor that is no socket is found out at once, and thrown.
      refused(cause);
    }
  });
}

function familyOf(where: Where): 4 | 6 {
  if ('fd' in where) return where.family ?? 4;
  return isIPv6(where.address) ? 6 : 4;
}

/** `exclusive`: the descriptor is ours alone, never shared through a cluster's parent. */
function bindOptions(where: Where) {
  if ('fd' in where) return { fd: where.fd, exclusive: true };
  return { address: where.address, port: where.port, exclusive: true };
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

function serve(socket: Socket, options: ListenOptions, request: Buffer, from: RemoteInfo): void {
  const { address, port } = from;
  options.answer(request, { address, port, transport: 'udp' }).then(
    (reply) => {
      if (reply === null) return;
      try {
        socket.send(reply, port, address);
      } catch (error) {
        // Closed while the answer was under way.
        options.fault?.(error);
      }
    },
    (error: unknown) => options.fault?.(error),
  );
}
