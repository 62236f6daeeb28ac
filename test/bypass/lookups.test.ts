import { prove } from './prove.ts';
import { lookups } from './techniques/lookups.ts';

prove(lookups);
