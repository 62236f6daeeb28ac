/**
 * Events without a network: the packet hook, run on fragments of which the first is missing, refuses
 * each under a target that is the caller's own cgroup, and tells it through the ring buffer.
 */
import * as layout from '../layout.ts';
import { builtPath, type EngineHandle, type Native } from '../native.ts';
import { packetPrograms, singleTargetSizes } from '../programs.ts';

const zero = Buffer.alloc(4);

/** An engine whose only target is the cgroup with this id. */
export function loadEngine(native: Native, cgroup: bigint): EngineHandle {
  const path = builtPath('bpf/engine.bpf.o');
  const engine = native.load(path, singleTargetSizes, [packetPrograms[1]], '');
  const target = layout.target.write({ id: 1, cgroup_id: cgroup, row_budget: 1000 });
  const key = Buffer.alloc(8);
  key.writeBigUInt64LE(cgroup);
  native.mapUpdate(engine, 'targets', zero, target, 0);
  native.mapUpdate(engine, 'cgroups', key, zero, 0);
  native.mapStore(engine, 'levels', 0, 0xffffn);
  native.mapStore(engine, 'policies', 0, 1n << 32n);
  return engine;
}

/** One refusal, of a packet to 192.0.2.`last`. */
export function refuse(native: Native, engine: EngineHandle, last: number): void {
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(0x0800, 12);
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(1, 20);
  frame.set([17], 23);
  frame.set([192, 0, 2, last], 30);
  const { result } = native.testRun(engine, packetPrograms[0], frame, 1, 0);
  if (result !== 0) throw new Error('the fragment passed');
}
