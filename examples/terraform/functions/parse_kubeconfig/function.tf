locals {
  access = provider::clusterform::parse_kubeconfig(<<-EOT
    apiVersion: v1
    kind: Config
    current-context: lab
    contexts: [{ name: lab, context: { cluster: lab, user: admin } }]
    clusters: [{ name: lab, cluster: { server: "https://192.0.2.7:6443" } }]
    users: [{ name: admin, user: { token: "short-lived" } }]
  EOT
  )
}

output "host" {
  value = local.access.host
}
