/** For tests: a process that answers on the sockets it was born with, 3 by UDP and 4 by TCP. */

import type { Answerer } from '../listen.ts';
import { listenByTcp } from '../tcp-server.ts';
import { listenByUdp } from '../udp-server.ts';

const answer: Answerer = (request) => Promise.resolve(request);
const udp = await listenByUdp({ answer, where: { fd: 3 } });
const tcp = await listenByTcp({ answer, where: { fd: 4 } });
process.stdout.write(JSON.stringify([udp.port, tcp.port]));
