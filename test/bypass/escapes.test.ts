import { prove } from './prove.ts';
import { escapes } from './techniques/escapes.ts';

prove(escapes);
