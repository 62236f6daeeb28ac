#!/usr/bin/env bash
# Makes the TypeScript of gRPC messages and services from their .proto files. What it writes is committed,
# so a build needs neither protoc nor this; a test compares the two.
#
#   scripts/generate-proto.sh FOLDER OUTPUT   every .proto of FOLDER into OUTPUT
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
[ $# -eq 2 ] || { echo 'usage: scripts/generate-proto.sh FOLDER OUTPUT' >&2; exit 2; }

mkdir -p "$2"
options=outputServices=grpc-js,esModuleInterop=true,importSuffix=.ts,env=node,forceLong=bigint
options+=,outputJsonMethods=false,outputPartialMethods=false,annotateFilesWithVersion=false
# protoc starts the plugin by its path; its first line asks for `node`, which is ours.
PATH=$root/node_modules/.bin:$PATH protoc \
	--plugin="$root/node_modules/.bin/protoc-gen-ts_proto" \
	--ts_proto_out="$2" --ts_proto_opt="$options" \
	--proto_path="$1" "$1"/*.proto
