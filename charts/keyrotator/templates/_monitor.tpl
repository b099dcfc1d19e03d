{{/*
What ServiceMonitor and PodMonitor have in common: .values, the endpoint. A label
of ours stays as it is (honorLabels): keyrotator_aws_requests_total has one that is
called service, as the Service's.
*/}}
{{- define "keyrotator.endpoint" -}}
port: http
path: /metrics
honorLabels: true
{{- with .interval }}
interval: {{ . | quote }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . | quote }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
