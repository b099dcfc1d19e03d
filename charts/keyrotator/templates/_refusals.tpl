{{/*
What is refused, each with a sentence. The schema refuses wrong shapes before;
these are about values that do not go together.
*/}}
{{- define "keyrotator.refusals" -}}
{{- include "keyrotator.refuseJournal" . -}}
{{- include "keyrotator.refuseIdentity" . -}}
{{- include "keyrotator.refuseSecrets" . -}}
{{- include "keyrotator.refuseRest" . -}}
{{- end -}}

{{/* The journal decides how many replicas there may be, and what they share. */}}
{{- define "keyrotator.refuseJournal" -}}
{{- $journal := default "sqlite:///var/lib/keyrotator/journal.db" .Values.config.journal -}}
{{- $replicas := include "keyrotator.replicas" . | int -}}
{{- if include "keyrotator.shared" . -}}
{{- $literal := regexReplaceAll "[$][{](file|env):[^}]*[}]" $journal "" -}}
{{- if regexMatch "^[a-z]+://[^/?@:]*:[^/?@]+@|[?&](ssl)?password=[^&]" $literal -}}
{{- fail "config.journal holds a password, which would stand in a ConfigMap. Put it into a Secret, name that in existingSecrets, and write postgres://USER:${file:/secrets/NAME/KEY}@HOST/DATABASE." -}}
{{- end -}}
{{- if or .Values.persistence.existingClaim .Values.persistence.storageClass -}}
{{- fail "persistence is for a journal in SQLite, and config.journal is in PostgreSQL, which keeps everything. Leave persistence.existingClaim and persistence.storageClass out." -}}
{{- end -}}
{{- else -}}
{{- if not (hasPrefix "sqlite:///" $journal) -}}
{{- fail "config.journal must begin with sqlite:///var/lib/keyrotator/ or with postgres://, so that the chart knows how many replicas there may be. Take only a password from a file: postgres://USER:${file:/secrets/NAME/KEY}@HOST/DATABASE." -}}
{{- end -}}
{{- if not (regexMatch "^sqlite:///var/lib/keyrotator/[^/]+$" $journal) -}}
{{- fail (printf "config.journal is %s, but the volume is mounted at /var/lib/keyrotator, and nothing else can be written. Write sqlite:///var/lib/keyrotator/journal.db, or leave it out." $journal) -}}
{{- end -}}
{{- if gt $replicas 1 -}}
{{- fail (printf "replicaCount is %d, but config.journal is in SQLite, which is for one replica. Set replicaCount to 1, or config.journal to postgres://USER@HOST/DATABASE." $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The identity opens what is sealed in the journal: replicas share it, and it must be where the configuration says. */}}
{{- define "keyrotator.refuseIdentity" -}}
{{- $identity := dig "sealing" "identity" "" .Values.config -}}
{{- $byHand := include "keyrotator.mountedByHand" (dict "path" $identity "mounts" .Values.extraVolumeMounts) -}}
{{- if .Values.sealing.existingSecret -}}
{{- if ne $identity "/sealing/identity" -}}
{{- fail (printf "sealing.existingSecret is mounted as /sealing/identity, but config.sealing.identity is %s. Set config.sealing.identity to /sealing/identity." (default "not set" $identity)) -}}
{{- end -}}
{{- else if include "keyrotator.shared" . -}}
{{- if not $byHand -}}
{{- fail "a journal in PostgreSQL needs an identity that all replicas share. Make one with age-keygen, put it into a Secret under the key identity, set sealing.existingSecret to that Secret and config.sealing.identity to /sealing/identity." -}}
{{- end -}}
{{- else if and $identity (not $byHand) (not (hasPrefix "/var/lib/keyrotator/" $identity)) -}}
{{- fail (printf "config.sealing.identity is %s, where nothing is mounted. Set sealing.existingSecret and write /sealing/identity, or leave it out, and the identity is made beside the journal." $identity) -}}
{{- end -}}
{{- end -}}

{{/* Secrets come from Secrets: what is in config stands in a ConfigMap. */}}
{{- define "keyrotator.refuseSecrets" -}}
{{- include "keyrotator.refuseLiteral" (dict "at" "config" "value" .Values.config) -}}
{{- $folders := dict -}}
{{- range .Values.existingSecrets -}}
{{- $folder := include "keyrotator.folder" . -}}
{{- if hasKey $folders $folder -}}
{{- fail (printf "two of existingSecrets would be mounted as /secrets/%s. Give one of them another folder." $folder) -}}
{{- end -}}
{{- $_ := set $folders $folder true -}}
{{- end -}}
{{- $mounts := .Values.extraVolumeMounts -}}
{{- range regexFindAll "((^|[^$])[$][{]file:|\"(kubeconfig|ca_file|token_file)\":\"|([?]|u0026)(sslrootcert|sslcert|sslkey|passfile)=)/secrets/[^/}\"]*/" (toJson .Values.config) -1 -}}
{{- $folder := regexReplaceAll "^.*/secrets/" . "" | trimSuffix "/" -}}
{{- if not (or (hasKey $folders $folder) (include "keyrotator.mountedByHand" (dict "path" (printf "/secrets/%s" $folder) "mounts" $mounts))) -}}
{{- fail (printf "config reads a file in /secrets/%s, but existingSecrets mounts nothing there. Add to existingSecrets: {name: %s}." $folder $folder) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses text that stands for itself under a key (of .value, at .at) that is for a secret. The message must not hold it. */}}
{{- define "keyrotator.refuseLiteral" -}}
{{- $at := .at -}}
{{- $secrets := list "external_id" "signing_key" "token" "client_secret" "private_key" "secret_id" -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- if and (kindIs "string" $value) (or (has $key $secrets) (eq (printf "%s.%s" $at $key) "config.callbacks.key")) (not (regexMatch "(^|[^$])[$][{](file|env):[^}]+[}]" $value)) -}}
{{- fail (printf "%s.%s is a secret, and config stands in a ConfigMap. Put it into a Secret, name that in existingSecrets, and write ${file:/secrets/NAME/KEY}." $at $key) -}}
{{- end -}}
{{- include "keyrotator.refuseLiteral" (dict "at" (printf "%s.%s" $at $key) "value" $value) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $i, $value := .value -}}
{{- include "keyrotator.refuseLiteral" (dict "at" (printf "%s[%d]" $at $i) "value" $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "keyrotator.refuseRest" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name is required when serviceAccount.create is false: what the account default may do, every pod of the namespace may do." -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor needs the Service. Set service.enabled, or use podMonitor." -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor would both scrape every pod. Enable one of them." -}}
{{- end -}}
{{- $shutdown := toString (dig "limits" "shutdown" "25s" .Values.config) -}}
{{- if contains "${" $shutdown -}}
{{- fail "config.limits.shutdown is taken from the environment or a file. Write it out: terminationGracePeriodSeconds must be longer." -}}
{{- end -}}
{{- $seconds := include "keyrotator.seconds" (dict "text" $shutdown) | int -}}
{{- if lt (sub (int .Values.terminationGracePeriodSeconds) 5) (add $seconds 1) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, too short for config.limits.shutdown, %s: a begun effect would be killed before it is recorded. Make it %d or more." (int .Values.terminationGracePeriodSeconds) $shutdown (add $seconds 6)) -}}
{{- end -}}
{{- end -}}
