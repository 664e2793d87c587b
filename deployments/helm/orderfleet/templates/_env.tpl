{{/* The environment of the containers, and the files that it names. */}}

{{/* A number or a text as the text of an environment variable; large numbers without an exponent. */}}
{{- define "orderfleet.text" -}}
{{- if kindIs "string" . }}{{ quote . }}{{ else }}{{ toJson . | quote }}{{ end }}
{{- end }}

{{/* How a user of the broker reaches it. Takes root and user. */}}
{{- define "orderfleet.brokerEnv" -}}
{{- $nats := .root.Values.nats -}}
{{- $method := $nats.auth.method -}}
- name: NATS_URL
{{- if .root.Values.quickstart }}
  value: nats://{{ include "orderfleet.name" (dict "root" .root "name" "nats") }}:4222
{{- else }}
  value: {{ quote $nats.url }}
{{- if eq $method "password" }}
- name: NATS_USER
  value: {{ .user }}
- name: NATS_PASSWORD_FILE
  value: /etc/orderfleet/nats/password
{{- else if eq $method "nkey" }}
- name: NATS_NKEY_FILE
  value: /etc/orderfleet/nats/nkey
{{- else if eq $method "creds" }}
- name: NATS_CREDS_FILE
  value: /etc/orderfleet/nats/creds
{{- end }}
{{- with $nats.tls }}
{{- if .enabled }}
{{- if .caSecret }}
- name: NATS_CA_FILE
  value: /etc/orderfleet/nats/ca.crt
{{- end }}
{{- if .clientSecret }}
- name: NATS_CERT_FILE
  value: /etc/orderfleet/nats/tls.crt
- name: NATS_KEY_FILE
  value: /etc/orderfleet/nats/tls.key
{{- end }}
{{- if .first }}
- name: NATS_TLS_FIRST
  value: "true"
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The files that brokerEnv names, as sources of one volume: a pod sees its own user's and nobody else's. */}}
{{- define "orderfleet.brokerFiles" -}}
{{- $nats := .root.Values.nats }}
{{- if not .root.Values.quickstart }}
{{- with $nats.auth }}
{{- if ne .method "none" }}
- secret:
    name: {{ .existingSecret | replace "{user}" $.user }}
    items: [{key: {{ default .method .key | replace "{user}" $.user }}, path: {{ .method }}}]
{{- end }}
{{- end }}
{{- with $nats.tls }}
{{- if and .enabled .caSecret }}
- secret:
    name: {{ .caSecret | replace "{user}" $.user }}
    items: [{key: {{ .caKey }}, path: ca.crt}]
{{- end }}
{{- if and .enabled .clientSecret }}
- secret:
    name: {{ .clientSecret | replace "{user}" $.user }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the authority that vouches for the card gateway, where it is somebody's own. Takes root and c. */}}
{{- define "orderfleet.gatewayCa" -}}
{{- if and .c.facts.gateway (not (include "orderfleet.simulated" .root)) }}{{ .root.Values.gateway.caSecret }}{{ end }}
{{- end }}

{{/* The environment of a component. Takes root and c. */}}
{{- define "orderfleet.env" -}}
{{- $values := .root.Values -}}
{{- $c := .c -}}
- name: LISTEN
  value: 0.0.0.0:8080
- name: DRAIN_TIMEOUT
  value: {{ include "orderfleet.text" $c.drainTimeout }}
- name: LOG_LEVEL
  value: {{ quote $values.telemetry.logLevel }}
- name: LOG_FORMAT
  value: {{ $values.telemetry.logFormat }}
{{- with $values.telemetry }}
{{- if .otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ quote .otlpEndpoint }}
- name: OTEL_TRACES_SAMPLER
  value: {{ .sampler }}
{{- if .samplerArg }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ quote .samplerArg }}
{{- end }}
{{- end }}
{{- end }}
{{- if $c.facts.user }}
# A replica that comes back under its name may take its journal up again at once.
- name: INSTANCE
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{ include "orderfleet.brokerEnv" (dict "root" .root "user" $c.name) }}
{{- end }}
{{- if eq $c.sql "postgres" }}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ $c.database.existingSecret }}, key: {{ $c.database.key }}}}
{{- else if eq $c.sql "sqlite" }}
- name: DATABASE_URL
  value: sqlite:///data/{{ $c.name }}.db
{{- end }}
{{- if $c.facts.ledger }}
- name: GATEWAY_LEDGER
  value: /data/ledger.jsonl
{{- end }}
{{- if $c.facts.gateway }}
- name: GATEWAY_URL
  value: {{ include "orderfleet.gatewayUrl" .root | quote }}
{{- end }}
{{- if include "orderfleet.gatewayCa" . }}
- name: GATEWAY_CA_FILE
  value: /etc/orderfleet/gateway/ca.crt
{{- end }}
{{- range $name, $value := $c.settings }}
- name: {{ $name }}
  value: {{ include "orderfleet.text" $value }}
{{- end }}
{{- with $c.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
