/** `node scripts/figures.ts`: puts the figures of the last `make bench` into README.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from '../bench/figure.ts';
import { figuresBlock, replaceBlock } from '../bench/readme-block.ts';

const root = join(import.meta.dirname, '..');
const out = join(root, 'bench', 'out');
const figures = JSON.parse(readFileSync(join(out, 'latest.json'), 'utf8')) as Figure[];
const machine = readFileSync(join(out, 'machine.txt'), 'utf8').trim();
const readme = join(root, 'README.md');
writeFileSync(readme, replaceBlock(readFileSync(readme, 'utf8'), figuresBlock(figures, machine)));
