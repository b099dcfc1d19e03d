#!/usr/bin/env bash
# Builds the tools that a tools module pins, once, and prints the folder they are in.
#
#   bin="$(internal/tools/install.sh lint)"      # internal/tools/lint/go.mod
#   internal/tools/install.sh kubernetes --built # fails instead of building
#
# The folder lies outside the work tree and is named after everything that can
# change what is built: the module's own files, the Go version and the platform.
# What helm renders is held against the Kubernetes that the tests run, so its pin counts, too.
# A changed pin therefore builds beside the old tools, and switching branches back
# builds nothing. Nothing here removes an old folder: `make clean-tools` does.
set -euo pipefail

module="${1:?usage: install.sh MODULE [--built] (a folder of internal/tools with a go.mod)}"
only="${2:-}"
cd "$(dirname "${BASH_SOURCE[0]}")/$module"

root="${KEYROTATOR_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/keyrotator-tools}"
shopt -s nullglob # a module may have programs of its own
inputs=(go.mod go.sum ./*.go)
[ "$module" = helm ] && inputs+=(../kubernetes/go.mod)
key="$({ cat "${inputs[@]}"; go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-16)"
bin="$root/$module-$key"
# The last thing that a build does is to make this file.
if [ -e "$bin/.built" ]; then
    echo "$bin"
    exit 0
fi
# A test wants to know at once that it lacks its tools, not to build for minutes.
if [ "$only" = --built ]; then
    echo "the tools of $module are not built: run internal/tools/install.sh $module" >&2
    exit 1
fi
mkdir -p "$bin"

# Two builds at once would only waste time, but minutes of it: the second one waits
# and then finds everything there.
exec 9>"$root/$module-$key.lock"
flock 9

ldflags='-s -w'
if [ "$module" = kubernetes ]; then
    # The programs compare each other's versions, which a release stamps into both.
    version="$(go list -m -f '{{.Version}}' k8s.io/kubernetes)"
    minor="${version#v*.}"
    for stamped in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        ldflags+=" -X $stamped.gitVersion=$version -X $stamped.gitMajor=1 -X $stamped.gitMinor=${minor%%.*}"
        ldflags+=" -X $stamped.gitTreeState=clean -X $stamped.buildDate=1970-01-01T00:00:00Z"
    done
    # What kwok is to play comes with its module, not with its program.
    if [ ! -d "$bin/stages" ]; then
        kwok="$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)"
        [ -n "$kwok" ] || kwok="$(go mod download -json sigs.k8s.io/kwok | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"
        rm -rf "$bin/.stages.partial"
        mkdir "$bin/.stages.partial"
        for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
            pod/fast/pod-ready pod/fast/pod-complete pod/fast/pod-delete; do
            install -m 644 "$kwok/kustomize/stage/$stage.yaml" "$bin/.stages.partial/"
        done
        mv "$bin/.stages.partial" "$bin/stages"
    fi
fi
if [ "$module" = helm ]; then
    # Rendering without a cluster takes this version for the cluster's.
    minor="$(cd ../kubernetes && go list -m -f '{{.Version}}' k8s.io/kubernetes)"
    minor="${minor#v*.}"
    for stamped in helm.sh/helm/v3/pkg/chartutil helm.sh/helm/v3/pkg/lint/rules; do
        ldflags+=" -X $stamped.k8sVersionMajor=1 -X $stamped.k8sVersionMinor=${minor%%.*}"
    done
    # The API as Kubernetes publishes it comes with its module.
    kubernetes="$(cd ../kubernetes && go mod download -json k8s.io/kubernetes | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"
    install -m 644 "$kubernetes/api/openapi-spec/swagger.json" "$bin/openapi.json"
fi

go list -f '{{.ImportPath}}' tool | while IFS= read -r package; do
    name="${package##*/}"
    [[ "$name" =~ ^v[0-9]+$ ]] && name="$(basename "${package%/*}")" # a major version is no name
    [ "$package" = go.etcd.io/etcd/server/v3 ] && name=etcd
    [ -x "$bin/$name" ] && continue
    echo "building $name (once; kept in $bin)" >&2
    # Built under another name and moved: an interrupted build leaves no tool behind
    # that looks finished. GOFLAGS of the caller (-race, -mod=…) are not for tools.
    GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -ldflags="$ldflags" -o "$bin/.$name.partial" "$package"
    mv "$bin/.$name.partial" "$bin/$name"
done

if [ "$module" = helm ] && [ ! -d "$bin/crds" ]; then
    # What an API server checks the objects of the Prometheus operator by.
    GOFLAGS=-mod=readonly "$bin/controller-gen" crd output:crd:dir="$bin/.crds.partial" \
        paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1
    mv "$bin/.crds.partial" "$bin/crds"
fi

touch "$bin/.built"
echo "$bin"
