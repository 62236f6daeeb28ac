import { prove } from './prove.ts';
import { connections } from './techniques/connections.ts';

prove(connections);
