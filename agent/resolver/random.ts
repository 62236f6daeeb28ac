/** Unpredictable 16-bit numbers for ids and sockets: the kernel's randomness, fetched by the page. */
import { randomFillSync } from 'node:crypto';

export function createRandom16(): () => number {
  const page = new Uint16Array(1024);
  let next = page.length;
  return () => {
    if (next === page.length) {
      randomFillSync(page);
      next = 0;
    }
    return page[next++] as number;
  };
}
