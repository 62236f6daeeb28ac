# The DNS server that pods of this cluster ask, as the control has it.
exec kubectl exec --namespace "$NAMESPACE" control -- \
	node -e 'process.stdout.write(require("node:dns").getServers()[0])'
