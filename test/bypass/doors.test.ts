import { prove } from './prove.ts';
import { doors } from './techniques/doors.ts';

prove(doors);
