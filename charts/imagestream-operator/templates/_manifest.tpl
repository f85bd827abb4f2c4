{{/*
Every object of this chart is one of the manifests in files/, which are copies of config/ and crds/ (npm run generate). The
templates put it into the namespace of the release and change what the values say.
*/}}

{{/* The objects of the manifest .file, an item each of `objects`, for the release of .root. */}}
{{- define "manifest.objects" -}}
{{- $root := .root -}}
{{- $objects := list -}}
{{- range splitList "\n---\n" (required (printf "the chart lacks %s" .file) ($root.Files.Get .file)) -}}
  {{- $object := fromYaml . -}}
  {{- $metadata := $object.metadata -}}
  {{- $labels := include "manifest.labels" $root | fromYaml -}}
  {{- $_ := set $metadata "labels" (merge ($metadata.labels | default dict) $labels) -}}
  {{- if not (has $object.kind (list "ClusterRole" "ClusterRoleBinding" "CustomResourceDefinition" "APIService")) -}}
    {{- if ne ($metadata.namespace | default "") "kube-system" -}}
      {{- $_ := set $metadata "namespace" $root.Release.Namespace -}}
    {{- end -}}
  {{- end -}}
  {{- range $object.subjects -}}
    {{- $_ := set . "namespace" $root.Release.Namespace -}}
  {{- end -}}
  {{- if eq $object.kind "APIService" -}}
    {{- $_ := set $object.spec.service "namespace" $root.Release.Namespace -}}
  {{- end -}}
  {{- $isLeaseRole := and (eq $object.kind "Role") (eq $metadata.name "imagestream-operator") -}}
  {{- if and $isLeaseRole (gt (int $root.Values.shards) 1) -}}
    {{- range $object.rules -}}
      {{- if .resourceNames }}{{ $_ := set . "resourceNames" (include "manifest.leases" $root | fromYamlArray) }}{{ end -}}
    {{- end -}}
  {{- end -}}
  {{- if not (and $root.Values.namespaced (hasPrefix "ClusterRole" $object.kind)) -}}
    {{- $objects = append $objects $object -}}
  {{- end -}}
{{- end -}}
{{- dict "objects" $objects | toYaml -}}
{{- end -}}

{{/* The Leases of the shards: their numbers stand behind the name. */}}
{{- define "manifest.leases" -}}
{{- range until (int .Values.shards) }}
- imagestream-operator-{{ . }}
{{- end }}
{{- end -}}

{{/* The objects of a manifest, as they are. */}}
{{- define "manifest.plain" -}}
{{- range (include "manifest.objects" . | fromYaml).objects }}
---
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "manifest.labels" -}}
app.kubernetes.io/part-of: imagestream-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{/* A Deployment: the manifest .file with the values for all pods, and with .values of this one; .patches add to its container. */}}
{{- define "manifest.deployment" -}}
{{- $deployment := first (include "manifest.objects" . | fromYaml).objects -}}
{{- $pod := $deployment.spec.template.spec -}}
{{- $container := first $pod.containers -}}
{{- $all := .root.Values -}}
{{- $_ := set $deployment.spec "replicas" .values.replicas -}}
{{- with $all.image -}}
  {{- $version := printf ":%s" (default $.root.Chart.AppVersion .tag) -}}
  {{- $_ := set $container "image" (printf "%s%s" .repository (ternary (printf "@%s" .digest) $version (ne .digest ""))) -}}
  {{- with .pullPolicy }}{{ $_ := set $container "imagePullPolicy" . }}{{ end -}}
  {{- with .pullSecrets -}}
    {{- $secrets := list -}}
    {{- range . }}{{ $secrets = append $secrets (dict "name" .) }}{{ end -}}
    {{- $_ := set $pod "imagePullSecrets" $secrets -}}
  {{- end -}}
{{- end -}}
{{- with .values.resources }}{{ $_ := set $container "resources" . }}{{ end -}}
{{- with .values.extraArgs }}{{ $_ := set $container "args" . }}{{ end -}}
{{- with .values.strategy }}{{ $_ := set $deployment.spec "strategy" . }}{{ end -}}
{{- if gt (int .values.shards) 1 -}}
  {{- $shards := dict "name" "IMAGESTREAM_SHARDS" "value" (toString .values.shards) -}}
  {{- $_ := set $container "env" (append $container.env $shards) -}}
{{- end -}}
{{- range .patches -}}
  {{- $added := first .spec.template.spec.containers -}}
  {{- $_ := set $container "env" (concat $added.env $container.env) -}}
  {{- with $added.ports }}{{ $_ := set $container "ports" (concat . $container.ports) }}{{ end -}}
  {{- with $added.volumeMounts }}{{ $_ := set $container "volumeMounts" . }}{{ end -}}
  {{- with .spec.template.spec.volumes }}{{ $_ := set $pod "volumes" . }}{{ end -}}
{{- end -}}
{{- with $all.env }}{{ $_ := set $container "env" (concat $container.env .) }}{{ end -}}
{{- with $all.volumeMounts }}{{ $_ := set $container "volumeMounts" (concat ($container.volumeMounts | default list) .) }}{{ end -}}
{{- with $all.volumes }}{{ $_ := set $pod "volumes" (concat ($pod.volumes | default list) .) }}{{ end -}}
{{- with $all.priorityClassName }}{{ $_ := set $pod "priorityClassName" . }}{{ end -}}
{{- with $all.nodeSelector }}{{ $_ := set $pod "nodeSelector" (merge . $pod.nodeSelector) }}{{ end -}}
{{- with $all.tolerations }}{{ $_ := set $pod "tolerations" . }}{{ end -}}
---
{{ toYaml $deployment }}
{{- end -}}
