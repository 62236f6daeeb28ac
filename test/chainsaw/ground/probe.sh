# One attempt from a pod: prints `reached`, or the code of what refused it.
#
#   probe.sh NAMESPACE POD URL
#
# A name ends with a dot, so that no search domain of the pod is tried behind it.
here=$(dirname "$0")
exec kubectl exec --namespace "$1" "$2" -- node -e "$(cat "$here/probe.js")" "$3"
