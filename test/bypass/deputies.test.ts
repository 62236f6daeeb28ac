import { prove } from './prove.ts';
import { deputies } from './techniques/deputies.ts';

prove(deputies);
