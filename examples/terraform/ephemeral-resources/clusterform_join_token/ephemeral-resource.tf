resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

resource "clusterform_cluster_ready" "lab" {
  cluster = clusterform_cluster.lab.id
}

# For machines that clusterform does not make.
ephemeral "clusterform_join_token" "lab" {
  cluster = clusterform_cluster_ready.lab.id
  role    = "worker"
}
