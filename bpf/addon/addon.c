/* SPDX-License-Identifier: MPL-2.0 */
/* The addon's exports. */
#include "addon.h"

static const struct tw_export tw_exports[] = {
	{ "load", tw_load },
	{ "loadLater", tw_load_later },
	{ "unload", tw_unload },
	{ "mapUpdate", tw_map_update },
	{ "mapLookup", tw_map_lookup },
	{ "mapDelete", tw_map_delete },
	{ "mapKeys", tw_map_keys },
	{ "mapEntries", tw_map_entries },
	{ "mapStore", tw_map_store },
	{ "mapWrite", tw_map_write },
	{ "mapValues", tw_map_values },
	{ "openPinned", tw_open_pinned },
	{ "mapShapes", tw_map_shapes },
	{ "mapDefinitions", tw_map_definitions },
	{ "descriptorOf", tw_descriptor_of },
	{ "exchange", tw_exchange },
	{ "attachCgroup", tw_attach_cgroup },
	{ "attachTrace", tw_attach_trace },
	{ "detach", tw_detach },
	{ "ringOpen", tw_ring_open },
	{ "ringClose", tw_ring_close },
	{ "datagramsOpen", tw_datagrams_open },
	{ "datagramsSend", tw_datagrams_send },
	{ "datagramsClose", tw_datagrams_close },
	{ "testRun", tw_test_run },
	{ "runStats", tw_run_stats },
	{ "enableStats", tw_enable_stats },
	{ "layout", tw_layout },
	{ "processors", tw_processors },
	{ "attachBackstop", tw_attach_backstop },
	{ "hostLinks", tw_host_links },
	{ "interfaces", tw_list_interfaces },
	{ "ownInterface", tw_own_interface },
	{ "netfilterBatch", tw_netfilter_batch },
	{ "forgetFlows", tw_forget_flows },
	{ "openSocket", tw_open_socket },
	{ "connectSocket", tw_connect_socket },
	{ "socketName", tw_socket_name },
	{ "listenerOf", tw_listener_of },
	{ "receiveRoom", tw_receive_room },
	{ "bootTime", tw_boot_time },
	{ "releaseMemory", tw_release_memory },
	{ "jiffy", tw_jiffy },
	{ "lock", tw_lock },
	{ "openAs", tw_open_as },
	{ "close", tw_close },
	{ "seccompProgram", tw_seccomp_program },
};

static napi_value tw_init(napi_env env, napi_value exports)
{
	return tw_export_all(env, exports, tw_exports, sizeof(tw_exports) / sizeof(tw_exports[0]));
}

NAPI_MODULE(torwacht, tw_init)
