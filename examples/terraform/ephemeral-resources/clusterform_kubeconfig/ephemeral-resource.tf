resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

resource "clusterform_cluster_ready" "lab" {
  cluster = clusterform_cluster.lab.id
}

# The certificate is made for this run and never in a plan or a state. The waiter's id is not known before the cluster
# answers, so that the first plan asks nothing of it.
ephemeral "clusterform_kubeconfig" "lab" {
  cluster = clusterform_cluster_ready.lab.id
  ttl     = "30m"
}

# provider "kubernetes" {
#   host                   = ephemeral.clusterform_kubeconfig.lab.host
#   cluster_ca_certificate = ephemeral.clusterform_kubeconfig.lab.cluster_ca_certificate
#   client_certificate     = ephemeral.clusterform_kubeconfig.lab.client_certificate
#   client_key             = ephemeral.clusterform_kubeconfig.lab.client_key
#   tls_server_name        = ephemeral.clusterform_kubeconfig.lab.tls_server_name
# }
