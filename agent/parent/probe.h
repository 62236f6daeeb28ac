/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Does the agent of this very container answer? In the node's network an agent before it may stand at the same
 * port, so a probe by HTTP alone would take that one's word for this one's.
 */
#ifndef TW_PARENT_PROBE_H
#define TW_PARENT_PROBE_H

/* Asks /healthz at TORWACHT_LISTEN; the answer must be of TORWACHT_INSTANCE. An exit status. */
int tw_probe(void);

#endif
