/** Splits a stream of bytes into lines. */
import { KubeError } from '../errors.ts';

/** etcd holds no object above 1.5 MiB unless told; escaped it may be longer. */
const longestBytes = 32 * 1024 * 1024;
const newline = 0x0a;

/**
 * Lines without their ends, empty ones left out. A chunk may end within a line, and within a character.
 * @throws KUBE_BROKEN_ANSWER when the stream ends within a line
 */
export async function* lines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      held.push(chunk.subarray(from, at));
      const line = Buffer.concat(held).toString('utf8');
      held = [];
      heldBytes = 0;
      from = at + 1;
      if (line.trim() !== '') yield line;
    }
    if (from < chunk.length) held.push(chunk.subarray(from));
    heldBytes += chunk.length - from;
    if (heldBytes > longestBytes) {
      throw new KubeError('KUBE_BROKEN_ANSWER', `A line is longer than ${longestBytes} bytes.`);
    }
  }
  if (heldBytes > 0) {
    throw new KubeError('KUBE_BROKEN_ANSWER', 'The answer ended within a line.');
  }
}
