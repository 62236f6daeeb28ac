/** What checks and tests keep from one run to the next: it makes them faster and changes no result. */

/** From the root of the repository; `make clean` removes it. */
export const cacheFolder = 'build/cache';

/**
 * V8's code and the TypeScript that Node has stripped, by content. Not for suites that hold other commands: it
 * would steer their Node as well.
 */
export function compileCache(root: string): Readonly<Record<string, string>> {
  return { NODE_COMPILE_CACHE: `${root}/${cacheFolder}/code` };
}
