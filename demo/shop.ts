/** The manifests of the demo: what a team would keep in its Git repository. */

/** A stream `web` with one tag, and a Deployment that follows it. `image` is the pull spec of the tag. */
export function shopManifest(namespace: string, image: string): string {
  return `apiVersion: image.openshift.io/v1
kind: ImageStream
metadata:
  name: web
  namespace: ${namespace}
spec:
  tags:
    - name: stable
      from:
        kind: DockerImage
        name: ${image}
      importPolicy:
        insecure: true        # the demo's registry speaks plain HTTP
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: ${namespace}
  annotations:
    image.openshift.io/triggers: |
      [{"from": {"kind": "ImageStreamTag", "name": "web:stable"},
        "fieldPath": "spec.template.spec.containers[?(@.name==\\"web\\")].image"}]
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: " "          # filled in as soon as the tag has an image
`;
}
