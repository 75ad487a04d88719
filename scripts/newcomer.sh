#!/bin/sh
# Times a newcomer's first minutes: clone into an empty folder, `make demo`, until demo.json is there.
#
#   scripts/newcomer.sh           with the build cache and the modules that this user has
#   scripts/newcomer.sh --cold    with empty caches: everything is downloaded and built
#
# Run it as root and as an ordinary user. What it starts it ends, and its folder goes.
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
case ${1-} in
"" | --cold) ;;
*)
	echo "usage: newcomer.sh [--cold]" >&2
	exit 2
	;;
esac

folder=$(mktemp -d)
chmod 755 "$folder"
demo=
end() {
	# The demo is the leader of a process group of its own, and its children are in it.
	[ -z "$demo" ] || kill -TERM "-$demo" 2>/dev/null || true
	[ -z "$demo" ] || wait "$demo" 2>/dev/null || true
	chmod -R u+w "$folder" # the module cache is read-only
	rm -rf "$folder"
}
trap end EXIT
trap 'exit 1' HUP INT TERM

if [ "${1-}" = --cold ]; then
	export GOCACHE="$folder/cache" GOMODCACHE="$folder/modules"
fi

now() { date +%s.%N; }
began=$(now)
# The checkout may be another user's, which git refuses.
printf '[safe]\n\tdirectory = *\n' >"$folder/gitconfig"
GIT_CONFIG_GLOBAL="$folder/gitconfig" git clone -q "$source" "$folder/postern"
cd "$folder/postern"
cloned=$(now)
setsid make demo ARGS="--listen 127.0.0.1:0 --smtp 127.0.0.1:0 --imap 127.0.0.1:0" >"$folder/screen" 2>&1 &
demo=$!
while [ ! -e demo-data/demo.json ]; do
	if ! kill -0 "$demo" 2>/dev/null; then
		cat "$folder/screen" >&2
		echo "newcomer: make demo ended before the desk was open" >&2
		exit 1
	fi
	sleep 0.1
done
open=$(now)
echo "$began $cloned $open" | awk -v who="$(id -un)" '{ printf "%s: clone %.1f s, make demo to demo.json %.1f s, together %.1f s\n", who, $2 - $1, $3 - $2, $3 - $1 }'
