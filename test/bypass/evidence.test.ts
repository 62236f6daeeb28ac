import { prove } from './prove.ts';
import { evidence } from './techniques/evidence.ts';

prove(evidence);
