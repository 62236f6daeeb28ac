/** Packets that a filter may not look at: one lab and one policy for all of them. */
import type { Furniture, Group } from '../technique.ts';
import { addresses } from './addresses.ts';
import { datagrams } from './datagrams.ts';
import { handmade } from './handmade.ts';
import { GOOD } from './places.ts';

export const packets: Group = {
  label: 'packets',
  policy: {
    allow: [
      {
        cidr: ['192.0.2.20/32', '192.0.2.45/32', '192.0.2.46/31', '192.0.2.48/30'],
        ports: [{ port: 8000 }, { port: 5000, protocol: 'UDP' }],
      },
      { cidr: ['192.0.2.43/32'], ports: [{ port: 443 }] },
      { cidr: ['192.0.2.44/32'], ports: [{ port: 853 }, { port: 853, protocol: 'UDP' }] },
      { cidr: ['1.1.1.0/24'], ports: [{ port: 443 }] },
    ],
  },
  techniques: [...datagrams, ...handmade, ...addresses],
  furnish: async (lab): Promise<Furniture> => {
    // Ping sockets are for groups that root names; a new namespace names none.
    const open = 'echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range';
    await lab.run('host', 'sh', ['-ec', open]);
    const sinks = [
      await lab.sink([
        { kind: 'udp', address: GOOD, port: 5000 },
        { kind: 'tcp', address: '1.1.1.20', port: 443 },
      ]),
      await lab.localSink([{ kind: 'tcp', address: '::', port: 7070 }]),
    ];
    return { sinks };
  },
};
