import { prove } from './prove.ts';
import { packets } from './techniques/packets.ts';

prove(packets);
