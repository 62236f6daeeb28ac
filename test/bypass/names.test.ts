import { prove } from './prove.ts';
import { names } from './techniques/all.ts';

prove(names);
