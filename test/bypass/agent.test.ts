import { prove } from './prove.ts';
import { agent } from './techniques/agent.ts';

prove(agent);
