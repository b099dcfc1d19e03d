{{/*
What finds the series of this release. A ServiceMonitor names the job after its
Service, a PodMonitor after its namespace and itself; both have the name of the release's objects.
*/}}
{{- define "keyrotator.alerts.selector" -}}
{{- if .Values.alerts.selector -}}
{{- .Values.alerts.selector -}}
{{- else -}}
{{- printf "namespace=%q, job=~%q" .Release.Namespace (printf "(.+/)?%s" (include "keyrotator.fullname" .)) -}}
{{- end -}}
{{- end -}}

{{/* A duration, such as 1d12h, in seconds. */}}
{{- define "keyrotator.alerts.seconds" -}}
{{- $unit := dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[smhdw]" . -1 -}}
{{- $sum = add $sum (mul (regexFind "[0-9]+" .) (get $unit (regexFind "[smhdw]" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/*
The groups of alerts/*.yaml with the values put in for $(...). These are not
templates of Helm, because alerts have {{ }} of their own, for Prometheus.
*/}}
{{- define "keyrotator.alerts.groups" -}}
{{- $alerts := .Values.alerts -}}
{{- $by := join ", " $alerts.by -}}
{{- $all := dict "selector" (include "keyrotator.alerts.selector" .) "by" $by "user" (printf "%s, account, user" $by) -}}
{{- range $path, $_ := .Files.Glob "alerts/*.yaml" }}
{{- $group := $.Files.Get $path | fromYaml }}
{{- with $group.Error }}{{ fail (printf "%s: %s" $path .) }}{{ end }}
{{- $rules := list }}
{{- range $rule := $group.rules }}
{{- $values := get $alerts.rules $rule.alert | required (printf "%s: values.yaml has no alerts.rules.%s" $path $rule.alert) }}
{{- if $values.enabled }}
{{- $put := dict }}
{{- range $name, $value := merge (dict) $all (omit $values "enabled" "severity" "for") }}
{{- $_ := set $put (printf "$(%s)" $name) (toString $value) }}
{{- if and (kindIs "string" $value) (regexMatch "^([0-9]+[smhdw])+$" $value) }}
{{- $_ := set $put (printf "$(%s.seconds)" $name) (include "keyrotator.alerts.seconds" $value) }}
{{- end }}
{{- end }}
{{- $expr := $rule.expr }}
{{- $summary := $rule.annotations.summary }}
{{- $description := $rule.annotations.description }}
{{- range $name, $value := $put }}
{{- $expr = replace $name $value $expr }}
{{- $description = replace $name $value $description }}
{{- end }}
{{- $url := printf "%s#%s" $alerts.runbookURL (lower $rule.alert) }}
{{- $labels := merge (dict "severity" $values.severity) $alerts.ruleLabels }}
{{- if and (eq $rule.alert "KeyrotatorDown") (not $alerts.selector) }}
{{- $_ := set $labels "namespace" $.Release.Namespace }}
{{- end }}
{{- $out := dict "alert" $rule.alert "expr" $expr "labels" $labels "annotations" (dict "summary" $summary "description" $description "runbook_url" $url) }}
{{- with $values.for }}{{ $_ := set $out "for" . }}{{ end }}
{{- with $alerts.keepFiringFor }}{{ $_ := set $out "keep_firing_for" . }}{{ end }}
{{- $rules = append $rules $out }}
{{- end }}
{{- end }}
{{- with $rules }}
- name: {{ $group.name }}
  {{- with $alerts.interval }}
  interval: {{ . }}
  {{- end }}
  rules:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}
