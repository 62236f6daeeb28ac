/**
 * The bundles of a node on its disk: pieces as files that are named after their content, and one small file
 * that says which heads are in force. Whatever ends the agent or the node, that file is whole, and every
 * piece that it names was on the disk before it.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { type HeldHead, heldFileSchema } from './held.ts';

const HELD = 'held.json';
const PIECES = 'pieces';
const UNFINISHED = '.new';

export class BundleStore {
  readonly #folder: string;
  readonly #node: string;
  /** Writes come one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param node whose bundles these are: a disk that was copied from another node's counts for nothing */
  constructor(folder: string, node: string) {
    this.#folder = folder;
    this.#node = node;
  }

  /**
   * Heads that were in force last; undefined where nothing was ever kept. Their pieces are to be verified.
   *
   * @throws TW_AGENT_STATE, TW_AGENT_STATE_DAMAGED
   */
  read(): readonly HeldHead[] | undefined {
    const path = join(this.#folder, HELD);
    try {
      mkdirSync(join(this.#folder, PIECES), { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw this.#unwritable(cause);
    }
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw damaged(path, cause);
    }
    try {
      const { node, heads } = heldFileSchema.parse(JSON.parse(text));
      return node === this.#node ? heads : undefined;
    } catch (cause) {
      throw damaged(path, cause);
    }
  }

  /** Content of a piece, as it is there: whoever asks verifies it. @throws TW_AGENT_STATE_DAMAGED */
  piece(digest: string): string {
    const path = this.#piece(digest);
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw damaged(path, cause);
    }
  }

  /** @throws TW_AGENT_STATE (rejects) */
  writePiece(digest: string, content: string): Promise<void> {
    return this.#inTurn(() => writeWhole(join(this.#folder, PIECES), digest, content));
  }

  /** These are in force from now on, whoever starts next. @throws TW_AGENT_STATE (rejects) */
  writeHeads(heads: readonly HeldHead[]): Promise<void> {
    const text = `${JSON.stringify({ node: this.#node, heads })}\n`;
    return this.#inTurn(() => writeWhole(this.#folder, HELD, text));
  }

  /** Removes pieces that nobody names, and what a write left half-way. @throws TW_AGENT_STATE (rejects) */
  collect(wanted: (digest: string) => boolean): Promise<void> {
    return this.#inTurn(async () => {
      const folder = join(this.#folder, PIECES);
      for (const name of await readdir(folder)) {
        if (!wanted(name)) await rm(join(folder, name), { force: true });
      }
    });
  }

  #piece(digest: string): string {
    return join(this.#folder, PIECES, digest);
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(write);
    this.#last = mine.catch(() => undefined);
    try {
      await mine;
    } catch (cause) {
      throw this.#unwritable(cause);
    }
  }

  #unwritable(cause: unknown): Error {
    return failure(errors.unwritable, { path: this.#folder, why: (cause as Error).message }, cause);
  }
}

function damaged(path: string, cause: unknown): Error {
  return failure(errors.damaged, { path, why: (cause as Error).message }, cause);
}

/** The name leads to the old content or to the new one, never to a part, also after a power cut. */
async function writeWhole(folder: string, name: string, content: string): Promise<void> {
  const draft = join(folder, `${name}${UNFINISHED}`);
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(folder, name));
  const parent = await open(folder, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}
