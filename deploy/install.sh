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
sudo deploy/install.sh credentials   hand every file of $ETC/secrets to the services
sudo deploy/install.sh uninstall     offer to remove what syncd made in the calendars, then remove
                                     the program; configuration, secrets and state stay

WHEEL is syncd-VERSION-py3-none-any.whl; without it, the newest one beside this script or in dist/
is taken (\`make wheel\` builds one). Running it again changes nothing that is right already.

Each version lives in an environment of its own, $PREFIX/releases/NAME; $PREFIX/current is the one
in use. An upgrade stops the service, backs the state up to $BACKUPS, migrates it, and starts
the service again. If any of that fails, the version and the state from before are put back.

PYTHON=python3.12 chooses another interpreter (3.11 or newer).
TEXT
}

say() { printf 'syncd: %s\n' "$*"; }
die() {
	printf 'syncd: %s\n' "$*" >&2
	exit 1
}

# Whether systemd runs this machine: not in a chroot, nor in most containers.
alive() { [ -d /run/systemd/system ]; }
active() { alive && systemctl is-active --quiet "$1"; }
reload_units() { if alive; then systemctl daemon-reload; fi; }

# The wait before a restart can grow since systemd 254 (Debian 13, Ubuntu 24.04).
newer_systemd() {
	version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge 254 ]
}

look_around() {
	[ "$(id -u)" = 0 ] || die "this writes to $PREFIX, $ETC and $UNITS: run it with sudo"
	# shellcheck source=/dev/null
	. /etc/os-release
	case " ${ID:-} ${ID_LIKE:-} " in
	*" debian "* | *" ubuntu "*) ;;
	*) die "this is ${PRETTY_NAME:-no Debian or Ubuntu}; see deploy/README.md for the steps by hand" ;;
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
		die "$("$PYTHON" --version) is too old: Debian 12 and Ubuntu 24.04 have a newer one, or name one: PYTHON=python3.12"
}

find_wheel() {
	for wheel in "$HERE"/syncd-*.whl "$HERE"/../dist/syncd-*.whl; do
		if [ -e "$wheel" ]; then printf '%s\n' "$wheel"; fi
	done | sort -V | tail -n 1
}

# Make the environment of a wheel, unless it is there and whole; print where it is.
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
	[ -n "$constraints" ] || die "constraints.txt, the versions that were tested, is not beside $wheel"
	digest=$(cat "$wheel" "$constraints" "$HERE"/syncd* "$HERE/backoff.conf" | sha256sum | cut -c1-8)
	release=$PREFIX/releases/$version-$digest
	# One that no longer runs (the system's Python has gone) is made anew.
	if [ ! -e "$release/.whole" ] || ! "$release/bin/syncd" version >/dev/null 2>&1; then
		rm -rf "$release"
		mkdir -p "$PREFIX/releases"
		"$PYTHON" -I -m venv "$release" >&2
		if ! "$release/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input \
			--constraint "$constraints" "$wheel" >&2; then
			rm -rf "$release"
			die "the packages could not be installed; nothing was changed"
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

# In one step: whoever looks finds either the old release or the new one.
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

# Each release keeps the files that belong to it, so that going back brings them back, too.
install_files() {
	from=$1/share
	for file in $FILES; do install_file "$from/$file" "$UNITS/$file" 644; done
	if newer_systemd; then install_file "$from/backoff.conf" "$UNITS/syncd.service.d/backoff.conf" 644; fi
	install -d -m 755 "$ETC"
	install -d -m 700 "$ETC/secrets"
	if [ ! -e "$ETC/syncd.toml" ]; then install_file "$from/syncd.toml.example" "$ETC/syncd.toml" 644; fi
	ln -sfn "$PREFIX/current/bin/syncd" "$COMMAND"
}

# Whoever may write to a folder can put a link there, and choose what root changes by that name.
expect_root_alone() {
	for folder in "$@"; do
		[ -d "$folder" ] || die "$folder is not a folder"
		[ ! -L "$folder" ] || die "$folder is a link: put the folder itself there"
		[ "$(stat -c %u "$folder")" = 0 ] || die "$folder does not belong to root: chown root:root $folder"
		[ -z "$(find "$folder" -prune -perm /022)" ] ||
			die "others than root may write to $folder: chmod go-w $folder"
	done
}

# The services' own user. It owns the state, and nothing else: root works there as that user.
make_account() {
	if ! grep -q "^$ACCOUNT:" /etc/passwd; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent \
			--shell /usr/sbin/nologin "$ACCOUNT" || return 1
		say "made the user $ACCOUNT"
	fi
	# Where units with DynamicUser= have put it; root's folders only, and systemd hands it over.
	if [ -L "$STATE" ] && [ "$(readlink -f "$STATE")" = /var/lib/private/syncd ]; then
		rm "$STATE" && mv -T /var/lib/private/syncd "$STATE" || return 1
	fi
	if [ ! -e "$STATE" ] && [ ! -L "$STATE" ]; then
		install -d -m 700 -o "$ACCOUNT" -g "$ACCOUNT" "$STATE"
	fi
}

# One LoadCredential= for each secret, in a file that belongs to this script alone.
hand_over_credentials() {
	expect_root_alone "${ETC%/*}" "$ETC" "$ETC/secrets"
	for file in "$ETC"/secrets/*; do
		name=${file##*/}
		if [ -L "$file" ]; then die "$file is a link: put the secret itself there"; fi
		[ -f "$file" ] || continue
		[ "$(stat -c %h "$file")" = 1 ] || die "$file has a second name somewhere: put a copy there"
		case $name in
		*[!A-Za-z0-9._-]*) die "$file: name a secret with letters, digits and . _ - only" ;;
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

# Runs a release's syncd on the configuration of the services. It reads that as root, and then works
# on the state as the user that the state belongs to.
syncd_of() {
	release=$1
	shift
	"$release/bin/syncd" --config "$ETC/syncd.toml" "$@"
}

# Where the state lies is the configuration's business: syncd itself is asked. Nothing if there is none.
state_of() {
	"$1/bin/python" -I - "$ETC/syncd.toml" <<-'CODE'
		import os, sys
		from pathlib import Path
		from syncd.config.load import load
		state = load(Path(sys.argv[1]), os.environ, secrets=False).syncd.state_path
		print(state if os.path.lexists(state) else "")
	CODE
}

# All releases but these two go.
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
		die "the user $ACCOUNT could not be made; nothing was changed"
	fi
	# The new release is asked, and makes the backup: the old one may work there as root.
	if ! state=$(state_of "$new"); then
		start_services
		die "the state cannot be looked at, so there is no way back from an upgrade: nothing was changed"
	fi
	if [ -n "$state" ]; then
		install -d -m 700 "$BACKUPS"
		expect_root_alone "${BACKUPS%/*}" "$BACKUPS"
		saved=$BACKUPS/before-$(basename "$new")-$(date -u +%Y%m%dT%H%M%SZ).db
		if ! syncd_of "$new" backup "$saved"; then
			start_services
			die "the state could not be backed up; nothing was changed"
		fi
	fi
	switch_to "$new"
	if { [ -z "$saved" ] || syncd_of "$new" migrate; } && install_files "$new" && reload_units && start_services; then
		prune "$old" "$new"
		say "$(basename "$old") was replaced by $(basename "$new")"
		return
	fi
	say "the new version does not work here; putting $(basename "$old") and its state back"
	for unit in $running; do systemctl stop "$unit" || true; done
	switch_to "$old"
	install_files "$old"
	reload_units
	if [ -n "$saved" ] && ! syncd_of "$old" restore --yes "$saved"; then
		say "the state could not be put back: look at the reason above; its backup is $saved"
	fi
	start_services || die "$(basename "$old") is back, but does not start: journalctl -u syncd"
	die "the upgrade failed, and was undone; $new is left for a look"
}

install_or_upgrade() {
	wheel=$1
	[ -n "$wheel" ] || die "there is no wheel: name one, or build it with 'make wheel'"
	[ -f "$wheel" ] || die "$wheel: there is no such file"
	need_python
	release=$(make_release "$wheel")
	old=$(readlink "$PREFIX/current" || true)
	if [ -z "$old" ]; then
		make_account
		switch_to "$release"
		install_files "$release"
		hand_over_credentials
		say "$("$COMMAND" version) is installed; next: edit $ETC/syncd.toml, put each secret into a"
		say "file of $ETC/secrets, then: $0 credentials; see deploy/README.md, step 3"
	elif [ "$old" = "$release" ]; then
		make_account
		install_files "$release"
		hand_over_credentials
		say "$("$COMMAND" version) is installed already, and in use"
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
	*) die "nothing was uninstalled; 'syncd cleanup' looks for what is left" ;;
	esac
}

# What syncd made stays in the calendars unless it is removed while the program is still here, and
# only the state tells which of it is syncd's.
cleaned=
offer_cleanup() {
	release=$(readlink "$PREFIX/current" || true)
	if [ -z "$release" ] || [ ! -x "$release/bin/syncd" ] || [ ! -e "$ETC/syncd.toml" ]; then return; fi
	if ! state=$(state_of "$release"); then
		say "where the state is cannot be read, so nothing is known of what stands in the calendars"
		if [ -t 0 ] && [ -t 2 ]; then expect_yes "Uninstall all the same?"; fi
		return
	fi
	if [ -z "$state" ]; then
		say "there is no state: syncd made nothing here, or 'syncd cleanup' has to look by tags"
		return
	fi
	if [ ! -t 0 ] || [ ! -t 2 ]; then
		say "blocks that syncd made stay in the calendars: 'syncd cleanup' removes them, and needs"
		say "the program, $ETC and $STATE; to remove them after all, install it again and run that"
		return
	fi
	say "blocks that syncd made stay in the calendars unless they are removed now"
	printf 'syncd: look what there is, and remove it? [Y/n] ' >&2
	read -r answer || answer=n
	case $answer in
	[Nn]*) return ;;
	esac
	# Root reads the secrets from where the services get them.
	if CREDENTIALS_DIRECTORY="$ETC/secrets" syncd_of "$release" cleanup; then
		cleaned=yes
		return
	fi
	expect_yes "not all of it was removed. Uninstall all the same?"
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
	say "the program is gone; $ETC, $STATE, $BACKUPS and the user $ACCOUNT stay."
	if [ -n "$cleaned" ]; then
		say "Nothing that syncd made is left in the calendars, so these can go, too:"
		say "  rm -r $ETC $STATE $BACKUPS; userdel $ACCOUNT"
	else
		say "Keep them as long as blocks of syncd's stand in the calendars: only $STATE tells which"
		say "they are. To remove those: install syncd again, and run 'syncd cleanup'."
	fi
}

case ${1:-} in
-h | --help) usage ;;
credentials)
	look_around
	hand_over_credentials
	;;
uninstall)
	look_around
	uninstall
	;;
-*)
	usage >&2
	exit 2
	;;
*)
	look_around
	install_or_upgrade "${1:-$(find_wheel)}"
	;;
esac
