/** Whoever reads our output may end before us: `torwacht … | head`. */

/** 128 + SIGPIPE, as any other program ends there. */
const BROKEN_PIPE = 141;

/**
 * A command ends with its reader and says nothing of it. What attends a command that is held goes on
 * attending it, whoever has stopped reading.
 */
export function endWithReaders(
  attends: boolean,
  streams: readonly NodeJS.WriteStream[] = [process.stdout, process.stderr],
): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (!attends) process.exit(BROKEN_PIPE);
    });
  }
}
