{{/*
What the chart must know of the configuration. Nothing here changes it: it is
rendered as it is written.
*/}}

{{/* "true" if the journal is in PostgreSQL, which replicas share. */}}
{{- define "keyrotator.shared" -}}
{{- if regexMatch "^postgres(ql)?://" (default "" .Values.config.journal) -}}true{{- end -}}
{{- end -}}

{{/* How many replicas. A number that is given may be 0, which default would take for none. */}}
{{- define "keyrotator.replicas" -}}
{{- if not (kindIs "invalid" .Values.replicaCount) -}}
{{- int .Values.replicaCount -}}
{{- else if include "keyrotator.shared" . -}}
2
{{- else -}}
1
{{- end -}}
{{- end -}}

{{/* The folder of a Secret of existingSecrets. */}}
{{- define "keyrotator.folder" -}}
{{- default .name .folder -}}
{{- end -}}

{{/* "true" if the path .path lies in one of the mounts that .Values.extraVolumeMounts adds. */}}
{{- define "keyrotator.mountedByHand" -}}
{{- $path := .path -}}
{{- range .mounts -}}
{{- if or (eq $path .mountPath) (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $path) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/*
What the configuration needs of the cluster that keyrotator runs in, as JSON:

  {"token": true, "namespaces": {"ci": {"secrets": […], "create": […], "deployments": […], "mounted": true}}}

A store or a reload with a kubeconfig is about another cluster. A reload that
names none is about its store's, and so is its namespace.
*/}}
{{- define "keyrotator.needs" -}}
{{- $needs := dict "token" false "namespaces" dict -}}
{{- range $i, $user := .Values.config.users -}}
{{- range $j, $consumer := $user.consumers -}}
{{- $at := printf "config.users[%d].consumers[%d]" $i $j -}}
{{- $store := dig "store" "kubernetes" dict $consumer -}}
{{- if and $store (not $store.kubeconfig) -}}
{{- include "keyrotator.need" (dict "needs" $needs "at" (printf "%s.store.kubernetes" $at) "namespace" $store.namespace "kind" "secrets" "name" $store.secret) -}}
{{- if $store.create -}}
{{- include "keyrotator.need" (dict "needs" $needs "at" (printf "%s.store.kubernetes" $at) "namespace" $store.namespace "kind" "create" "name" $store.secret) -}}
{{- end -}}
{{- end -}}
{{- $rollout := dig "reload" "rollout" dict $consumer -}}
{{- if and $rollout (not $rollout.kubeconfig) (not $store.kubeconfig) -}}
{{- $at = printf "%s.reload.rollout" $at -}}
{{- $namespace := default (default "" $store.namespace) $rollout.namespace -}}
{{- range $rollout.workloads -}}
{{- $parts := splitList "/" . -}}
{{- include "keyrotator.need" (dict "needs" $needs "at" $at "namespace" $namespace "kind" (printf "%ss" (first $parts)) "name" (last $parts)) -}}
{{- end -}}
{{- if $rollout.mounted -}}
{{- include "keyrotator.need" (dict "needs" $needs "at" $at "namespace" $namespace "kind" "mounted" "name" "") -}}
{{- end -}}
{{- end -}}
{{- with dig "store" "vault" "kubernetes" "" $consumer -}}
{{- if hasPrefix "/var/run/secrets/kubernetes.io/serviceaccount/" (default "/var/run/secrets/kubernetes.io/serviceaccount/token" .token_file) -}}
{{- $_ := set $needs "token" true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $needs -}}
{{- end -}}

{{/* Adds one need to .needs: .name to the list .kind of .namespace. */}}
{{- define "keyrotator.need" -}}
{{- if not .namespace -}}
{{- fail (printf "%s needs a namespace: its store is no Secret, which would tell it." .at) -}}
{{- end -}}
{{- range $what, $text := pick . "namespace" "name" -}}
{{- if contains "${" $text -}}
{{- fail (printf "%s: its %s is taken from the environment or a file, so that no Role can be made for it. Write the name itself." $.at $what) -}}
{{- end -}}
{{- end -}}
{{- $_ := set .needs "token" true -}}
{{- $here := default dict (get .needs.namespaces .namespace) -}}
{{- if .name -}}
{{- $_ := set $here .kind (append (default list (get $here .kind)) .name | uniq | sortAlpha) -}}
{{- else -}}
{{- $_ := set $here .kind true -}}
{{- end -}}
{{- $_ := set .needs.namespaces .namespace $here -}}
{{- end -}}

{{/* A duration of the configuration (.text, such as 1m30s) in seconds, rounded up. */}}
{{- define "keyrotator.seconds" -}}
{{- $units := dict "w" 604800.0 "d" 86400.0 "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9]+([.][0-9]+)?(ms|w|d|h|m|s)" .text -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $sum = addf $sum (mulf (float64 (trimSuffix $unit .)) (get $units $unit)) -}}
{{- end -}}
{{- ceil $sum | int -}}
{{- end -}}
