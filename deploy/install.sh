#!/bin/sh
# Installs, upgrades or removes syncd on Debian and Ubuntu. See --help below.
set -eu
umask 022

PREFIX=/opt/syncd
ETC=/etc/syncd
STATE=/var/lib/syncd
BACKUPS=/var/backups/syncd
ACCOUNT=syncd
UNITS=/etc/systemd/system
COMMAND=/usr/local/bin/syncd
HERE=$(cd "$(dirname "$0")" && pwd)
PYTHON=${PYTHON:-python3}
SERVICES="syncd.service syncd-resync.service"
FILES="$SERVICES syncd-resync.timer"

usage() {
	cat <<TEXT
sudo deploy/install.sh [WHEEL]       install syncd, or upgrade it to the version of WHEEL
sudo deploy/install.sh credentials   pass every file of $ETC/secrets to the services
sudo deploy/install.sh uninstall     offer to remove the blocks that syncd made in calendars, then
                                     remove the program; configuration, secrets and state stay

WHEEL is syncd-VERSION-py3-none-any.whl; by default the newest one beside this script or in dist/
(\`make wheel\` builds one). The script can be run again at any time.

Each version has its own environment, $PREFIX/releases/NAME; $PREFIX/current is the one in use.
An upgrade stops the service, backs the state up to $BACKUPS, migrates it, and starts
the service again. If a step fails, the script restores the previous version and state.

PYTHON=python3.12 chooses another interpreter (3.11 or newer).
TEXT
}

say() { printf 'syncd: %s\n' "$*"; }
die() {
	printf 'syncd: %s\n' "$*" >&2
	exit 1
}

# True if systemd manages this machine: not in a chroot, nor in most containers.
alive() { [ -d /run/systemd/system ]; }
active() { alive && systemctl is-active --quiet "$1"; }
reload_units() { if alive; then systemctl daemon-reload; fi; }

# The wait before a restart can grow since systemd 254 (Debian 13, Ubuntu 24.04).
newer_systemd() {
	version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge 254 ]
}

check_machine() {
	[ "$(id -u)" = 0 ] || die "this command writes to $PREFIX, $ETC and $UNITS: run it with sudo"
	# shellcheck source=/dev/null
	. /etc/os-release
	case " ${ID:-} ${ID_LIKE:-} " in
	*" debian "* | *" ubuntu "*) ;;
	*) die "${PRETTY_NAME:-this system} is not supported, only Debian and Ubuntu; see deploy/README.md for manual steps" ;;
	esac
}

need_python() {
	if ! command -v "$PYTHON" >/dev/null || ! "$PYTHON" -I -c 'import ensurepip, venv' 2>/dev/null; then
		say "installing $PYTHON and its venv module"
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			"$PYTHON" "$PYTHON-venv" ca-certificates >/dev/null
	fi
	"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
		die "$("$PYTHON" --version) is too old: use Debian 12, Ubuntu 24.04 or newer, or set PYTHON=python3.12"
}

find_wheel() {
	for wheel in "$HERE"/syncd-*.whl "$HERE"/../dist/syncd-*.whl; do
		if [ -e "$wheel" ]; then printf '%s\n' "$wheel"; fi
	done | sort -V | tail -n 1
}

# Make the environment of a wheel, unless it exists and is complete; print its path.
make_release() {
	wheel=$1
	version=$(basename "$wheel" | cut -d- -f2)
	constraints=
	for file in "$(dirname "$wheel")/constraints.txt" "$HERE/constraints.txt" "$HERE/../constraints.txt"; do
		if [ -e "$file" ]; then
			constraints=$file
			break
		fi
	done
	[ -n "$constraints" ] || die "constraints.txt (the tested versions) is missing: copy it from the source into the folder of $wheel"
	digest=$(cat "$wheel" "$constraints" "$HERE"/syncd* "$HERE/backoff.conf" | sha256sum | cut -c1-8)
	release=$PREFIX/releases/$version-$digest
	# An environment that no longer runs (the system's Python was removed) is made again.
	if [ ! -e "$release/.whole" ] || ! "$release/bin/syncd" version >/dev/null 2>&1; then
		rm -rf "$release"
		mkdir -p "$PREFIX/releases"
		"$PYTHON" -I -m venv "$release" >&2
		if ! "$release/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input \
			--constraint "$constraints" "$wheel" >&2; then
			rm -rf "$release"
			die "pip could not install the packages, see the reason above; nothing was changed"
		fi
		"$release/bin/syncd" version >&2
		mkdir -p "$release/share"
		for file in $FILES backoff.conf syncd.toml.example; do
			install -m 644 "$HERE/$file" "$release/share/$file"
		done
		touch "$release/.whole"
	fi
	printf '%s\n' "$release"
}

# Switch atomically: every process finds either the old release or the new one.
switch_to() {
	ln -sfn "$1" "$PREFIX/.next"
	mv -fT "$PREFIX/.next" "$PREFIX/current"
}

install_file() {
	if ! cmp -s "$1" "$2"; then
		install -D -m "$3" "$1" "$2"
		say "wrote $2"
	fi
}

# Each release keeps its own copy of these files, so that a rollback restores them too.
install_files() {
	from=$1/share
	for file in $FILES; do install_file "$from/$file" "$UNITS/$file" 644; done
	if newer_systemd; then install_file "$from/backoff.conf" "$UNITS/syncd.service.d/backoff.conf" 644; fi
	install -d -m 755 "$ETC"
	install -d -m 700 "$ETC/secrets"
	if [ ! -e "$ETC/syncd.toml" ]; then install_file "$from/syncd.toml.example" "$ETC/syncd.toml" 644; fi
	ln -sfn "$PREFIX/current/bin/syncd" "$COMMAND"
}

# A user who can write to a folder could put a link there and so choose which file root changes.
expect_root_alone() {
	for folder in "$@"; do
		[ -d "$folder" ] || die "$folder is not a folder"
		[ ! -L "$folder" ] || die "$folder is a link: replace it by a folder"
		[ "$(stat -c %u "$folder")" = 0 ] || die "$folder does not belong to root: chown root:root $folder"
		[ -z "$(find "$folder" -prune -perm /022)" ] ||
			die "users other than root may write to $folder: chmod go-w $folder"
	done
}

# Make the services' own user. It owns only the state; root commands work there as that user.
make_account() {
	if ! grep -q "^$ACCOUNT:" /etc/passwd; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent \
			--shell /usr/sbin/nologin "$ACCOUNT" || return 1
		say "made the user $ACCOUNT"
	fi
	# Move a state from the folder of units with DynamicUser=: root owns both folders.
	if [ -L "$STATE" ] && [ "$(readlink -f "$STATE")" = /var/lib/private/syncd ]; then
		rm "$STATE" && mv -T /var/lib/private/syncd "$STATE" || return 1
	fi
	if [ ! -e "$STATE" ] && [ ! -L "$STATE" ]; then
		install -d -m 700 -o "$ACCOUNT" -g "$ACCOUNT" "$STATE"
	fi
}

# Write one LoadCredential= line per secret, in a file that only this script writes.
hand_over_credentials() {
	expect_root_alone "${ETC%/*}" "$ETC" "$ETC/secrets"
	for file in "$ETC"/secrets/*; do
		name=${file##*/}
		if [ -L "$file" ]; then die "$file is a link: replace it by a file with the secret"; fi
		[ -f "$file" ] || continue
		[ "$(stat -c %h "$file")" = 1 ] || die "$file is a hard link: replace it by a copy"
		case $name in
		*[!A-Za-z0-9._-]*) die "$file: use only letters, digits and . _ - in the name of a secret" ;;
		esac
	done
	made=$(mktemp)
	{
		echo "# Made by install.sh credentials from the files in $ETC/secrets."
		echo "[Service]"
		for file in "$ETC"/secrets/*; do
			[ -f "$file" ] || continue
			chown --no-dereference root:root "$file"
			chmod 600 "$file"
			echo "LoadCredential=$(basename "$file"):$file"
		done
	} >"$made"
	for service in $SERVICES; do
		install_file "$made" "$UNITS/$service.d/credentials.conf" 644
	done
	rm -f "$made"
	reload_units
}

running=
stop_services() {
	running=
	for unit in syncd-resync.timer syncd-resync.service syncd.service; do
		if active "$unit"; then
			say "stopping $unit"
			systemctl stop "$unit"
			case $unit in *resync.service) ;; *) running="$unit $running" ;; esac
		fi
	done
}

start_services() {
	for unit in $running; do
		say "starting $unit"
		systemctl start "$unit" || return 1
	done
}

# Run a release's syncd with the configuration of the services. It reads that as root, then works on
# the state as the owner of the state.
syncd_of() {
	release=$1
	shift
	"$release/bin/syncd" --config "$ETC/syncd.toml" "$@"
}

# Print the path of the state, read from the configuration by syncd itself; nothing if there is none.
state_of() {
	"$1/bin/python" -I - "$ETC/syncd.toml" <<-'CODE'
		import os, sys
		from pathlib import Path
		from syncd.config.load import load
		state = load(Path(sys.argv[1]), os.environ, secrets=False).syncd.state_path
		print(state if os.path.lexists(state) else "")
	CODE
}

# Remove all releases except these two.
prune() {
	for release in "$PREFIX"/releases/*; do
		case $release in "$1" | "$2") ;; *) rm -rf "$release" ;; esac
	done
}

upgrade() {
	old=$1 new=$2 saved=
	stop_services
	if ! make_account; then
		start_services
		die "the user $ACCOUNT could not be created, see the reason above; nothing was changed"
	fi
	# The new release makes the backup: an old one may still work on the state as root.
	if ! state=$(state_of "$new"); then
		start_services
		die "the path of the state cannot be read from $ETC/syncd.toml, see the reason above; nothing was changed"
	fi
	if [ -n "$state" ]; then
		install -d -m 700 "$BACKUPS"
		expect_root_alone "${BACKUPS%/*}" "$BACKUPS"
		saved=$BACKUPS/before-$(basename "$new")-$(date -u +%Y%m%dT%H%M%SZ).db
		if ! syncd_of "$new" backup "$saved"; then
			start_services
			die "the state could not be backed up, see the reason above; nothing was changed"
		fi
	fi
	switch_to "$new"
	if { [ -z "$saved" ] || syncd_of "$new" migrate; } && install_files "$new" && reload_units && start_services; then
		prune "$old" "$new"
		say "$(basename "$old") was replaced by $(basename "$new")"
		return
	fi
	say "the new version could not be started or could not upgrade the state; restoring $(basename "$old") and its state"
	for unit in $running; do systemctl stop "$unit" || true; done
	switch_to "$old"
	install_files "$old"
	reload_units
	if [ -n "$saved" ] && ! syncd_of "$old" restore --yes "$saved"; then
		say "the state could not be restored: see the reason above; its backup is $saved"
	fi
	start_services || die "$(basename "$old") was restored, but does not start: see journalctl -u syncd"
	die "the upgrade failed, and was undone; the new version is kept in $new for inspection"
}

install_or_upgrade() {
	wheel=$1
	[ -n "$wheel" ] || die "there is no wheel: name one, or build it with 'make wheel'"
	[ -f "$wheel" ] || die "$wheel does not exist"
	need_python
	release=$(make_release "$wheel")
	old=$(readlink "$PREFIX/current" || true)
	if [ -z "$old" ]; then
		make_account
		switch_to "$release"
		install_files "$release"
		hand_over_credentials
		say "$("$COMMAND" version) is installed. Next: edit $ETC/syncd.toml, write each secret into a"
		say "file in $ETC/secrets, then run: $0 credentials; see deploy/README.md, step 3"
	elif [ "$old" = "$release" ]; then
		make_account
		install_files "$release"
		hand_over_credentials
		say "$("$COMMAND" version) is already installed and in use"
	else
		upgrade "$old" "$release"
		hand_over_credentials
	fi
}

expect_yes() {
	printf 'syncd: %s [y/N] ' "$1" >&2
	read -r answer || answer=n
	case $answer in
	[Yy]*) ;;
	*) die "nothing was uninstalled; 'syncd cleanup' finds the remaining blocks" ;;
	esac
}

# The blocks that syncd made stay in the calendars unless they are removed before the program is, and
# only the state shows which blocks they are.
cleaned=
offer_cleanup() {
	release=$(readlink "$PREFIX/current" || true)
	if [ -z "$release" ] || [ ! -x "$release/bin/syncd" ] || [ ! -e "$ETC/syncd.toml" ]; then return; fi
	if ! state=$(state_of "$release"); then
		say "the path of the state cannot be read from $ETC/syncd.toml, so blocks cannot be removed now"
		if [ -t 0 ] && [ -t 2 ]; then expect_yes "Uninstall anyway?"; fi
		return
	fi
	if [ -z "$state" ]; then
		say "there is no state: syncd made no blocks, or 'syncd cleanup' must find the blocks by their tags"
		return
	fi
	if [ ! -t 0 ] || [ ! -t 2 ]; then
		say "blocks that syncd made stay in the calendars: 'syncd cleanup' removes them, and needs"
		say "the program, $ETC and $STATE. To remove blocks later, install syncd again and run that command"
		return
	fi
	say "blocks that syncd made stay in the calendars unless they are removed now"
	printf 'syncd: Find and remove these blocks? [Y/n] ' >&2
	read -r answer || answer=n
	case $answer in
	[Nn]*) return ;;
	esac
	# Root reads the same secrets as the services.
	if CREDENTIALS_DIRECTORY="$ETC/secrets" syncd_of "$release" cleanup; then
		cleaned=yes
		return
	fi
	expect_yes "not all blocks were removed. Uninstall anyway?"
}

uninstall() {
	offer_cleanup
	stop_services
	for file in $FILES; do
		if [ -e "$UNITS/$file" ]; then systemctl disable --quiet "$file" 2>/dev/null || true; fi
		rm -rf "${UNITS:?}/$file" "${UNITS:?}/$file.d"
	done
	reload_units
	rm -f "$COMMAND"
	rm -rf "$PREFIX"
	say "the program was removed; $ETC, $STATE, $BACKUPS and the user $ACCOUNT stay."
	if [ -n "$cleaned" ]; then
		say "No block of syncd is left in the calendars, so you can remove these too:"
		say "  rm -r $ETC $STATE $BACKUPS; userdel $ACCOUNT"
	else
		say "Keep them while blocks of syncd are in the calendars: only $STATE shows which"
		say "blocks are syncd's. To remove the blocks: install syncd again, and run 'syncd cleanup'."
	fi
}

case ${1:-} in
-h | --help) usage ;;
credentials)
	check_machine
	hand_over_credentials
	;;
uninstall)
	check_machine
	uninstall
	;;
-*)
	usage >&2
	exit 2
	;;
*)
	check_machine
	install_or_upgrade "${1:-$(find_wheel)}"
	;;
esac
