{{/* The chart's name, or what replaces it. */}}
{{- define "keyrotator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name of the objects: the release's, with the chart's unless that is part of it.
Names of 63 characters at most may be labels and DNS names.
*/}}
{{- define "keyrotator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "keyrotator.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Name and version of the chart, as a label may be. */}}
{{- define "keyrotator.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What finds the pods. A Deployment's selector cannot be changed, so nothing of the values is in it but names. */}}
{{- define "keyrotator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keyrotator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "keyrotator.labels" -}}
helm.sh/chart: {{ include "keyrotator.chart" . }}
{{ include "keyrotator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Those and more labels, a more special one deciding. */}}
{{- define "keyrotator.labelsWith" -}}
{{- merge dict (default dict .more) (fromYaml (include "keyrotator.labels" .root)) | toYaml -}}
{{- end -}}

{{- define "keyrotator.serviceAccountName" -}}
{{- default (include "keyrotator.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "keyrotator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The claim of the journal. */}}
{{- define "keyrotator.claim" -}}
{{- default (include "keyrotator.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* The name of Roles, which lie in other namespaces too: two releases of one name may both be at home there. */}}
{{- define "keyrotator.roleName" -}}
{{- printf "%s-%s" (include "keyrotator.fullname" .) .Release.Namespace -}}
{{- end -}}
