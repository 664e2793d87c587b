{{/* Names, labels, images, and what each component is. */}}

{{/* What the components are; nothing of this is a matter of choice. `user`: it has one at the broker. `api`: callers
reach it over HTTP, below these paths. `database`: it keeps SQL. `journal`: it writes one. `consumers`: what KEDA looks at. */}}
{{- define "orderfleet.facts" -}}
order-service: {user: true, api: [/orders], database: true, journal: true}
inventory-service: {user: true, api: [/stock], journal: true}
payment-service:
  user: true
  gateway: true
  consumers: [{stream: INVENTORY, consumer: payment-charge}, {stream: ORDERS, consumer: payment-refund}]
notification-service:
  user: true
  consumers: [{stream: ORDERS, consumer: notification-orders}, {stream: PAYMENTS, consumer: notification-refunds}]
audit-service: {user: true, api: [/orders, /events, /integrity], database: true}
gateway-sim: {api: [/v1, /admin], ledger: true}
{{- end }}

{{/* The names of the components of this release, as a JSON list. */}}
{{- define "orderfleet.components" -}}
{{- $names := keys .Values.services | sortAlpha }}
{{- if include "orderfleet.simulated" . }}{{ $names = append $names "gateway-sim" }}{{ end }}
{{- toJson $names }}
{{- end }}

{{/* Not empty if the card gateway is the simulator. */}}
{{- define "orderfleet.simulated" -}}
{{- if or .Values.quickstart .Values.gatewaySim.enabled }}true{{ end }}
{{- end }}

{{/* Everything about one component as JSON: its values, the facts, what follows from both. Takes root and name. */}}
{{- define "orderfleet.component" -}}
{{- $values := .root.Values }}
{{- $own := omit $values.gatewaySim "enabled" }}
{{- if ne .name "gateway-sim" }}{{ $own = get $values.services .name | default dict }}{{ end }}
{{- $c := mergeOverwrite (deepCopy $values.defaults) (deepCopy $own) }}
{{- $facts := get (include "orderfleet.facts" . | fromYaml) .name }}
{{- $sql := and $facts.database (ternary "postgres" "sqlite" (not (empty (dig "database" "existingSecret" "" $c)))) }}
{{- $files := or (eq ($sql | toString) "sqlite") $facts.ledger }}
{{- $claims := and $files (dig "persistence" "enabled" false $c) }}
{{- $preStop := ternary $c.preStop 0 (not (empty $facts.api)) | int }}
{{- $stop := add $preStop (int $c.drainTimeout) 15 | int }}
{{- $grace := default $stop (int $c.terminationGracePeriodSeconds) }}
{{- $pods := ternary (int $c.replicas) (int $c.autoscaling.minReplicas) (eq $c.autoscaling.kind "none") }}
{{- $_ := set $c "name" .name }}
{{- $_ := set $c "fullName" (include "orderfleet.name" .) }}
{{- $_ := set $c "facts" $facts }}
{{- $_ := set $c "sql" ($sql | default "") }}
{{- $_ := set $c "files" ($files | default false) }}
{{- $_ := set $c "claims" ($claims | default false) }}
{{- $_ := set $c "preStop" $preStop }}
{{- $_ := set $c "stop" $stop }}
{{- $_ := set $c "grace" $grace }}
{{- $_ := set $c "pods" $pods }}
{{- toJson $c }}
{{- end }}

{{/* The name of an object. Takes root and name. */}}
{{- define "orderfleet.name" -}}
{{- printf "%s%s" .root.Values.namePrefix .name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Labels by which a component's pods are found; they never change. Takes root and name. */}}
{{- define "orderfleet.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{/* Labels of every pod. No version among them: a new chart restarts only what it changes. Takes root and name. */}}
{{- define "orderfleet.podLabels" -}}
{{ include "orderfleet.selector" . }}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: orderfleet
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of every object. Takes root and name. */}}
{{- define "orderfleet.labels" -}}
{{ include "orderfleet.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An image's name: a digest wins over a tag. Takes root, repository, tag and digest. */}}
{{- define "orderfleet.image" -}}
{{- $name := .repository }}
{{- with .root.Values.global.imageRegistry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end }}
{{- if .digest }}{{ printf "%s@%s" $name .digest }}{{ else }}{{ printf "%s:%s" $name .tag }}{{ end }}
{{- end }}

{{/* The image of a component, or of the command line. Takes root, name and the component's image values. */}}
{{- define "orderfleet.ownImage" -}}
{{- $values := .root.Values.image }}
{{- $repository := printf "%s/%s" $values.repository (default .name .image.name) }}
{{- $tag := coalesce .image.tag $values.tag .root.Chart.AppVersion }}
{{- include "orderfleet.image" (dict "root" .root "repository" $repository "tag" $tag "digest" .image.digest) }}
{{- end }}

{{/* The address of a component's API. Takes root, name and its port. */}}
{{- define "orderfleet.url" -}}
{{- printf "http://%s:%d" (include "orderfleet.name" .) (int .port) }}
{{- end }}

{{/* The card gateway's address. */}}
{{- define "orderfleet.gatewayUrl" -}}
{{- if include "orderfleet.simulated" . }}
{{- include "orderfleet.url" (dict "root" . "name" "gateway-sim" "port" .Values.gatewaySim.service.port) }}
{{- else }}
{{- .Values.gateway.url }}
{{- end }}
{{- end }}

{{/* What holds for a container of ours: a process of nobody, without any right, on a root it cannot write. */}}
{{- define "orderfleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What holds for every pod. */}}
{{- define "orderfleet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "orderfleet.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
