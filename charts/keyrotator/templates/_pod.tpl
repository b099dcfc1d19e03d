{{/* What the daemon and the test have in common: where the configuration and the Secrets are. */}}
{{- define "keyrotator.mounts" -}}
- name: config
  mountPath: /etc/keyrotator
  readOnly: true
{{- if .Values.sealing.existingSecret }}
- name: sealing
  mountPath: /sealing
  readOnly: true
{{- end }}
{{- range $i, $secret := .Values.existingSecrets }}
- name: secret-{{ $i }}
  mountPath: /secrets/{{ include "keyrotator.folder" $secret }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The group may read, because files of a Secret belong to root and the pod's fsGroup. */}}
{{- define "keyrotator.volumes" -}}
- name: config
  configMap:
    name: {{ include "keyrotator.fullname" . | quote }}
{{- if .Values.sealing.existingSecret }}
- name: sealing
  secret:
    secretName: {{ .Values.sealing.existingSecret | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.sealing.key | quote }}
        path: identity
{{- end }}
{{- range $i, $secret := .Values.existingSecrets }}
- name: secret-{{ $i }}
  secret:
    secretName: {{ $secret.name | quote }}
    defaultMode: 0440
    {{- if $secret.optional }}
    optional: true
    {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where the pods run and as whom. */}}
{{- define "keyrotator.placement" -}}
serviceAccountName: {{ include "keyrotator.serviceAccountName" . | quote }}
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How replicas spread. */}}
{{- define "keyrotator.spread" -}}
{{- $selector := dict "matchLabels" (fromYaml (include "keyrotator.selectorLabels" .)) -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if kindIs "invalid" $constraints -}}
{{- $constraints = list -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- $constraints = append $constraints (dict "topologyKey" . "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash")) -}}
{{- end -}}
{{- end -}}
{{- range $constraints }}
- {{- merge dict . (dict "labelSelector" $selector) | toYaml | nindent 2 }}
{{- end -}}
{{- end -}}
