{{/* Pods: those that stay, and those that end. */}}

{{/* The pod template of a component. Takes root and c. */}}
{{- define "orderfleet.pod" -}}
{{- $c := .c -}}
{{- $id := dict "root" .root "name" $c.name -}}
{{- $broker := "" -}}
{{- $authority := include "orderfleet.gatewayCa" . -}}
{{- if $c.facts.user }}{{ $broker = include "orderfleet.brokerFiles" (dict "root" .root "user" $c.name) | trim }}{{ end -}}
metadata:
  labels:
    {{- include "orderfleet.podLabels" $id | nindent 4 }}
    {{- with $c.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $c.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ $c.fullName }}
  automountServiceAccountToken: false
  # Variables such as ORDER_SERVICE_PORT would only be in the way of the settings.
  enableServiceLinks: false
  {{- include "orderfleet.pullSecrets" .root | nindent 2 | trimSuffix "\n  " }}
  securityContext:
    {{- include "orderfleet.podSecurity" . | nindent 4 }}
  # preStop {{ $c.preStop }} + drain {{ $c.drainTimeout }} + 11 for what is abandoned, open exchanges and the last spans + 4 to spare.
  terminationGracePeriodSeconds: {{ $c.grace }}
  containers:
    - name: {{ $c.name }}
      image: {{ include "orderfleet.ownImage" (dict "root" .root "name" $c.name "image" $c.image) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      securityContext:
        {{- include "orderfleet.containerSecurity" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8080}
      env:
        {{- include "orderfleet.env" . | nindent 8 }}
      startupProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 1
        failureThreshold: {{ $c.probes.startupSeconds }}
      livenessProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: {{ $c.probes.livenessPeriod }}
        timeoutSeconds: 2
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /ready, port: http}
        periodSeconds: {{ $c.probes.readinessPeriod }}
        timeoutSeconds: 2
        failureThreshold: 2
      {{- if $c.preStop }}
      # Goes on serving until nobody is sent here any more.
      lifecycle: {preStop: {sleep: {seconds: {{ $c.preStop }}}}}
      {{- end }}
      resources:
        {{- toYaml $c.resources | nindent 8 }}
      {{- if or $c.files $broker $authority $c.extraVolumeMounts }}
      volumeMounts:
        {{- if $c.files }}
        - {name: data, mountPath: /data}
        # SQLite spills large sorts here.
        - {name: tmp, mountPath: /tmp}
        {{- end }}
        {{- if $broker }}
        - {name: nats, mountPath: /etc/orderfleet/nats, readOnly: true}
        {{- end }}
        {{- if $authority }}
        - {name: gateway, mountPath: /etc/orderfleet/gateway, readOnly: true}
        {{- end }}
        {{- with $c.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- end }}
  {{- if or $c.files $broker $authority $c.extraVolumes }}
  volumes:
    {{- if and $c.files (not $c.claims) }}
    - {name: data, emptyDir: {}}
    {{- end }}
    {{- if $c.files }}
    - {name: tmp, emptyDir: {sizeLimit: 256Mi}}
    {{- end }}
    {{- if $broker }}
    - name: nats
      projected:
        defaultMode: 0440
        sources:
          {{- $broker | nindent 10 }}
    {{- end }}
    {{- if $authority }}
    - name: gateway
      secret:
        secretName: {{ $authority }}
        items: [{key: {{ .root.Values.gateway.caKey }}, path: ca.crt}]
    {{- end }}
    {{- with $c.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- end }}
  {{- if $c.spread }}
  topologySpreadConstraints:
    {{- range tuple "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "orderfleet.selector" $id | nindent 10 }}
      # Without this the pods of the release before would count as well.
      matchLabelKeys: [{{ ternary "controller-revision-hash" "pod-template-hash" $c.claims }}]
    {{- end }}
  {{- end }}
  {{- with $c.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $c.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $c.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $c.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
{{- end }}

{{/* A container that runs the command line once. Takes root, name, args, env and resources. */}}
{{- define "orderfleet.command" -}}
name: {{ .name }}
image: {{ include "orderfleet.ownImage" (dict "root" .root "name" "orderfleet" "image" .root.Values.command.image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .args }}
securityContext:
  {{- include "orderfleet.containerSecurity" . | nindent 2 }}
resources:
  {{- toYaml .root.Values.command.resources | nindent 2 }}
{{- end }}
