/**
 * Our table as one batch of netlink messages (linux/netfilter/nf_tables.h, nfnetlink.h): the kernel takes
 * it whole or not at all, and no program has to be started for it.
 */
import { formatAttributes, type Nested, nest, number, text } from './netlink.ts';
import { type Chain, type Match, type Rule, TABLE, type Verdict } from './rules.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const message = {
  batchBegin: 0x10,
  batchEnd: 0x11,
  newTable: (NFNL_SUBSYS_NFTABLES << 8) | 0,
  deleteTable: (NFNL_SUBSYS_NFTABLES << 8) | 2,
  newChain: (NFNL_SUBSYS_NFTABLES << 8) | 3,
  newRule: (NFNL_SUBSYS_NFTABLES << 8) | 6,
} as const;
/** linux/netlink.h */
const flag = { request: 0x1, ack: 0x4, exclusive: 0x200, create: 0x400, append: 0x800 } as const;
const NFPROTO_INET = 1;
const NFPROTO_IPV4 = 2;

/** enum nf_inet_hooks, linux/netfilter.h */
const hooks = { prerouting: 0, input: 1, output: 3 } as const;
const protocols = { tcp: 6, udp: 17 } as const;
/** nft's own registers of 16 bytes; the first holds the verdict. */
const VERDICT = 0;
const REGISTER = 1;
const SECOND = 2;
const meta = { iifname: 6, l4proto: 16 } as const;
const CT_STATUS = 2;
const IPS_DST_NAT = 0x20;
const TRANSPORT_HEADER = 2;
const PROTO_SPECIFIED = 2;
const NAT_DNAT = 1;
const LINK_NAME = 16;
/** linux/netfilter.h: NF_DROP; nf_tables.h: NFT_RETURN. */
const verdicts = { drop: 0, return: -5 } as const;

interface Message {
  readonly type: number;
  readonly flags?: number;
  readonly attributes: readonly Nested[];
}

/**
 * The table in one transaction; the last change is acknowledged. `fresh`: refused with EEXIST where there is
 * one already, which is replaced otherwise.
 */
export function rulesetBytes(chains: readonly Chain[], fresh: boolean): Buffer {
  const table = text(1, TABLE);
  const newTable = { type: message.newTable, flags: flag.create, attributes: [table] };
  const opening: Message[] = fresh
    ? [{ ...newTable, flags: flag.create | flag.exclusive }]
    : [newTable, { type: message.deleteTable, attributes: [table] }, newTable];
  const changes: Message[] = [
    ...opening,
    ...chains.map((chain) => ({
      type: message.newChain,
      flags: flag.create,
      attributes: [table, ...chainOf(chain)],
    })),
    ...chains.flatMap(({ name, rules }) =>
      rules.map((rule) => ({
        type: message.newRule,
        flags: flag.create | flag.append,
        attributes: [table, text(2, name), nest(4, expressionsOf(rule))],
      })),
    ),
  ];
  return Buffer.concat([
    edge(message.batchBegin),
    ...changes.map((change, at) => {
      const ack = at === changes.length - 1 ? flag.ack : 0;
      return frame({ ...change, flags: (change.flags ?? 0) | ack }, NFPROTO_INET, 0);
    }),
    edge(message.batchEnd),
  ]);
}

function edge(type: number): Buffer {
  return frame({ type, attributes: [] }, 0, NFNL_SUBSYS_NFTABLES);
}

/** struct nlmsghdr and struct nfgenmsg before the attributes. */
function frame({ type, flags = 0, attributes }: Message, family: number, resource: number): Buffer {
  const body = formatAttributes(attributes);
  const head = Buffer.alloc(20);
  head.writeUInt32LE(head.length + body.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags | flag.request, 6);
  head.writeUInt8(family, 16);
  head.writeUInt16BE(resource, 18);
  return Buffer.concat([head, body]);
}

function chainOf({ name, type, priority }: Chain): Nested[] {
  const hook = nest(4, [number(1, hooks[name]), number(2, priority)]);
  return [text(3, name), text(7, type), number(5, 1), hook];
}

function expressionsOf({ matches, verdict }: Rule): Nested[] {
  return [...matches.flatMap(matchOf), ...verdictOf(verdict)];
}

function expression(name: string, data: readonly Nested[]): Nested {
  return nest(1, [text(1, name), nest(2, data)]);
}

function matchOf(match: Match): Nested[] {
  if ('port' in match) {
    return [
      loadMeta(meta.l4proto),
      compare(true, Buffer.of(protocols[match.protocol])),
      expression('payload', [
        ...[number(1, REGISTER), number(2, TRANSPORT_HEADER)],
        ...[number(3, 2), number(4, 2)],
      ]),
      compare(true, u16(match.port)),
    ];
  }
  if ('link' in match) {
    const name = Buffer.alloc(LINK_NAME);
    name.write(match.link, 0, LINK_NAME - 1);
    return [loadMeta(meta.iifname), compare(match.is, name)];
  }
  const bit = u32(IPS_DST_NAT);
  return [
    expression('ct', [number(2, CT_STATUS), number(1, REGISTER)]),
    expression('bitwise', [
      ...[number(1, REGISTER), number(2, REGISTER), number(3, bit.length)],
      ...[nest(4, [{ type: 1, value: bit }]), nest(5, [{ type: 1, value: u32(0) }])],
    ]),
    compare(false, bit),
  ];
}

function verdictOf(verdict: Verdict): Nested[] {
  if (typeof verdict === 'string') {
    const code = nest(2, [number(1, verdicts[verdict])]);
    return [expression('immediate', [number(1, VERDICT), nest(2, [code])])];
  }
  if ('redirect' in verdict) {
    return [
      immediate(REGISTER, u16(verdict.redirect)),
      expression('redir', [number(1, REGISTER), number(3, PROTO_SPECIFIED)]),
    ];
  }
  const address = Buffer.alloc(4);
  address.writeUInt32BE(verdict.address);
  return [
    immediate(REGISTER, address),
    immediate(SECOND, u16(verdict.port)),
    expression('nat', [
      ...[number(1, NAT_DNAT), number(2, NFPROTO_IPV4), number(3, REGISTER)],
      ...[number(5, SECOND), number(7, PROTO_SPECIFIED)],
    ]),
  ];
}

function loadMeta(key: number): Nested {
  return expression('meta', [number(2, key), number(1, REGISTER)]);
}

function compare(equal: boolean, value: Buffer): Nested {
  const data = nest(3, [{ type: 1, value }]);
  return expression('cmp', [number(1, REGISTER), number(2, equal ? 0 : 1), data]);
}

function immediate(register: number, value: Buffer): Nested {
  return expression('immediate', [number(1, register), nest(2, [{ type: 1, value }])]);
}

/** Ports are in network order, a flow's status in the machine's. */
function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
