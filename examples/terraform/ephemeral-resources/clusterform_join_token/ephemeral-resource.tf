resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

# For machines that clusterform does not make.
ephemeral "clusterform_join_token" "lab" {
  cluster = clusterform_cluster.lab.id
  role    = "worker"
}
