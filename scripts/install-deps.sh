#!/bin/sh
# Installs the programs that Postern needs beside Go. Quiet when nothing is missing.
#
#   scripts/install-deps.sh demo   a PostgreSQL server
#   scripts/install-deps.sh test   PostgreSQL, Dovecot and Chromium
#
# On Debian and Ubuntu as root it installs them; no service is set up or started. Elsewhere it
# says what to install: "test" then fails, "demo" goes on, since Postern can download PostgreSQL.
set -eu

first_of() { # the first argument that exists: unmatched patterns do not
	for path in "$@"; do
		[ -x "$path" ] && return 0
	done
	return 1
}

has_postgres() {
	command -v initdb >/dev/null 2>&1 ||
		first_of /usr/lib/postgresql/1[5-9]/bin/initdb /usr/pgsql-1[5-9]/bin/initdb /usr/local/pgsql/bin/initdb \
			/opt/homebrew/opt/postgresql@1[5-9]/bin/initdb /usr/local/opt/postgresql@1[5-9]/bin/initdb \
			/Applications/Postgres.app/Contents/Versions/1[5-9]/bin/initdb
}

has_dovecot() {
	first_of /usr/sbin/dovecot /usr/local/sbin/dovecot /opt/homebrew/sbin/dovecot || command -v dovecot >/dev/null 2>&1
}

has_chromium() {
	command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
		command -v google-chrome >/dev/null 2>&1 ||
		first_of "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium
}

say() { echo "install-deps: $*" >&2; }

# give_up ends the script where the missing programs cannot be installed here.
give_up() {
	say "$1"
	say "  Debian 12:    apt-get install --no-install-recommends$debian"
	say "  macOS:        brew install$brew"
	[ "$set" = test ] && exit 1
	say "going on: postern will try to download PostgreSQL"
	exit 0
}

# undo puts back what kept the packages from starting services.
undo() {
	[ -z "$policy" ] || rm -f "$policy"
	if [ -n "$kept" ]; then
		mv -f "$kept" "$cluster_conf"
	elif [ -n "$wrote_conf" ]; then
		cp "$cluster_template" "$cluster_conf" 2>/dev/null || rm -f "$cluster_conf"
		rm -f "$cluster_conf.ucf-dist" # the same text, offered beside ours
	fi
}

# prevent_services keeps the packages from creating a database and from starting anything. The
# file policy-rc.d is Debian's own way to say so (invoke-rc.d(8)).
prevent_services() {
	policy= kept= wrote_conf=
	cluster_conf=/etc/postgresql-common/createcluster.conf
	cluster_template=/usr/share/postgresql-common/createcluster.conf
	trap undo EXIT
	trap 'exit 1' HUP INT TERM
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		policy=/usr/sbin/policy-rc.d
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	mkdir -p /etc/postgresql-common
	if [ -e "$cluster_conf" ]; then
		kept=$cluster_conf.postern
		cp -p "$cluster_conf" "$kept"
	fi
	wrote_conf=1
	echo 'create_main_cluster = false' >>"$cluster_conf"
}

# install tries what apt knows already and asks the mirrors only when that fails.
install() {
	log=$(mktemp)
	apt="apt-get -q -y -o DPkg::Lock::Timeout=120"
	# shellcheck disable=SC2086 # lists of words on purpose
	if $apt install --no-install-recommends $1 >"$log" 2>&1 ||
		{ $apt update && $apt install --no-install-recommends $1; } >>"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	return 1
}

set=${1-}
case $set in
demo | test) ;;
*)
	say "usage: install-deps.sh demo|test"
	exit 2
	;;
esac

debian= brew=
has_postgres || { debian="$debian postgresql-15" brew="$brew postgresql@15"; }
if [ "$set" = test ]; then
	has_dovecot || { debian="$debian dovecot-imapd" brew="$brew dovecot"; }
	has_chromium || { debian="$debian chromium" brew="$brew chromium"; }
fi
[ -n "$debian" ] || exit 0

command -v apt-get >/dev/null 2>&1 || give_up "missing programs; install them:"
[ "$(id -u)" = 0 ] || give_up "missing programs, and only root may install them:"

export DEBIAN_FRONTEND=noninteractive
packages=$debian
say "installing$packages"
prevent_services
if ! install "$packages"; then
	# Other releases name their own PostgreSQL.
	packages=$(echo "$packages" | sed 's/postgresql-15/postgresql/')
	install "$packages" || give_up "apt-get could not install$packages:"
fi
case $packages in
*dovecot*) # enabled by its package, and then it would start with the machine
	systemctl disable dovecot.service dovecot.socket >/dev/null 2>&1 || true
	;;
esac
